"""The SQL of the rollups: marking is ingest's part, taking the marks, mending the rollups and reading them are here.

A group of readings and its marks are committed together. Whoever mends a minute first deletes the marks that it can
see, and then looks at the readings: it sees all those of the marks, and marks that come meanwhile stay. Buckets are read
from the rollups of unmarked minutes and the readings of marked ones, in one statement, so they are exact at any moment.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import TIMESTAMP, Row, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.telemetry.models import AGGREGATES, MEASURED

# One process at a time mends; held to the end of its transaction. "roll" in ASCII.
ROLLUP_LOCK: Final = 0x726F6C6C

_FIGURES: Final = [f"{field}_{aggregate}" for field in MEASURED for aggregate in AGGREGATES]
_COLUMNS: Final = ", ".join(["readings", "sensor_quality_count", *_FIGURES])
# Counts, least, greatest and sum, of rollups …
_OF_ROLLUPS: Final = ", ".join(
    [
        "sum(readings)::bigint AS readings",
        "sum(sensor_quality_count)::bigint AS sensor_quality_count",
        *(f"{name.rsplit('_', 1)[1]}({name}) AS {name}" for name in _FIGURES),
    ]
)
# … and of readings.
_OF_READINGS: Final = ", ".join(
    [
        "count(*) AS readings",
        "count(sensor_quality) AS sensor_quality_count",
        *(f"{aggregate}({field}) AS {field}_{aggregate}" for field in MEASURED for aggregate in AGGREGATES),
    ]
)
# A reading in the shape of a rollup of itself.
_READING_AS_ROLLUP: Final = ", ".join(
    [
        "1 AS readings",
        "(sensor_quality IS NOT NULL)::int AS sensor_quality_count",
        *(f"{field} AS {field}_{aggregate}" for field in MEASURED for aggregate in AGGREGATES),
    ]
)
_REPLACED: Final = ", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS.split(", "))

TRY_ROLLUP_LOCK: Final = text(f"SELECT pg_try_advisory_xact_lock({ROLLUP_LOCK})")
TAKE_MARKS: Final = text("""
    WITH taken AS (
        DELETE FROM rollup_marks WHERE ctid = ANY (ARRAY(SELECT ctid FROM rollup_marks LIMIT :limit))
        RETURNING device_id, minute, marked_at
    )
    SELECT device_id, minute, max(marked_at) AS marked_at, count(*) AS marks FROM taken GROUP BY 1, 2 ORDER BY 1, 2
""")
_DEVICE_IDS: Final = bindparam("device_ids", type_=ARRAY(Text))
_MINUTES: Final = bindparam("minutes", type_=ARRAY(TIMESTAMP(timezone=True)))
# The inner queries aggregate, so the planner can't turn them into joins: it would join by the device alone, all its
# readings with all its minutes, where a minute's readings stand together in the index.
MEND_MINUTES: Final = text(f"""
    INSERT INTO rollup_minute (device_id, minute, {_COLUMNS})
    SELECT t.device_id, t.minute, r.*
    FROM unnest(:device_ids, :minutes) AS t (device_id, minute)
    CROSS JOIN LATERAL (
        SELECT {_OF_READINGS} FROM readings
        WHERE device_id = t.device_id AND ts >= t.minute AND ts < t.minute + interval '1 minute'
    ) AS r
    WHERE r.readings > 0
    ON CONFLICT (device_id, minute) DO UPDATE SET {_REPLACED}
""").bindparams(_DEVICE_IDS, _MINUTES)  # noqa: S608 - column names of our own
MEND_HOURS: Final = text(f"""
    INSERT INTO rollup_hour (device_id, hour, {_COLUMNS})
    SELECT h.device_id, h.hour, m.*
    FROM (
        SELECT DISTINCT device_id, date_trunc('hour', minute) AS hour
        FROM unnest(:device_ids, :minutes) AS t (device_id, minute)
    ) AS h
    CROSS JOIN LATERAL (
        SELECT {_OF_ROLLUPS} FROM rollup_minute
        WHERE device_id = h.device_id AND minute >= h.hour AND minute < h.hour + interval '1 hour'
    ) AS m
    WHERE m.readings > 0
    ON CONFLICT (device_id, hour) DO UPDATE SET {_REPLACED}
""").bindparams(_DEVICE_IDS, _MINUTES)  # noqa: S608 - as above
NOTE_ACTIVITY: Final = text("""
    INSERT INTO device_activity AS a (device_id, last_seen, last_minute)
    SELECT device_id, max(marked_at), max(minute)
    FROM unnest(:device_ids, :minutes, :marked_at) AS t (device_id, minute, marked_at) GROUP BY device_id
    ON CONFLICT (device_id) DO UPDATE SET
        last_seen = greatest(a.last_seen, EXCLUDED.last_seen),
        last_minute = greatest(a.last_minute, EXCLUDED.last_minute)
""").bindparams(_DEVICE_IDS, _MINUTES, bindparam("marked_at", type_=ARRAY(TIMESTAMP(timezone=True))))
# A device at a time, because the key begins with it.
_EXPIRE: Final = """
    DELETE FROM rollup_{unit} WHERE ctid = ANY (ARRAY(
        SELECT r.ctid FROM device_activity a JOIN rollup_{unit} r ON r.device_id = a.device_id AND r.{unit} < :before
        LIMIT :limit
    ))
