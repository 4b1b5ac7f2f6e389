"""A bound on all batches that are received at once."""

import json

import pytest

from signalcraft.telemetry.batch_room import BatchRoom
from signalcraft.telemetry.errors import IngestBusy
from tests.devices.test_access import READING


def test_room_is_given_back_also_after_an_error():
    room = BatchRoom(limit_bytes=100)

    for _ in range(3):
        with room.held() as take:
            take(60)
            with pytest.raises(IngestBusy):
                take(41)
    with room.held() as take:
        take(100)


async def test_a_batch_without_room_is_told_to_come_again(open_client):
    batch = json.dumps([READING] * 100)
    room = open_client.app.state.batch_room
    with room.held() as take:
        take(64 * 1024**2 - 1000)
        refused = await open_client.post("/api/iot/sensors/data/batch", content=batch)
    accepted = await open_client.post("/api/iot/sensors/data/batch", content=batch)

    assert (refused.status_code, refused.json()["code"]) == (503, "ingest_busy")
    assert int(refused.headers["Retry-After"]) >= 1
    assert accepted.json()["inserted"] == 1
