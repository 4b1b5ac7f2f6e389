"""Signing in and out, asked of the running application."""

import hashlib
from statistics import median
from time import perf_counter

import bcrypt
import pytest
from sqlalchemy import text

from signalcraft.auth import session_repository
from tests.people import PASSWORD, SESSION, Browser, add_user


def flags(answer, name: str = SESSION) -> set[str]:
    (header,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}=")]
    return {part.strip() for part in header.split(";")[1:]}


async def test_one_signs_in_by_name_or_address_in_any_capitals(minji):
    for name in ("minji", "MinJi", "minji@shop.example", "MINJI@SHOP.EXAMPLE"):
        answer = await minji.log_in(username=name)

        assert answer.status_code == 200
        assert answer.json()["success"] is True
        assert answer.json()["user"]["username"] == "minji"
        assert (await minji.verify()).json()["user"] == answer.json()["user"]


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(minji):
    answer = await minji.log_in()

    assert flags(answer) == {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=86400"}
    assert flags(answer, "knownBrowser") == {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=15552000"}


async def test_over_https_the_cookie_belongs_to_this_host_alone(client, minji):
    browser = Browser(client.app, "minji", base_url="https://signalcraft.test")
    answer = await browser.log_in()

    assert {"HttpOnly", "SameSite=lax", "Path=/", "Secure"} <= flags(answer, f"__Host-{SESSION}")
    assert not any(flag.lower().startswith("domain") for flag in flags(answer, f"__Host-{SESSION}"))
    assert (await browser.verify()).status_code == 200
    # One without the prefix may have been planted by a neighbour, so it opens nothing.
    token = browser.http.cookies[f"__Host-{SESSION}"]
    browser.http.cookies.clear()
    answer = await browser.http.get("/api/auth/verify", headers={"Cookie": f"{SESSION}={token}"})
    assert answer.status_code == 401


async def test_only_the_hash_of_the_token_is_kept(signed_in, database):
    async with database.session() as session:
        (kept,) = (await session.execute(text("SELECT digest FROM sessions"))).scalars()

    assert len(signed_in.token) == 43
    assert bytes(kept) == hashlib.sha256(signed_in.token.encode()).digest()


async def test_a_token_that_somebody_planted_is_not_taken_over(minji):
    """Session fixation: what the browser had before it signed in is worth nothing afterwards."""
    planted = "A" * 43
    minji.http.cookies.set(SESSION, planted, domain="signalcraft.test")
    answer = await minji.log_in()
    fresh = answer.cookies[SESSION]

    assert fresh != planted
    minji.http.cookies.clear()
    for token, status in ((planted, 401), (fresh, 200)):
        answer = await minji.http.get("/api/auth/verify", headers={"Cookie": f"{SESSION}={token}"})
        assert answer.status_code == status


async def test_signing_in_again_ends_the_session_before(signed_in):
    before = signed_in.token
    assert (await signed_in.log_in()).status_code == 200

    assert signed_in.token != before
    signed_in.http.cookies.clear()
    answer = await signed_in.http.get("/api/auth/verify", headers={"Cookie": f"{SESSION}={before}"})
    assert answer.status_code == 401


async def test_whoever_signs_out_is_out_on_the_server_too(signed_in):
    token = signed_in.token
    answer = await signed_in.http.post("/api/auth/logout")

    assert answer.status_code == 200
    assert SESSION not in signed_in.http.cookies
    answer = await signed_in.http.get("/api/auth/verify", headers={"Cookie": f"{SESSION}={token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_needed")


async def test_a_token_that_was_never_issued_opens_nothing(client):
    for token in ("", "x", "A" * 43, "A" * 10_000, "ü" * 43):
        answer = await client.get("/api/auth/verify", headers={"Cookie": f"{SESSION}={token}".encode()})

        assert answer.status_code == 401


async def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(client, minji):
    unknown = (await minji.log_in(username="nobody")).json()
    wrong = (await minji.log_in("wrong password")).json()
    del unknown["request_id"], wrong["request_id"]

    assert unknown == wrong
    assert unknown["code"] == "login_refused"


async def test_an_unknown_user_and_a_wrong_password_take_the_same_time(client, minji, database):
    """In turns, each from an address of its own, so that no limit is met; compared by their medians' ratio."""
    times: dict[str, list[float]] = {"minji": [], "nobody": []}
    for turn in range(25):
        for username, taken in times.items():
            browser = Browser(client.app, username, address=f"198.51.{turn}.{len(username)}")
            started_s = perf_counter()
            answer = await browser.log_in("wrong password")
            taken.append(perf_counter() - started_s)
            assert answer.status_code == 401

    ratio = median(times["minji"]) / median(times["nobody"])
    # Without the same work for both it would be above five.
    assert 0.67 < ratio < 1.5


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
async def test_a_hash_of_the_prototype_is_accepted_once_and_replaced(client, database, prefix):
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=prefix)).decode()
    user_id = await add_user(database, "old", password_hash=old)
    browser = Browser(client.app, "old")

    assert (await browser.log_in("wrong password")).status_code == 401
    assert (await browser.log_in()).status_code == 200
    async with database.session() as session:
        kept = await session.scalar(
            text("SELECT password_hash FROM users WHERE user_id = :id"), {"id": user_id}
        )
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await browser.log_in()).status_code == 200


async def test_a_long_password_of_the_prototype_still_works(client, database):
    """bcryptjs took the first 72 bytes."""
    password = "p" * 71 + "üxyz"
    old = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    await add_user(database, "old", password_hash=old)

    assert (await Browser(client.app, "old").log_in(password)).status_code == 200


async def test_a_session_ends_after_its_life_and_when_it_is_not_used(client, minji, database):
    for ending in ("expires_at = now()", "last_seen_at = now() - interval '2 hours'"):
        await minji.log_in()
        assert (await minji.verify()).status_code == 200
        async with database.session() as session:
            await session.execute(text(f"UPDATE sessions SET {ending}"))

        assert (await minji.verify()).status_code == 401


async def test_being_used_keeps_a_session_alive_at_one_write_a_minute(signed_in, database):
    async def last_seen():
        async with database.session() as session:
            return await session.scalar(text("SELECT last_seen_at FROM sessions"))

    first = await last_seen()
    await signed_in.verify()
    assert await last_seen() == first

    async with database.session() as session:
        await session.execute(text("UPDATE sessions SET last_seen_at = now() - interval '61 s'"))
    await signed_in.verify()
    assert await last_seen() > first


async def test_sessions_of_one_user_do_not_pile_up(signed_in, database):
    async with database.session() as session:
        await session.execute(
            text("""
                INSERT INTO sessions (digest, session_id, user_id, created_at, expires_at)
                SELECT sha256(n::text::bytea), gen_random_uuid(), user_id, now() - interval '1 h', now() + interval '1 h'
                FROM users, generate_series(1, 150) AS n
            """)
        )
    await signed_in.log_in()

    async with database.session() as session:
        count = await session.scalar(text("SELECT count(*) FROM sessions"))
    assert count == session_repository.SESSIONS_A_USER
    assert (await signed_in.verify()).status_code == 200


async def test_a_closed_account_is_out_at_once(signed_in, database):
    async with database.session() as session:
        await session.execute(text("UPDATE users SET disabled_at = now()"))

    assert (await signed_in.verify()).status_code == 401
    assert (await signed_in.log_in()).json()["code"] == "login_refused"
