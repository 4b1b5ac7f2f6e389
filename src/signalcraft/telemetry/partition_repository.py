"""The SQL of the readings table's partitions: one a month, made ahead or when a late reading needs it.

Both ingest, on its own connection, and upkeep, in a session, make partitions; the statements hold only names and
dates of our own.
"""

from typing import Any, Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.telemetry.errors import PartitionInUse
from signalcraft.telemetry.months import Month, month_of_day

# Making a partition and dropping one exclude each other, whichever process does it: "part" in ASCII.
_PARTITIONS_LOCK: Final = 0x70617274
LIST_PARTITIONS: Final = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'readings'::regclass ORDER BY c.relname
"""
# Made beside the table and then attached: that lets everybody go on reading and writing, where CREATE TABLE …
# PARTITION OF would wait for all of them and hold up the next ones.
_ATTACH: Final = """
    DO $$ BEGIN
        PERFORM set_config('lock_timeout', '3s', true), pg_advisory_xact_lock({lock});
        IF to_regclass('{name}') IS NULL THEN
            CREATE TABLE {name} (LIKE readings INCLUDING ALL);
            ALTER TABLE readings ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}');
        END IF;
    END $$
"""
# Dropping needs the table for itself, for an instant. Where a long query is in the way it gives up, so that ingest
# never queues behind it for longer; the next run tries again.
_DROP: Final = """
    DO $$ BEGIN
        PERFORM set_config('lock_timeout', '1s', true), pg_advisory_xact_lock({lock});
        DROP TABLE IF EXISTS {name};
    END $$
"""


async def months(session: AsyncSession) -> list[Month]:
    """The months that have a partition, oldest first."""
    return sorted(
        Month.of_partition(name) for name in (await session.execute(text(LIST_PARTITIONS))).scalars()
    )


async def attach(session: AsyncSession, month: Month) -> None:
    """See that the month has its partition."""
    connection = await session.connection()
    await connection.exec_driver_sql(_attach_statement(month))


async def drop(session: AsyncSession, month: Month) -> None:
    """Drop the month's partition with all its readings.

    Raises:
        PartitionInUse: a long query reads them.
    """
    connection = await session.connection()
    try:
        await connection.exec_driver_sql(_DROP.format(lock=_PARTITIONS_LOCK, name=month.partition))
    except DBAPIError as error:
        if isinstance(getattr(error.orig, "__cause__", None), asyncpg.LockNotAvailableError):
            raise PartitionInUse from error
        raise


class KnownPartitions:
    """The partitions that the writer has seen."""

    def __init__(self) -> None:
        self._months: set[Month] | None = None

    def forget(self) -> None:
        """Look again before the next group: a month may have been dropped."""
        self._months = None

    async def cover(self, connection: Any, days: set[int]) -> None:
        """Make the partitions that these days need."""
        if self._months is None:
            self._months = {
                Month.of_partition(row["relname"]) for row in await connection.fetch(LIST_PARTITIONS)
            }
        for month in sorted({month_of_day(day) for day in days} - self._months):
            await connection.execute(_attach_statement(month))
            self._months.add(month)


def _attach_statement(month: Month) -> str:
    return _ATTACH.format(
        lock=_PARTITIONS_LOCK,
        name=month.partition,
        start=month.start.isoformat(),
        end=month.next().start.isoformat(),
    )
