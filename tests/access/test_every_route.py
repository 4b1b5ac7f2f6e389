"""Every route of the OpenAPI document, tried by everybody who might ask, against the tables of docs/access.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx

from signalcraft.access.rights import DEVICE_RIGHTS, OPEN_RIGHTS, ROLE_RIGHTS, SCOPE_RIGHTS, Right
from tests.access.scene import Scene, bearer

DOCUMENT = (Path(__file__).parents[2] / "docs" / "access.md").read_text()
PEOPLE = ("nothing", "stranger", "viewer", "engineer", "owner", "admin")
CALLERS = ("nobody", "another device", "the device itself", *PEOPLE)
# What the address names besides these is the caller's own.
THINGS = ("device_id", "diagnosis_id", "site_id", "task_id", "job_id")
ALLOWED = "allowed"


def table(first: str) -> Iterator[list[str]]:
    """The rows of the table whose first column is called so."""
    rows = DOCUMENT.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    for row in rows:
        yield [cell.strip().strip("`") for cell in row.strip("|").split("|")]


RULES: dict[str, str] = dict(table("route"))


def routes_of(app) -> list[str]:
    document = app.openapi()
    return [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]


def test_the_tables_of_rights_and_scopes_are_the_ones_in_force():
    for right, _, viewer, engineer, owner, admin, device, anyone in table("right"):
        told = {"viewer": viewer, "engineer": engineer, "owner": owner}
        for role, rights in ROLE_RIGHTS.items():
            assert (Right(right) in rights) == (told[role] == "yes"), (right, role)
        assert admin == "yes"
        assert (Right(right) in DEVICE_RIGHTS) == (device == "yes"), right
        assert (Right(right) in OPEN_RIGHTS) == (anyone == "yes"), right
    assert {row[0] for row in table("right")} == set(Right)
    told = {scope: set(re.findall(r"\w+", covered)) for scope, covered in table("scope")}
    assert told == {scope: set(rights) for scope, rights in SCOPE_RIGHTS.items()}


def test_each_route_has_a_rule_and_each_rule_a_route(client):
    assert sorted(routes_of(client.app)) == sorted(RULES)


def expected(needs: str, thing: str | None, caller: str) -> object:
    """ALLOWED, or the status of the refusal."""
    if needs in ("everybody", "a session"):
        return ALLOWED if needs == "everybody" or caller in PEOPLE else 401
    right = Right(needs)
    if caller == "nobody":
        return 401
    if caller in ("the device itself", "another device"):
        return _of_device(right, thing, caller)
    if caller in ("nothing", "stranger"):
        return _of_no_member(right, thing, caller)
    return ALLOWED if caller == "admin" or right in ROLE_RIGHTS[caller] else 403


def _of_device(right: Right, thing: str | None, caller: str) -> object:
    if right not in DEVICE_RIGHTS:
        return 403
    if thing is None or caller == "the device itself":
        return ALLOWED
    return 403 if thing == "device_id" else 404


def _of_no_member(right: Right, thing: str | None, caller: str) -> object:
    if thing is not None:
        return 404
    # The stranger owns another shop.
    has_it = right is Right.READ or (caller == "stranger" and right in ROLE_RIGHTS["owner"])
    return ALLOWED if has_it else 403


async def headers_of(scene: Scene, caller: str, needs: str) -> httpx.Headers:
    if caller == "nobody":
        return httpx.Headers()
    if caller == "the device itself":
        return bearer(scene.token)
    if caller == "another device":
        _, token = await scene.device("shop")
        return bearer(token)
    # What is posted is posted with a token; all else people do in their browsers.
    return await (scene.script_of(caller) if needs == "ingest" else scene.session_of(caller))


async def test_everybody_may_do_what_the_table_says_and_nothing_else(client, scene):
    wrong = []
    for route, needs in RULES.items():
        method, path = route.split()
        named = re.findall(r"{(\w+)}", path)
        thing = next((name for name in named if name in THINGS), None)
        unknowns = {f"{name.removesuffix('_id')}_unknown" for name in named}
        for caller in CALLERS:
            await scene.set_up()
            unknown = set(named) - set(scene.ids)
            assert not unknown, f"{route}: tell Scene.set_up how to make {unknown}"
            headers = await headers_of(scene, caller, needs)
            body = {} if method in ("POST", "PUT", "PATCH") else None
            answer = await client.request(method, path.format(**scene.ids), headers=headers, json=body)
            refused = answer.status_code if answer.status_code in (401, 403) else ALLOWED
            # Another 404 tells whoever may see the thing that it lacks something.
            if answer.status_code == 404 and answer.json()["code"] in unknowns:
                refused = 404
            if needs == "a session" and answer.status_code == 404:
                refused = ALLOWED  # It is no session of the caller's.
            if answer.status_code >= 500 or refused != expected(needs, thing, caller):
                wrong.append(f"{caller}: {route}: {answer.status_code}, not {expected(needs, thing, caller)}")
    assert not wrong, "\n".join(wrong)


async def test_where_device_access_is_open_only_the_device_routes_are(running, database):
    async with running(devices={"access": "open"}) as client:
        scene = await Scene.made(database)
        await scene.set_up()
        wrong = []
        for route, needs in RULES.items():
            method, path = route.split()
            body = {} if method in ("POST", "PUT", "PATCH") else None
            answer = await client.request(method, path.format(**scene.ids), json=body)
            is_open = answer.status_code != 401
            if is_open != (needs == "everybody" or needs in OPEN_RIGHTS):
                wrong.append(f"{route}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
