"""The tables of readings and their rollups, for Alembic; the SQL stands in the repositories."""

from sqlalchemy import TIMESTAMP, BigInteger, Column, Double, Index, Table, Text, func

from signalcraft.core.database import Base

# What a sensor measures, by column. Double precision gives back exactly what JSON brought.
MEASURED = (
    "temperature_c",
    "vibration_x_g",
    "vibration_y_g",
    "vibration_z_g",
    "power_percent",
    "audio_level",
    "sensor_quality",
)
OPTIONAL = frozenset({"sensor_quality"})
AGGREGATES = ("min", "max", "sum")

# Ids are plain ASCII, and comparing bytes is several times quicker than a language's order.
_DEVICE_ID = Text(collation="C")
_INSTANT = TIMESTAMP(timezone=True)


def _keyed(name: str, instant: str, *columns: Column[float] | Column[int]) -> Table:
    return Table(
        name,
        Base.metadata,
        Column("device_id", _DEVICE_ID, primary_key=True),
        Column(instant, _INSTANT, primary_key=True),
        *columns,
        postgresql_partition_by="RANGE (ts)" if instant == "ts" else None,
    )


def _rollup(name: str, bucket: str) -> Table:
    """`readings` counts the rows; a mean is sum ÷ count, and only the quality has a count of its own."""
    counts = [Column(count, BigInteger, nullable=False) for count in ("readings", "sensor_quality_count")]
    figures = [
        Column(f"{field}_{aggregate}", Double, nullable=field in OPTIONAL)
        for field in MEASURED
        for aggregate in AGGREGATES
    ]
    return _keyed(name, bucket, *counts, *figures)


READINGS = _keyed(
    "readings", "ts", *(Column(field, Double, nullable=field in OPTIONAL) for field in MEASURED)
)
ROLLUP_MINUTE = _rollup("rollup_minute", "minute")
ROLLUP_HOUR = _rollup("rollup_hour", "hour")

# Minutes whose rollup lacks readings that came since: one row for each group and minute, never a common one, so that
# a mark is seen exactly when its readings are, and no group waits for another's.
ROLLUP_MARKS = Table(
    "rollup_marks",
    Base.metadata,
    Column("device_id", _DEVICE_ID, nullable=False),
    Column("minute", _INSTANT, nullable=False),
    Column("marked_at", _INSTANT, nullable=False, server_default=func.now()),
    Index("ix_rollup_marks_device_id_minute", "device_id", "minute"),
)
DEVICE_ACTIVITY = Table(
    "device_activity",
    Base.metadata,
    Column("device_id", _DEVICE_ID, primary_key=True),
    Column("last_seen", _INSTANT, nullable=False),
    Column("last_minute", _INSTANT, nullable=False),
)
