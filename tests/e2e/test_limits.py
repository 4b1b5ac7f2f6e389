"""Who sends too much is told when to come again; others don't notice, and nothing of theirs is lost."""

import pytest

from tests.conftest import registered
from tests.people import Browser, add_user
from tests.readings import AT_S, POST, POST_BATCH, a_reading, lines, readings
from tests.recordings import machine, packed

RECORDING = "/api/lightweight-analyze"


def must_be_limited(answer) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.fixture
async def limited(running):
    async with running(
        limits={"readings_a_minute": 3, "recordings_a_minute": 2, "requests_a_minute": 2}
    ) as client:
        yield client


@pytest.fixture
async def limited_and_open(running):
    async with running(
        devices={"access": "open"}, limits={"readings_a_minute": 3, "recordings_a_minute": 2}
    ) as client:
        yield client


async def test_a_devices_readings_are_limited_and_anothers_are_not(limited, database):
    loud = await registered(limited, database, "loud")
    quiet = await registered(limited, database, "quiet")
    answers = [await loud.post(POST, json=a_reading("loud", timestamp=AT_S + n)) for n in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    must_be_limited(answers[-1])
    must_be_limited(await loud.post(POST_BATCH, content=lines(readings(1, "loud"))))
    assert (await quiet.post(POST, json=a_reading("quiet"))).status_code == 200


async def test_also_what_is_not_valid_counts(limited, database):
    loud = await registered(limited, database, "loud")
    answers = [await loud.post(POST, content=b"{") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]


@pytest.mark.parametrize("body", [lines(readings(50, "loud")), b"[" + b"1" * 5_000, b"{}\n" * 50])
async def test_a_batch_is_taken_whole_and_paid_for_before_the_next(limited, database, body):
    loud = await registered(limited, database, "loud")
    first = await loud.post(POST_BATCH, content=body)

    assert first.status_code in {200, 400, 422}
    if first.is_success:
        assert first.json()["inserted"] == 50
    must_be_limited(await loud.post(POST_BATCH, content=lines(readings(1, "loud"))))


async def test_recordings_are_limited(limited, database):
    loud = await registered(limited, database, "loud")
    answers = [await loud.post(RECORDING, files={"audio": packed(machine())}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    must_be_limited(answers[-1])
    assert (await loud.post(POST, json=a_reading("loud"))).status_code == 200


@pytest.mark.parametrize("path", ["/api/diagnoses", "/api/iot/devices", f"{POST}/loud"])
async def test_reading_back_is_limited(limited, database, path):
    loud = await registered(limited, database, "loud")
    answers = [await loud.get(path) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    must_be_limited(answers[-1])


async def test_a_users_requests_are_limited_and_another_users_are_not(limited, database):
    for name in ("minji", "jun"):
        await add_user(database, name)
    minji, jun = Browser(limited.app, "minji"), Browser(limited.app, "jun")
    for browser in (minji, jun):
        assert (await browser.log_in()).status_code == 200
    answers = [
        await minji.http.get(path) for path in ("/api/diagnoses", "/api/auth/sessions", "/api/iot/devices")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    must_be_limited(answers[-1])
    # A page asks this all the time; it stays signed in.
    assert (await minji.http.get("/api/auth/verify")).status_code == 200
    assert (await jun.http.get("/api/diagnoses")).status_code == 200


async def test_where_access_is_open_the_device_that_is_named_counts(limited_and_open):
    async def post(device_id: str) -> int:
        return (await limited_and_open.post(POST, json=a_reading(device_id))).status_code

    assert [await post("loud") for _ in range(4)] == [200, 200, 200, 429]
    assert await post("quiet") == 200
    both = lines([*readings(2, "quiet"), *readings(2, "loud")])
    must_be_limited(await limited_and_open.post(POST_BATCH, content=both))


async def test_where_access_is_open_recordings_of_no_device_count_by_address(limited_and_open):
    async def post(**fields: str) -> int:
        answer = await limited_and_open.post(RECORDING, files={"audio": packed(machine())}, data=fields)
        return answer.status_code

    assert [await post() for _ in range(3)] == [200, 200, 429]
    assert await post(device_id="quiet") == 200
