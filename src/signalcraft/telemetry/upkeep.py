"""What keeps the readings in shape while the service runs: partitions ahead, retention, rollups.

Every process runs this; each job asks for its lock in the transaction that does the work, so one process does it at
a time and the death of any of them leaves nothing to clear up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from signalcraft.core.clock import utcnow
from signalcraft.core.database import Database
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.settings import RetentionSettings, Settings
from signalcraft.telemetry import partition_repository as partitions
from signalcraft.telemetry import rollup_repository as rollups
from signalcraft.telemetry.errors import PartitionInUse
from signalcraft.telemetry.months import Month

MONTHS_AHEAD: Final = 2
# About 25 ms of PostgreSQL's work.
MARKS_A_TURN: Final = 1_000
# Rest, as a multiple of the turn before: rolling up takes a quarter of one processor at most, and that is still some
# 10,000 marks a second.
REST_AFTER_WORK: Final = 3
EXPIRED_A_TURN: Final = 10_000
# After an error, unless the job's turn comes sooner.
AGAIN_AFTER_S: Final = 5.0

logger = get_logger(__name__)


async def run_upkeep(database: Database, settings: Settings) -> None:
    """Look after the readings until cancelled."""
    retention = settings.retention

    async def keep_shape() -> None:
        await make_partitions_ahead(database)
        await drop_expired(database, retention)

    async def roll() -> None:
        await roll_up(database, retention)

    async with asyncio.TaskGroup() as jobs:
        jobs.create_task(_repeat(keep_shape, retention.upkeep_every_s))
        jobs.create_task(_repeat(roll, retention.rollup_every_s))


async def make_partitions_ahead(database: Database) -> None:
    """See that this month and the next ones have their partitions."""
    month = Month.of(utcnow())
    for _ in range(MONTHS_AHEAD + 1):
        async with database.session() as session:
            await partitions.attach(session, month)
        month = month.next()


async def drop_expired(database: Database, retention: RetentionSettings) -> list[Month]:
    """Drop the months whose readings have all expired, and the expired rollups; the months that were dropped."""
    oldest_kept = Month.of(utcnow() - timedelta(days=retention.readings_days))
    async with database.session(read_only=True) as session:
        expired = [month for month in await partitions.months(session) if month < oldest_kept]
    for month in expired:
        async with database.session() as session:
            await partitions.drop(session, month)
        logger.info("readings_dropped", month=month.partition)
    await _expire_rollups(database, utcnow() - timedelta(days=retention.rollups_days))
    return expired


async def roll_up(database: Database, retention: RetentionSettings) -> int:
    """Bring the rollups up to the readings, as far as no other process is at it; how many marks that took away."""
    oldest = _oldest_rolled_up(retention)
    mended = 0
    while True:
        started_s = monotonic()
        async with database.session() as session:
            if not await rollups.try_rollup_lock(session):
                return mended
            marks = await rollups.mend(session, MARKS_A_TURN, oldest)
        mended += marks
        if marks < MARKS_A_TURN:
            return mended
        # Charts are right without it, so a backlog leaves most of the time to ingest.
        await asyncio.sleep(REST_AFTER_WORK * (monotonic() - started_s))


def _oldest_rolled_up(retention: RetentionSettings) -> datetime:
    """Minutes from here on have all their readings and belong into the rollups.

    A reading that comes even later is stored, and goes with its month at the next upkeep; its minute's rollup was
    made from more readings than are left, so it stays as it is.
    """
    now = utcnow()
    return max(
        Month.of(now - timedelta(days=retention.readings_days)).start,
        now - timedelta(days=retention.rollups_days),
    )


async def _expire_rollups(database: Database, before: datetime) -> None:
    while True:
        async with database.session() as session:
            if await rollups.expire(session, before, EXPIRED_A_TURN) == 0:
                return


async def _repeat(job: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        pause_s = every_s
        try:
            await job()
        except (DatabaseUnavailable, PartitionInUse) as later:
            logger.warning("upkeep_postponed", reason=str(later))
            pause_s = min(every_s, AGAIN_AFTER_S)
        # Whatever a run meets, the next one may do: giving up would let charts and partitions fall behind unseen.
        except Exception:
            logger.exception("upkeep_failed")
            pause_s = min(every_s, AGAIN_AFTER_S)
        await asyncio.sleep(pause_s)
