"""The SQL of the rollups: marking is ingest's part, taking the marks, mending the rollups and reading them are here.

A minute is marked as long as its rollup may lack a reading that was committed. Buckets are read from the rollups of
unmarked minutes and the readings of marked ones, in one statement, so they are exact at any moment.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.telemetry.ingest_repository import MARKS_LOCK
from signalcraft.telemetry.locks import giving_way
from signalcraft.telemetry.models import AGGREGATES, MEASURED

# One process at a time mends. Held to the end of each transaction that writes marks or rollups: "roll" in ASCII.
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

# If a group is held up, ingest must not queue behind this for long.
TAKE_LOCK_TIMEOUT: Final = text("SET LOCAL lock_timeout = '500ms'")
TRY_ROLLUP_LOCK: Final = text(f"SELECT pg_try_advisory_xact_lock({ROLLUP_LOCK})")
# When it is granted, every group that relied on a mark has been committed.
WAIT_FOR_GROUPS: Final = text(f"SELECT pg_advisory_xact_lock({MARKS_LOCK})")
ARE_TAKEN: Final = text("SELECT EXISTS (SELECT FROM rollup_taken)")
TAKE: Final = text("""
    WITH taken AS (
        DELETE FROM rollup_marks WHERE ctid = ANY (ARRAY(SELECT ctid FROM rollup_marks LIMIT :limit))
        RETURNING device_id, minute, marked_at
    )
    INSERT INTO rollup_taken (device_id, minute, marked_at) SELECT * FROM taken
""")
# The inner queries aggregate, so the planner can't turn them into joins: it would join by the device alone, all its
# readings with all its minutes, where a minute's readings stand together in the index.
MEND_MINUTES: Final = text(f"""
    INSERT INTO rollup_minute (device_id, minute, {_COLUMNS})
    SELECT t.device_id, t.minute, r.*
    FROM rollup_taken t
    CROSS JOIN LATERAL (
        SELECT {_OF_READINGS} FROM readings
        WHERE device_id = t.device_id AND ts >= t.minute AND ts < t.minute + interval '1 minute'
    ) AS r
    WHERE t.minute >= :oldest AND r.readings > 0
    ON CONFLICT (device_id, minute) DO UPDATE SET {_REPLACED}
""")  # noqa: S608 - column names of our own
MEND_HOURS: Final = text(f"""
    INSERT INTO rollup_hour (device_id, hour, {_COLUMNS})
    SELECT h.device_id, h.hour, m.*
    FROM (
        SELECT DISTINCT device_id, date_trunc('hour', minute) AS hour FROM rollup_taken WHERE minute >= :oldest
    ) AS h
    CROSS JOIN LATERAL (
        SELECT {_OF_ROLLUPS} FROM rollup_minute
        WHERE device_id = h.device_id AND minute >= h.hour AND minute < h.hour + interval '1 hour'
    ) AS m
    WHERE m.readings > 0
    ON CONFLICT (device_id, hour) DO UPDATE SET {_REPLACED}
""")  # noqa: S608 - as above
NOTE_ACTIVITY: Final = text("""
    INSERT INTO device_activity AS a (device_id, last_seen, last_minute)
    SELECT device_id, max(marked_at), max(minute) FROM rollup_taken GROUP BY device_id
    ON CONFLICT (device_id) DO UPDATE SET
        last_seen = greatest(a.last_seen, EXCLUDED.last_seen),
        last_minute = greatest(a.last_minute, EXCLUDED.last_minute)
""")
FORGET_TAKEN: Final = text("DELETE FROM rollup_taken")
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
        SELECT minute FROM rollup_marks WHERE device_id = :device_id AND minute >= :start AND minute < :end
        UNION
        SELECT minute FROM rollup_taken WHERE device_id = :device_id AND minute >= :start AND minute < :end
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
    """Keep other processes from marks and rollups until this transaction ends; False where one is at it."""
    return bool((await session.execute(TRY_ROLLUP_LOCK)).scalar_one())


async def take_marks(session: AsyncSession, limit: int) -> None:
    """Take up to `limit` marks, unless some are taken already; under the rollup lock, and to be committed at once.

    Raises:
        UpkeepInTheWay: a group takes long to be committed.
    """
    if (await session.execute(ARE_TAKEN)).scalar_one():
        return
    await session.execute(TAKE_LOCK_TIMEOUT)
    with giving_way():
        await session.execute(WAIT_FOR_GROUPS)
    await session.execute(TAKE, {"limit": limit})


async def mend_taken(session: AsyncSession, oldest: datetime) -> int:
    """Work out the taken minutes and their hours anew, and let go of them; how many. Under the rollup lock.

    Minutes before `oldest` are left as they are: their other readings may have been dropped.
    """
    await session.execute(MEND_MINUTES, {"oldest": oldest})
    await session.execute(MEND_HOURS, {"oldest": oldest})
    await session.execute(NOTE_ACTIVITY)
    forgotten: Any = await session.execute(FORGET_TAKEN)
    return int(forgotten.rowcount)


async def expire(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` rollups of minutes and as many of hours from before `before`; how many."""
    deleted = 0
    for statement in EXPIRE:
        result: Any = await session.execute(statement, {"before": before, "limit": limit})
        deleted += int(result.rowcount)
    return deleted


async def buckets(
    session: AsyncSession, device_id: str, *, bucket: timedelta, start: datetime, end: datetime, limit: int
) -> Sequence[RowMapping]:
    """Buckets of a device, newest first, from `start` up to but without `end`, which are borders of buckets."""
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
    return found.mappings().all()