"""
EXPIRE: Final = [text(_EXPIRE.format(unit=unit)) for unit in ("minute", "hour")]

_DIRTY: Final = """
    dirty AS MATERIALIZED (
        SELECT DISTINCT minute FROM rollup_marks
        WHERE device_id = :device_id AND minute >= :start AND minute < :end
    )"""
_IS_CLEAN: Final = "NOT EXISTS (SELECT FROM dirty WHERE dirty.minute = rollup_minute.minute)"
_DIRTY_MINUTES: Final = f"""
    SELECT minute AS at, r.* FROM dirty
    CROSS JOIN LATERAL (
        SELECT {_OF_READINGS} FROM readings
        WHERE device_id = :device_id AND ts >= dirty.minute AND ts < dirty.minute + interval '1 minute'
    ) AS r WHERE r.readings > 0"""  # noqa: S608 - as above
_BUCKETS: Final = f"""
    SELECT date_bin(:bucket, at, timestamptz 'epoch') AS bucket, {_OF_ROLLUPS}
    FROM pieces GROUP BY 1 ORDER BY 1 DESC LIMIT :limit"""  # noqa: S608 - as above
BUCKETS_OF_READINGS: Final = text(f"""
    WITH pieces AS (
        SELECT ts AS at, {_READING_AS_ROLLUP} FROM readings
        WHERE device_id = :device_id AND ts >= :start AND ts < :end
    ) {_BUCKETS}
""")  # noqa: S608 - as above
BUCKETS_OF_MINUTES: Final = text(f"""
    WITH {_DIRTY}, pieces AS (
        SELECT minute AS at, {_COLUMNS} FROM rollup_minute
        WHERE device_id = :device_id AND minute >= :start AND minute < :end AND {_IS_CLEAN}
        UNION ALL {_DIRTY_MINUTES}
    ) {_BUCKETS}
""")  # noqa: S608 - as above
# An hour with a marked minute is put together from its minutes.
BUCKETS_OF_HOURS: Final = text(f"""
    WITH {_DIRTY}, dirty_hours AS MATERIALIZED (
        SELECT DISTINCT date_trunc('hour', minute) AS hour FROM dirty
    ), pieces AS (
        SELECT hour AS at, {_COLUMNS} FROM rollup_hour
        WHERE device_id = :device_id AND hour >= :start AND hour < :end
            AND NOT EXISTS (SELECT FROM dirty_hours WHERE dirty_hours.hour = rollup_hour.hour)
        UNION ALL
        SELECT hour AS at, m.* FROM dirty_hours
        CROSS JOIN LATERAL (
            SELECT {_OF_ROLLUPS} FROM rollup_minute
            WHERE device_id = :device_id AND minute >= hour AND minute < hour + interval '1 hour' AND {_IS_CLEAN}
        ) AS m WHERE m.readings > 0
        UNION ALL {_DIRTY_MINUTES}
    ) {_BUCKETS}
""")  # noqa: S608 - as above


async def try_rollup_lock(session: AsyncSession) -> bool:
    """Keep other processes from the rollups until this transaction ends; False where one is at them."""
    return bool((await session.execute(TRY_ROLLUP_LOCK)).scalar_one())


async def mend(session: AsyncSession, limit: int, oldest: datetime) -> int:
    """Work out anew the minutes of up to `limit` marks, and their hours; how many marks. Under the rollup lock.

    Minutes before `oldest` are left as they are: their other readings may have been dropped.
    """
    taken = (await session.execute(TAKE_MARKS, {"limit": limit})).all()
    if not taken:
        return 0
    await session.execute(
        NOTE_ACTIVITY,
        {
            "device_ids": [row.device_id for row in taken],
            "minutes": [row.minute for row in taken],
            "marked_at": [row.marked_at for row in taken],
        },
    )
    whole = [row for row in taken if row.minute >= oldest]
    minutes = {"device_ids": [row.device_id for row in whole], "minutes": [row.minute for row in whole]}
    await session.execute(MEND_MINUTES, minutes)
    await session.execute(MEND_HOURS, minutes)
    return sum(row.marks for row in taken)


async def expire(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` rollups of minutes and as many of hours from before `before`; how many."""
    deleted = 0
    for statement in EXPIRE:
        result: Any = await session.execute(statement, {"before": before, "limit": limit})
        deleted += int(result.rowcount)
    return deleted


async def buckets(
    session: AsyncSession, device_id: str, *, bucket: timedelta, start: datetime, end: datetime, limit: int
) -> Sequence[Row[Any]]:
    """Buckets of a device, newest first, from `start` up to but without `end`, which are borders of buckets.

    Rows of the bucket's beginning, `readings`, `sensor_quality_count`, and min, max and sum of each of `MEASURED`; they
    are read by place, because a day has 30,000 figures and looking each up by its name took longer than the query.
    """
    if bucket % timedelta(hours=1) == timedelta(0):
        statement = BUCKETS_OF_HOURS
    elif bucket % timedelta(minutes=1) == timedelta(0):
        statement = BUCKETS_OF_MINUTES
    else:
        statement = BUCKETS_OF_READINGS
    found = await session.execute(
        statement,
        {"device_id": device_id, "bucket": bucket, "start": start, "end": end, "limit": limit},
    )
    return found.all()
