"""Rows as the API shows them. Plain dictionaries: a page may have ten thousand of them."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


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


def shown_bucket(row: Any) -> Json:
    """A row of `rollup_repository.buckets`."""
    count = row["readings"]

    def spread(field: str, of: int = count) -> Json | None:
        if of == 0:
            return None
        least, greatest = row[f"{field}_min"], row[f"{field}_max"]
        # Adding up many equal values may end a rounding error beyond them; a mean never does.
        mean = min(max(row[f"{field}_sum"] / of, least), greatest)
        return {"min": least, "mean": mean, "max": greatest}

    return {
        "timestamp": row["bucket"],
        "count": count,
        "temperature": spread("temperature_c"),
        "vibration": {axis: spread(f"vibration_{axis}_g") for axis in "xyz"},
        "power_consumption": spread("power_percent"),
        "audio_level": spread("audio_level"),
        "sensor_quality": spread("sensor_quality", row["sensor_quality_count"]),
    }


def shown_device(row: Any) -> Json:
    """A row of `repository.devices`."""
    last_reading = [value for name, value in row.items() if name not in ("device_id", "name", "last_seen")]
    return {
        "device_id": row["device_id"],
        "name": row["name"],
        "last_seen": row["last_seen"],
        "last_reading": None if row["ts"] is None else shown_reading(last_reading),
    }
