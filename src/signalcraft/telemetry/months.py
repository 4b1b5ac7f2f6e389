"""The months of the readings table: one partition each, made ahead or when a late reading needs it."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

DAY_US: Final = 24 * 3600 * 1_000_000
_EPOCH_ORDINAL: Final = datetime(1970, 1, 1, tzinfo=UTC).toordinal()

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


class Month(NamedTuple):
    """A calendar month, UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, instant: datetime) -> Self:
        """The month that `instant` lies in."""
        utc = instant.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def of_partition(cls, name: str) -> Self:
        """The month of a partition's name."""
        _, year, month = name.split("_")
        return cls(int(year), int(month))

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def partition(self) -> str:
        """The name of its partition."""
        return f"readings_{self.year:04}_{self.month:02}"

    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)


@lru_cache(maxsize=4096)
def month_of_day(day: int) -> Month:
    """The month of a day, counted from 1970-01-01."""
    date = datetime.fromordinal(_EPOCH_ORDINAL + day)
    return Month(date.year, date.month)


def attach_statement(month: Month) -> str:
    """The statement that makes the month's partition where there is none; the names and dates in it are our own."""
    return _ATTACH.format(
        lock=_PARTITIONS_LOCK,
        name=month.partition,
        start=month.start.isoformat(),
        end=month.next().start.isoformat(),
    )


def drop_statement(month: Month) -> str:
    """The statement that drops the month's partition."""
    return _DROP.format(lock=_PARTITIONS_LOCK, name=month.partition)


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
            await connection.execute(attach_statement(month))
            self._months.add(month)
