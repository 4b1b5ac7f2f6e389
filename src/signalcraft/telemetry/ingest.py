"""Group commit: whatever readings wait are stored by one statement, and their senders are answered after its commit.

While one group is being committed the next one gathers, so nothing waits for a timer: an idle server stores a
reading at once, and a busy one shares the cost of the commit among all that came meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

import asyncpg

from signalcraft.core.database import UNAVAILABLE
from signalcraft.core.errors import DatabaseUnavailable, SignalCraftError
from signalcraft.core.logging import get_logger
from signalcraft.settings import IngestSettings
from signalcraft.telemetry.errors import IngestBusy
from signalcraft.telemetry.ingest_repository import insert_group
from signalcraft.telemetry.months import DAY_US
from signalcraft.telemetry.partition_repository import KnownPartitions
from signalcraft.telemetry.readings import ReadingRow

# Whoever sends readings is told within this time that the database is away.
CONNECT_TIMEOUT_S: Final = 3.0
# A commit takes milliseconds. PostgreSQL gives up first, so that its answer, and not its silence, is what counts.
STATEMENT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 12.0
SESSION_PARAMETERS: Final = {
    "application_name": "signalcraft ingest",
    "timezone": "UTC",
    "statement_timeout": str(int(STATEMENT_TIMEOUT_S * 1000)),
    # One plan fits groups of every size, and planning anew would cost as much as inserting twenty rows.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
# While the database is away, requests are refused at once in between.
CONNECT_AGAIN_AFTER_S: Final = 0.2
# Another process's group or a partition dropped a moment ago got in the way: nothing was stored, and the same
# statement may succeed. (23514 is how PostgreSQL says that a row has no partition.)
GOT_IN_THE_WAY: Final = (asyncpg.DeadlockDetectedError, asyncpg.CheckViolationError)
TRIES: Final = 3
# A value that PostgreSQL refuses; the checks before are meant to leave none.
REFUSED_VALUE: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
# PostgreSQL is there and can't: stopping, out of disk or memory, waiting too long, or a standby.
CANNOT_NOW: Final = (
    *UNAVAILABLE,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)

logger = get_logger(__name__)


class Stored(NamedTuple):
    """What became of the rows that were handed over."""

    inserted: int
    duplicates: int


class _Waiting:
    """Rows of one request, and where their sender waits."""

    __slots__ = ("outcome", "rows")

    def __init__(self, rows: Sequence[ReadingRow], outcome: asyncio.Future[Stored]) -> None:
        self.rows = rows
        self.outcome = outcome


class Ingest:
    """The one writer of this process."""

    def __init__(self, database_url: str, settings: IngestSettings) -> None:
        self._database_url = database_url
        self._queue_rows = settings.queue_rows
        self._commit_rows = settings.commit_rows
        self._queue: deque[_Waiting] = deque()
        self._queued_rows = 0
        self._something_waits = asyncio.Event()
        self._is_stopping = False
        self._writer: asyncio.Task[None] | None = None
        self._connection: Any = None
        self._partitions = KnownPartitions()
        self._unreachable_until_s = 0.0

    async def start(self) -> None:
        """Begin to store; the database may still be away."""
        self._writer = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Store what waits, then end; further rows are refused."""
        self._is_stopping = True
        self._something_waits.set()
        if self._writer is not None:
            await self._writer

    async def store(self, rows: Sequence[ReadingRow]) -> Stored:
        """Hand the rows over and wait until they are committed.

        Raises:
            IngestBusy: too many rows wait already.
            DatabaseUnavailable: PostgreSQL is away, or the outcome of the commit is not known.
        """
        if not rows:
            return Stored(0, 0)
        # A request larger than the whole queue gets in when nothing else waits; otherwise it never could.
        is_full = self._queue and self._queued_rows + len(rows) > self._queue_rows
        if is_full or self._is_stopping:
            raise IngestBusy
        waiting = _Waiting(rows, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued_rows += len(rows)
        self._something_waits.set()
        return await waiting.outcome

    async def _write(self) -> None:
        try:
            while self._queue or not self._is_stopping:
                await self._something_waits.wait()
                if group := self._next_group():
                    await self._commit(group)
                if not self._queue and not self._is_stopping:
                    self._something_waits.clear()
        finally:
            _fail(self._next_group(everything=True), DatabaseUnavailable)
            self._disconnect()

    def _next_group(self, *, everything: bool = False) -> list[_Waiting]:
        """Take what waits, at most `commit_rows` (or one request), leaving out those whose sender has gone."""
        group: list[_Waiting] = []
        rows = 0
        while self._queue:
            waiting = self._queue[0]
            if group and not everything and rows + len(waiting.rows) > self._commit_rows:
                break
            self._queue.popleft()
            self._queued_rows -= len(waiting.rows)
            if not waiting.outcome.done():
                group.append(waiting)
                rows += len(waiting.rows)
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        rows = [row for waiting in group for row in waiting.rows]
        try:
            _tell(group, await self._insert(rows))
        except DatabaseUnavailable:
            _fail(group, DatabaseUnavailable)
        except REFUSED_VALUE as refused:
            await self._commit_apart(group, refused)
        # The writer outlives whatever one group meets, or nothing would be stored until a restart; its senders are
        # told and the log has the details.
        except Exception:
            logger.exception("ingest_failed", rows=len(rows))
            _fail(group, SignalCraftError)
            self._disconnect()
        finally:
            # Only a cancelled writer leaves somebody without an answer.
            _fail(group, DatabaseUnavailable)

    async def _commit_apart(self, group: list[_Waiting], refused: Exception) -> None:
        """Commit request by request, so that a row that PostgreSQL refuses fails no neighbour."""
        if len(group) == 1:
            logger.error("ingest_refused_by_database", rows=len(group[0].rows), exc_info=refused)
            _fail(group, SignalCraftError)
            return
        for waiting in group:
            await self._commit([waiting])

    async def _insert(self, rows: Sequence[ReadingRow]) -> set[tuple[str, int]] | None:
        """Store the rows; the keys that were new, or None where all were.

        Raises:
            DatabaseUnavailable: PostgreSQL is away or can't, or the outcome is not known: never taken for a success.
        """
        days = {row.ts_us // DAY_US for row in rows}
        try:
            for _ in range(TRIES - 1):
                try:
                    return await self._insert_once(rows, days)
                except GOT_IN_THE_WAY as in_the_way:
                    logger.info("ingest_tries_again", reason=str(in_the_way))
                    self._partitions.forget()
            return await self._insert_once(rows, days)
        except CANNOT_NOW as away:
            logger.warning("ingest_database_unavailable", reason=repr(away))
            # Whatever this connection was doing, its next answer may belong to the past.
            self._disconnect()
            raise DatabaseUnavailable from away

    async def _insert_once(self, rows: Sequence[ReadingRow], days: set[int]) -> set[tuple[str, int]] | None:
        connection = await self._connected()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self._partitions.cover(connection, days)
            return await insert_group(connection, rows)

    async def _connected(self) -> Any:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if monotonic() < self._unreachable_until_s:
            raise DatabaseUnavailable
        try:
            self._connection = await asyncpg.connect(
                self._database_url, timeout=CONNECT_TIMEOUT_S, server_settings=SESSION_PARAMETERS
            )
        except (asyncpg.PostgresError, *UNAVAILABLE) as away:
            self._unreachable_until_s = monotonic() + CONNECT_AGAIN_AFTER_S
            logger.warning("ingest_database_unreachable", reason=repr(away))
            raise DatabaseUnavailable from away
        self._partitions.forget()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _tell(group: list[_Waiting], fresh: set[tuple[str, int]] | None) -> None:
    """Tell each sender what became of its rows; a key that came twice in the group was new for the first alone."""
    for waiting in group:
        inserted = len(waiting.rows)
        if fresh is not None:
            inserted = 0
            for row in waiting.rows:
                key = (row.device_id, row.ts_us)
                if key in fresh:
                    fresh.remove(key)
                    inserted += 1
        if not waiting.outcome.done():
            waiting.outcome.set_result(Stored(inserted, len(waiting.rows) - inserted))


def _fail(group: list[_Waiting], error: type[SignalCraftError]) -> None:
    for waiting in group:
        if not waiting.outcome.done():
            waiting.outcome.set_exception(error())
