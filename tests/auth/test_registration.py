"""Making an account."""

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from signalcraft.auth import service
from signalcraft.auth.errors import PasswordRefused
from signalcraft.auth.password_rules import common_passwords, must_be_good
from tests.people import PASSWORD, Browser, add_user

JIHO = {"username": "jiho", "email": "jiho@shop.example", "password": PASSWORD}


async def register(client, **changes):
    return await client.post("/api/auth/register", json=JIHO | changes)


async def invite(database, site_id: str | None = "default", role: str | None = "engineer") -> str:
    issued = service.Issued.new()
    async with database.session() as session:
        await service.repository.add_invitation(
            session,
            {
                "digest": issued.digest,
                "invitation_id": service.uuid4(),
                "site_id": site_id,
                "role": role,
                "invited_by": None,
            },
            timedelta(days=1),
        )
    return issued.secret


async def test_whoever_registers_may_sign_in_and_is_a_member_of_nothing(client):
    answer = await register(client)

    assert answer.status_code == 201
    assert (answer.json()["user"]["is_admin"], answer.json()["user"]["sites"]) == (False, [])
    assert (await Browser(client.app, "jiho").log_in()).status_code == 200


async def test_names_and_addresses_are_taken_once(client):
    await register(client)
    for same in (
        {"email": "other@shop.example", "username": "JIHO"},
        {"email": "Jiho@Shop.example", "username": "other"},
    ):
        answer = await register(client, **same)

        assert (answer.status_code, answer.json()["code"]) == (409, "user_exists")


NO_ACCOUNTS = [
    ("username", ""),
    ("username", "a@b"),
    ("username", "a b"),
    ("username", "x" * 65),
    ("username", "a\0b"),
    ("username", "a\ud800"),
    ("email", "jiho"),
    ("email", "a@b\0c"),
    ("email", "a@b@c"),
    ("password", "short"),
    ("password", "x" * 257),
    ("password", "password123"),
    ("password", "PassWord123"),
    ("password", "jiho@shop.example"),
    ("password", "SignalCraft"),
]


async def test_what_can_be_no_account_is_refused_by_field_without_repeating_it(client):
    for field, value in NO_ACCOUNTS:
        body = json.dumps(JIHO | {field: value})
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/auth/register", content=body, headers=headers)

        assert answer.status_code == 422, (field, value)
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert field != "password" or value not in answer.text


async def test_where_registration_is_off_an_invitation_is_needed_and_used_once(running, database):
    async with running(auth={"registration": "invitation"}) as client:
        assert (await register(client)).json()["code"] == "invitation_needed"
        assert (await register(client, invitation="x" * 43)).json()["code"] == "invitation_refused"
        code = await invite(database)

        answer = await register(client, invitation=code)

        assert answer.status_code == 201
        assert answer.json()["user"]["sites"] == [{"site_id": "default", "role": "engineer"}]
        again = await register(client, username="other", email="other@shop.example", invitation=code)
        assert again.json()["code"] == "invitation_refused"


async def test_an_invitation_has_an_end(client, database):
    code = await invite(database)
    async with database.session() as session:
        await session.execute(text("UPDATE invitations SET expires_at = now()"))

    assert (await register(client, invitation=code)).json()["code"] == "invitation_refused"


async def test_the_code_of_the_first_start_makes_one_administrator(client, database):
    async with database.session() as session:
        first = await service.setup_code(session)
    async with database.session() as session:
        code = await service.setup_code(session)
    assert (await register(client, invitation=first)).json()["code"] == "invitation_refused"

    answer = await register(client, invitation=code)

    assert answer.json()["user"]["is_admin"] is True
    async with database.session() as session:
        assert await service.setup_code(session) is None


async def test_the_code_is_void_once_there_is_an_administrator(client, database):
    async with database.session() as session:
        code = await service.setup_code(session)
    await add_user(database, "root", is_admin=True)

    assert (await register(client, invitation=code)).json()["code"] == "invitation_refused"


async def test_accounts_are_bounded(running, database):
    async with running(auth={"users_max": 1}) as client:
        assert (await register(client)).status_code == 201
        answer = await register(client, username="other", email="other@shop.example")

    assert (answer.status_code, answer.json()["code"]) == (403, "accounts_full")


@given(st.text(min_size=8, max_size=256).filter(lambda text: len(text.strip()) >= 8))
def test_a_password_may_hold_any_characters(password):
    try:
        must_be_good(password, ())
    except PasswordRefused as refused:
        reason = refused.details["errors"][0]["reason"]
        assert "most common" in reason or "characters" in reason or "your name" in reason


def test_the_list_of_common_passwords_holds_what_attackers_try_first():
    assert {"password", "12345678", "qwertyuiop", "iloveyou", "sunshine", "letmein1"} <= common_passwords()
    assert len(common_passwords()) > 10_000
