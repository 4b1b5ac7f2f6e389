"""Who may post and read, asked of the running application."""

import asyncio
from datetime import timedelta
from time import monotonic

import pytest

from signalcraft.devices import service

READING = {
    "device_id": "sensor-1",
    "timestamp": 1732226400.25,
    "temperature": -18.5,
    "vibration": {"x": 0.2, "y": 0.1, "z": 0.3},
    "power_consumption": 45.2,
    "audio_level": 150,
}
PATH = "/api/iot/sensors/data"


async def test_without_a_token_nothing_is_stored(client):
    response = await client.post(PATH, json=READING)

    assert (response.status_code, response.json()["code"]) == (401, "token_missing")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["", "scd_", "x" * 47, "scd_" + "A" * 43, "scd_" + "ü" * 43])
async def test_a_token_that_was_never_issued_is_refused(client, token):
    headers = {"Authorization": f"Bearer {token}".encode()}

    response = await client.post(PATH, json=READING, headers=headers)

    assert (response.status_code, response.json()["code"]) == (401, "token_refused")


async def test_a_device_posts_and_reads_only_as_itself(sensor, another_sensor):
    assert (await sensor.post(PATH, json=READING)).status_code == 200

    posting = await another_sensor.post(PATH, json=READING)
    reading = await another_sensor.get(f"{PATH}/{sensor.device_id}")
    listing = await another_sensor.get("/api/diagnoses", params={"device_id": sensor.device_id})

    assert {r.status_code for r in (posting, reading, listing)} == {403}
    assert {r.json()["code"] for r in (posting, reading, listing)} == {"other_device"}


async def test_where_access_is_open_no_token_is_needed(open_client):
    assert (await open_client.post(PATH, json=READING)).status_code == 200
    answer = await open_client.get(f"{PATH}/sensor-1")

    assert answer.json()["count"] == 1


async def until_refused(sensor, limit_s: float = 10) -> None:
    deadline = monotonic() + limit_s
    while (await sensor.post(PATH, json=READING)).status_code != 401:
        assert monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_revoked_token_ends_though_it_was_just_used(sensor, database):
    assert (await sensor.post(PATH, json=READING)).status_code == 200

    async with database.session() as session:
        await service.revoke_tokens(session, sensor.device_id)

    # The settings let a checked token live for a minute; the announcement ends it long before.
    await until_refused(sensor)


async def test_a_rotated_token_ends_after_its_overlap(sensor, database):
    assert (await sensor.post(PATH, json=READING)).status_code == 200

    async with database.session() as session:
        await service.rotate_token(session, sensor.device_id, timedelta(seconds=0.5))

    await until_refused(sensor)
