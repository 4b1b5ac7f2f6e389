"""Readings for the tests, as sensors send them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from signalcraft.telemetry.readings import ReadingRow

POST = "/api/iot/sensors/data"
POST_BATCH = "/api/iot/sensors/data/batch"
DEVICES = "/api/iot/devices"
# 2024-11-21 22:00:00 UTC, and a quarter.
AT_S = 1732226400.25
AT = datetime(2024, 11, 21, 22, 0, 0, 250_000, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def a_reading(device_id: str = "sensor-1", **changes) -> dict:
    """The example of the field's documentation, with changes."""
    return {
        "device_id": device_id,
        "timestamp": AT_S,
        "temperature": -18.5,
        "vibration": {"x": 0.2, "y": 0.1, "z": 0.3},
        "power_consumption": 45.2,
        "audio_level": 150,
        "sensor_quality": 0.95,
    } | changes


def readings(count: int, device_id: str = "sensor-1", every_s: float = 5) -> list[dict]:
    """Readings one after the other, the oldest first."""
    return [
        a_reading(device_id, timestamp=AT_S + place * every_s, temperature=place % 100 / 8)
        for place in range(count)
    ]


def lines(values: list) -> bytes:
    """NDJSON."""
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def a_row(device_id: str = "sensor-1", at: datetime = AT, temperature_c: float = -18.5) -> ReadingRow:
    """A reading as the table has it."""
    ts_us = (at - EPOCH) // timedelta(microseconds=1)
    return ReadingRow(device_id, ts_us, temperature_c, 0.2, 0.1, 0.3, 45.2, 150.0, 0.95)


async def eventually(condition, limit_s: float = 20):
    """The condition's first true value."""
    async with asyncio.timeout(limit_s):
        while not (value := await condition()):  # noqa: ASYNC110 - the condition lies in the database
            await asyncio.sleep(0.02)
        return value
