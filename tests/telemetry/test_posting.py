"""Posting readings over HTTP."""

import asyncio
import gzip
import json

import pytest

from tests.readings import AT_S, POST, POST_BATCH, a_reading, lines, readings


async def count(tables) -> int:
    return await tables.fetchval("SELECT count(*) FROM readings")


async def test_a_reading_sent_twice_is_stored_once(sensor, tables):
    first = await sensor.post(POST, json=a_reading())
    again = await sensor.post(POST, json=a_reading(temperature=5))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == {
        "success": True,
        "message": "The reading is stored.",
        "timestamp": "2024-11-21T22:00:00.250000Z",
        "inserted": 1,
        "duplicates": 0,
    }
    assert (again.json()["inserted"], again.json()["duplicates"]) == (0, 1)
    assert await tables.fetchval("SELECT array_agg(temperature_c) FROM readings") == [-18.5]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
async def test_old_firmware_need_not_name_the_content_type(sensor, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert (await sensor.post(POST, content=json.dumps(a_reading()), headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_malformed"),
        (b"\xff", 400, "body_malformed"),
        (b"[]", 422, "reading_invalid"),
        (b'{"device_id": "sensor-1"}', 422, "reading_invalid"),
        (b" " * 70_000, 413, "body_too_large"),
    ],
)
async def test_a_refusal_is_a_problem_with_a_code(sensor, tables, body, status, code):
    answer = await sensor.post(POST, content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await count(tables) == 0


async def test_a_refusal_names_the_field(sensor):
    answer = await sensor.post(POST, content=json.dumps(a_reading(temperature=float("nan"))))

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "temperature", "reason": "Input should be a finite number"}]


async def test_a_sensor_posts_only_as_itself(sensor, client, tables):
    as_another = await sensor.post(POST, json=a_reading("sensor-2"))
    without_token = await client.post(POST, json=a_reading())
    with_wrong_token = await client.post(
        POST, json=a_reading(), headers={"Authorization": f"Bearer scd_{'x' * 43}"}
    )

    answers = [as_another, without_token, with_wrong_token]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "other_device"),
        (401, "token_missing"),
        (401, "token_refused"),
    ]
    assert await count(tables) == 0


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("form", ["array", "lines"])
async def test_a_batch_in_each_form(sensor, tables, form, packed):
    values = readings(1000)
    body = lines(values) if form == "lines" else json.dumps(values).encode()
    headers = {"Content-Encoding": "gzip"} if packed else {}

    answer = await sensor.post(POST_BATCH, content=gzip.compress(body) if packed else body, headers=headers)

    assert (answer.status_code, answer.json()["inserted"]) == (200, 1000)
    again = (await sensor.post(POST_BATCH, json=values[:7] + readings(3, every_s=0.5)[1:])).json()
    assert (again["inserted"], again["duplicates"], again["rejected"]) == (2, 7, [])
    assert await count(tables) == 1002


async def test_the_answer_lists_what_was_not_stored(sensor, tables):
    values = [a_reading(), a_reading("sensor-2"), a_reading(timestamp=12), a_reading(timestamp=AT_S + 1)]

    answer = (await sensor.post(POST_BATCH, json=values)).json()

    assert (answer["success"], answer["inserted"], answer["duplicates"]) == (True, 2, 0)
    assert [(bad["index"], bad["field"]) for bad in answer["rejected"]] == [
        (1, "device_id"),
        (2, "timestamp"),
    ]
    assert await count(tables) == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_malformed"),
        (b"[{]", 400, "body_malformed"),
        (json.dumps([a_reading(temperature=1e9)]).encode(), 422, "all_readings_invalid"),
        (json.dumps([a_reading("sensor-2")]).encode(), 403, "other_device"),
        (b"[" + b"0," * 10_000 + b"0]", 413, "too_many_readings"),
        (b"[" + b" " * 9_000_000 + b"]", 413, "body_too_large"),
    ],
)
async def test_a_batch_that_is_refused_as_a_whole(sensor, tables, body, status, code):
    answer = await sensor.post(POST_BATCH, content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await count(tables) == 0


async def test_a_gzip_bomb_and_broken_gzip(sensor):
    bomb = await sensor.post(
        POST_BATCH,
        content=gzip.compress(b"[" + b" " * 20_000_000 + b"]"),
        headers={"Content-Encoding": "gzip"},
    )
    broken = await sensor.post(POST_BATCH, content=b"[]", headers={"Content-Encoding": "gzip"})
    other = await sensor.post(POST_BATCH, content=b"[]", headers={"Content-Encoding": "br"})

    answers = [bomb, broken, other]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (413, "body_too_large"),
        (400, "gzip_broken"),
        (415, "encoding_unsupported"),
    ]


