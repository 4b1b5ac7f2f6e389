"""How often a login may fail, and for whom."""

import asyncio

import pytest

from signalcraft.auth import limits
from signalcraft.auth.errors import LimitsUnavailable, TooManyFailures
from signalcraft.auth.limits import Attempt, Limits
from tests.people import Browser

ATTACKER = "203.0.113.66"


async def fail(counters: Limits, attempt: Attempt) -> None:
    async with counters.attempt(attempt):
        await counters.failed(attempt)


async def fails(counters: Limits, attempts) -> int:
    """How many of the attempts got as far as a password's check."""
    for count, attempt in enumerate(attempts):
        try:
            await fail(counters, attempt)
        except TooManyFailures:
            return count
    return len(list(attempts))


async def test_an_attacker_is_locked_out_and_told_for_how_long_but_the_owner_is_not(client, minji):
    attacker = Browser(client.app, "minji", address=ATTACKER)
    answers = [await attacker.log_in(f"guess {number}") for number in range(7)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 15 * 60
    # Not even the right password lets this address in now.
    assert (await attacker.log_in()).status_code == 429
    assert (await minji.log_in()).status_code == 200


async def test_many_guesses_at_once_are_no_way_round(client, minji):
    attackers = [Browser(client.app, "minji", address=ATTACKER) for _ in range(20)]
    answers = await asyncio.gather(*(attacker.log_in("guess") for attacker in attackers))

    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


async def test_a_browser_that_was_here_before_gets_in_whatever_an_attacker_does_from_wherever(
    client, signed_in
):
    """Even from the owner's own address, and from so many others that the account takes no strangers any more."""
    counters = client.app.state.auth.accounts._limits
    for number in range(60):
        await counters.failed(Attempt("minji", f"203.0.113.{number}", None))
    attacker = Browser(client.app, "minji", address="192.0.2.1")
    assert (await attacker.log_in()).status_code == 429

    assert (await signed_in.log_in()).status_code == 200


async def test_a_known_browser_has_a_limit_too(signed_in):
    answers = [await signed_in.log_in(f"guess {number}") for number in range(12)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2


async def test_a_browser_is_known_to_its_own_account_alone(client, signed_in, database):
    """The cookie of one's own account is no licence to guess at another's."""
    guesses = [await signed_in.log_in("guess", username="somebody") for _ in range(6)]

    assert [guess.status_code for guess in guesses] == [401] * 5 + [429]


async def test_a_cookie_that_was_never_issued_makes_nobody_known(client, minji):
    cookies = ["", "..", "a.b.c", "A" * 22 + ".1.x", "ü" * 22 + ".1.x", "A" * 22 + ".²." + "x" * 43]
    credentials = {"username": "minji", "password": "guess"}
    statuses = []
    for cookie in cookies:
        headers = {"Cookie": f"knownBrowser={cookie}".encode()}
        answer = await minji.http.post("/api/auth/login", json=credentials, headers=headers)
        statuses.append(answer.status_code)

    assert statuses == [401] * 5 + [429]


async def test_one_address_may_fail_at_many_accounts_only_so_often():
    counters = Limits(None)
    attempts = [Attempt(f"user {number}", ATTACKER, None) for number in range(200)]

    assert await fails(counters, attempts) == limits.ADDRESS.amount


async def test_one_account_may_fail_from_many_addresses_only_so_often():
    counters = Limits(None)
    attempts = [Attempt("minji", f"203.0.113.{number}", None) for number in range(200)]

    assert await fails(counters, attempts) == limits.ACCOUNT.amount


async def test_many_addresses_may_fail_at_many_accounts_only_so_often():
    counters = Limits(None)
    attempts = [Attempt(f"user {n}", f"10.{n // 250}.{n % 250}.1", None) for n in range(1_100)]

    assert await fails(counters, attempts) == limits.OVERALL.amount


async def test_of_an_ipv6_address_the_network_counts():
    counters = Limits(None)
    attempts = [Attempt("minji", f"2001:db8:1:2::{number:x}", None) for number in range(1, 30)]

    assert await fails(counters, attempts) == limits.PAIR.amount


async def test_without_redis_where_redis_counts_nobody_is_let_in_unlimited():
    counters = Limits("redis://127.0.0.1:1/0")

    with pytest.raises(LimitsUnavailable):
        await fail(counters, Attempt("minji", ATTACKER, None))


async def test_accounts_made_from_one_address_are_limited(client):
    counters = client.app.state.auth.accounts._limits
    for _ in range(limits.REGISTRATIONS.amount):
        await counters.registration("127.0.0.1")

    new = {"username": "jiho", "email": "jiho@shop.example", "password": "correct horse battery"}
    answer = await client.post("/api/auth/register", json=new)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_registrations")


@pytest.mark.parametrize(
    ("proxies", "is_believed"), [("", False), ("198.51.100.0/24", False), ("10.0.0.0/8, 192.0.2.1", True)]
)
async def test_the_client_is_who_a_trusted_proxy_says(running, proxies, is_believed):
    async with running(server={"trusted_proxies": proxies}) as client:
        proxy = Browser(client.app, "nobody", address="192.0.2.1")
        statuses = []
        for number in range(6):
            # What a client itself has put into the header stands to the left of the proxy's word.
            proxy.http.headers["X-Forwarded-For"] = f"203.0.113.1, 198.18.0.{number}, 10.1.1.1"
            statuses.append((await proxy.log_in("guess")).status_code)

    assert statuses[-1] == (401 if is_believed else 429)
