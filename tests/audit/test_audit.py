"""The log of who did what."""

import asyncpg
import pytest

from signalcraft.registry import service as registry
from tests.access.scene import OTHER_SHOP, SHOP
from tests.people import PASSWORD, Browser

CHANGES = [
    "UPDATE audit_events SET actor = 'nobody'",
    "DELETE FROM audit_events",
    "TRUNCATE audit_events",
    "INSERT INTO audit_events (event_id, actor, action) VALUES (1, 'nobody', 'login')",
]


async def events(
    client, headers, path: str = f"/api/sites/{SHOP}/audit"
) -> list[tuple[str, str, str | None]]:
    listed = (await client.get(path, headers=headers)).json()["data"]
    return [(entry["actor"], entry["action"], entry["target"]) for entry in listed]


async def test_owners_read_what_was_done_at_their_site_newest_first(client, scene):
    headers = await scene.session_of("owner")
    device_id = scene.ids["device_id"]
    await client.patch(f"/api/devices/{device_id}", json={"name": "Cold store"}, headers=headers)
    await client.post(
        f"/api/sites/{SHOP}/members", json={"username": "viewer", "role": "engineer"}, headers=headers
    )

    told = await events(client, headers)
    assert told[:2] == [("owner", "member_set", "viewer"), ("owner", "device_changed", device_id)]
    at_the_other = await events(client, await scene.session_of("stranger"), f"/api/sites/{OTHER_SHOP}/audit")
    assert at_the_other == []


async def test_logins_of_members_are_told_to_their_owners_those_of_others_are_not(client, scene):
    for who in ("viewer", "stranger"):
        await Browser(client.app, who, address="203.0.113.5").log_in("wrong password")
        await Browser(client.app, who).log_in()

    told = await events(client, await scene.session_of("owner"))
    assert ("viewer", "login", None) in told
    assert ("viewer", "login_failed", None) in told
    assert not any(actor == "stranger" for actor, _, _ in told)
    everything = await events(client, await scene.session_of("admin"), "/api/audit")
    assert ("stranger", "login_failed", None) in everything


async def test_logins_from_before_the_membership_are_no_business_of_the_site(client, scene):
    nothing = Browser(client.app, "nothing")
    await nothing.log_in()
    new = {"username": "nothing", "role": "viewer"}
    await client.post(f"/api/sites/{SHOP}/members", json=new, headers=await scene.session_of("admin"))
    headers = await scene.session_of("owner")
    assert not any(actor == "nothing" for actor, _, _ in await events(client, headers))

    await nothing.log_in()
    assert ("nothing", "login", None) in await events(client, headers)


async def test_baselines_and_models_are_told_too(client, scene, database):
    headers, device_id = await scene.session_of("engineer"), scene.ids["device_id"]
    path = f"/api/devices/{device_id}/baseline"
    assert (await client.post(path, json={}, headers=headers)).status_code == 201
    assert (await client.delete(path, headers=headers)).status_code == 200
    async with database.session() as session:
        await registry.give_role(session, registry.Role.SHADOW, None, "M. Kim")

    told = await events(client, await scene.session_of("owner"))
    assert told[:2] == [("engineer", f"baseline_{done}", device_id) for done in ("deleted", "started")]
    everything = await events(client, await scene.session_of("admin"), "/api/audit")
    assert ("M. Kim", "model_given_role", "shipped") in everything


async def test_what_was_refused_is_not_told_as_done(client, scene):
    headers = await scene.session_of("admin")
    before = await events(client, headers, "/api/audit")
    await client.patch(f"/api/users/{scene.users['admin']}", json={"is_admin": False}, headers=headers)

    assert await events(client, headers, "/api/audit") == before


async def test_the_log_holds_no_secret(client, scene, database_url):
    headers = await scene.session_of("owner")
    secrets = [PASSWORD, "a wrong password"]
    await Browser(client.app, "owner").log_in("a wrong password")
    token = await client.post("/api/auth/tokens", json={"name": "x", "scopes": ["read"]}, headers=headers)
    device = await client.post(f"/api/devices/{scene.ids['device_id']}/token", json={}, headers=headers)
    invited = await client.post(f"/api/sites/{SHOP}/invitations", json={"role": "viewer"}, headers=headers)
    secrets += [token.json()["token"], device.json()["token"], invited.json()["invitation"]]

    connection = await asyncpg.connect(database_url)
    whole = str(await connection.fetch("SELECT * FROM audit_events"))
    await connection.close()
    assert "token_made" in whole
    assert not any(secret in whole for secret in secrets)


async def test_a_name_that_is_nobodys_is_not_kept_since_it_may_be_a_password(client, scene, database_url):
    for name in (PASSWORD, "viewer", "VIEWER@shop.example"):
        await Browser(client.app, name).log_in("a wrong password")

    connection = await asyncpg.connect(database_url)
    kept = await connection.fetch(
        "SELECT * FROM audit_events WHERE action = 'login_failed' ORDER BY event_id"
    )
    await connection.close()
    assert [event["actor"] for event in kept] == ["(unknown name)", "viewer", "viewer"]
    assert PASSWORD not in str(kept)


async def test_it_comes_in_pages(client, scene):
    headers = await scene.session_of("owner")
    for number in range(5):
        await client.patch(f"/api/sites/{SHOP}", json={"name": f"Shop {number}"}, headers=headers)
    whole = await events(client, headers)
    paged, before = [], {}
    while before is not None:
        path = f"/api/sites/{SHOP}/audit"
        page = (await client.get(path, params={"limit": 2} | before, headers=headers)).json()
        paged += [(entry["actor"], entry["action"], entry["target"]) for entry in page["data"]]
        before = {"before": page["next_before"]} if page["next_before"] else None
    assert paged == whole


@pytest.mark.parametrize("is_superuser", [True, False])
async def test_postgresql_itself_lets_it_only_grow(client, scene, database_url, is_superuser):
    await client.patch(f"/api/sites/{SHOP}", json={"name": "Shop"}, headers=await scene.session_of("owner"))
    connection = await asyncpg.connect(database_url)
    count = await connection.fetchval("SELECT count(*) FROM audit_events")
    if not is_superuser:
        # Such a user as the service has on a PostgreSQL of somebody else's: the table's owner, and no more.
        await connection.execute("CREATE ROLE plain NOLOGIN")
        await connection.execute("ALTER TABLE audit_events OWNER TO plain")
        await connection.execute("SET ROLE plain")
    for change in CHANGES:
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(change)
    assert await connection.fetchval("SELECT count(*) FROM audit_events") == count >= 1
    if not is_superuser:
        await connection.execute("RESET ROLE")
        await connection.execute("DROP OWNED BY plain; DROP ROLE plain")
    await connection.close()