async def test_the_largest_batch_is_stored_whole(sensor, tables):
    assert (await sensor.post(POST_BATCH, json=readings(10_000))).json()["inserted"] == 10_000
    assert await count(tables) == 10_000


async def test_many_sensors_at_once_each_get_their_own_answer(open_client, tables):
    values = [a_reading(f"device-{place % 10}", timestamp=AT_S + place // 10) for place in range(300)]

    answers = await asyncio.gather(*(open_client.post(POST, json=value) for value in values * 2))

    assert sum(answer.json()["inserted"] for answer in answers) == 300
    assert await count(tables) == 300


async def test_where_access_is_open_unknown_devices_register_themselves(open_client, tables):
    await open_client.post(POST, json=a_reading("old-firmware"))
    await open_client.post(POST_BATCH, json=[a_reading("old-1"), a_reading("old-2")])

    found = await tables.fetch("SELECT device_id FROM devices ORDER BY device_id")
    assert [row["device_id"] for row in found] == ["old-1", "old-2", "old-firmware"]


@pytest.mark.parametrize("device_id", [".", ".."])
async def test_an_id_that_no_path_can_hold_registers_no_device(open_client, device_id):
    """Ordinary HTTP clients take `.` and `..` out of a path, so its readings could never be read back."""
    alone = await open_client.post(POST, json=a_reading(device_id))
    mixed = await open_client.post(POST_BATCH, json=[a_reading(device_id), a_reading("sensor-1")])

    assert (alone.status_code, alone.json()["code"]) == (422, "device_id_invalid")
    assert "neither `.` nor `..`" in alone.json()["detail"]
    assert mixed.json()["inserted"] == 1
    [refused] = mixed.json()["rejected"]
    assert (refused["index"], refused["field"]) == (0, "device_id")


async def test_a_full_registry_refuses_new_devices_and_keeps_the_old(running, tables):
    async with running(devices={"access": "open", "open_devices_max": 2}) as client:
        first = await client.post(POST_BATCH, json=[a_reading("one"), a_reading("two")])
        third = await client.post(POST, json=a_reading("three"))
        mixed = await client.post(POST_BATCH, json=[a_reading("three"), a_reading("one", timestamp=AT_S + 1)])

    assert first.json()["inserted"] == 2
    assert (third.status_code, third.json()["code"]) == (403, "registry_full")
    assert mixed.json()["inserted"] == 1
    assert [(bad["index"], bad["field"]) for bad in mixed.json()["rejected"]] == [(0, "device_id")]


async def test_a_full_queue_answers_503_and_when_to_try_again(running, tables):
    """More batches at once than may wait: some are refused, and every other one is stored."""
    async with running(
        devices={"access": "open"}, ingest={"queue_rows": 1000, "commit_rows": 1000}
    ) as client:
        batches = [readings(900, f"device-{place}") for place in range(12)]
        # Nothing is stored until the first one is refused, however fast the machine is.
        async with tables.transaction():
            await tables.execute("LOCK TABLE readings IN SHARE MODE")
            posts = [asyncio.create_task(client.post(POST_BATCH, json=batch)) for batch in batches]
            await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        answers = await asyncio.gather(*posts)
        refused = [answer for answer in answers if answer.status_code == 503]
        stored = [answer for answer in answers if answer.status_code == 200]

        assert len(refused) + len(stored) == 12
        assert refused
        assert {answer.json()["code"] for answer in refused} == {"ingest_busy"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert all(answer.json()["inserted"] == 900 for answer in stored)
