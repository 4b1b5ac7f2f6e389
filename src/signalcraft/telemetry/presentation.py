"""Rows as the API shows them. Plain dictionaries: a page may have ten thousand of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic_core import to_json

Json = dict[str, Any]

# Some 2 ms of work; a whole page at once would keep all other requests waiting.
_ROWS_A_TURN: Final = 250


async def written(rows: Sequence[Any], shown: Callable[[Any], Json]) -> bytes:
    """The rows as a JSON array; other requests get their turn meanwhile."""
    parts = []
    for first in range(0, len(rows), _ROWS_A_TURN):
        parts.append(to_json([shown(row) for row in rows[first : first + _ROWS_A_TURN]])[1:-1])
        await asyncio.sleep(0)
    return b"[" + b",".join(parts) + b"]"


def shown_reading(row: Sequence[Any]) -> Json:
    """A row of `ts` and `MEASURED`."""
    ts, temperature_c, x_g, y_g, z_g, power_percent, audio_level, sensor_quality = row
    return {
        "timestamp": ts,
        "temperature": temperature_c,
        "vibration": {"x": x_g, "y": y_g, "z": z_g},
        "power_consumption": power_percent,
        "audio_level": audio_level,
        "sensor_quality": sensor_quality,
    }


def shown_bucket(row: Sequence[Any]) -> Json:
    """A row of `rollup_repository.buckets`."""
    at, count, quality_count, *figures = row
    temperature, x, y, z, power, level = [
        _spread(count, *figures[place : place + 3]) for place in range(0, len(figures) - 3, 3)
    ]
    return {
        "timestamp": at,
        "count": count,
        "temperature": temperature,
        "vibration": {"x": x, "y": y, "z": z},
        "power_consumption": power,
        "audio_level": level,
        "sensor_quality": _spread(quality_count, *figures[-3:]) if quality_count else None,
    }


def _spread(count: int, least: float, greatest: float, total: float) -> Json:
    mean = total / count
    # Adding up many equal values may end a rounding error beyond them; a mean never does.
    if not least <= mean <= greatest:
        mean = least if mean < least else greatest
    return {"min": least, "mean": mean, "max": greatest}


_OF_THE_DEVICE = frozenset({"device_id", "name", "site_id", "last_seen"})


def shown_device(row: Any) -> Json:
    """A row of `repository.devices`."""
    last_reading = [value for name, value in row.items() if name not in _OF_THE_DEVICE]
    return {
        "device_id": row["device_id"],
        "name": row["name"],
        "site_id": row["site_id"],
        "last_seen": row["last_seen"],
        "last_reading": None if row["ts"] is None else shown_reading(last_reading),
    }
