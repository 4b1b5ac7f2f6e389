"""Group commit: whatever readings wait are stored by one statement, and their senders are answered after its commit.

While groups are being committed the next one gathers, so nothing waits for a timer: an idle server stores a reading
at once, and a busy one shares the cost of the commit among all that came meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from signalcraft.core.errors import DatabaseUnavailable, SignalCraftError
from signalcraft.core.logging import get_logger
from signalcraft.settings import IngestSettings
from signalcraft.telemetry.errors import IngestBusy
from signalcraft.telemetry.readings import ReadingRow
from signalcraft.telemetry.writer import Writer

# While the disk confirms one group PostgreSQL works on the other.
WRITERS: Final = 2
# A value that PostgreSQL refuses; the checks before are meant to leave none.
REFUSED_VALUE: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

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
    """Takes the rows of all requests of this process to the database."""

    def __init__(self, database_url: str, settings: IngestSettings) -> None:
        self._database_url = database_url
        self._queue_rows = settings.queue_rows
        self._commit_rows = settings.commit_rows
        self._queue: deque[_Waiting] = deque()
        self._queued_rows = 0
        self._something_waits = asyncio.Event()
        self._is_stopping = False
        self._writing: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to store; the database may still be away."""
        self._writing = [asyncio.create_task(self._write(Writer(self._database_url))) for _ in range(WRITERS)]

    async def stop(self) -> None:
        """Store what waits, then end; further rows are refused."""
        self._is_stopping = True
        self._something_waits.set()
        await asyncio.gather(*self._writing)

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

    async def _write(self, writer: Writer) -> None:
        try:
            while self._queue or not self._is_stopping:
                if group := self._next_group():
                    await self._commit(group, writer)
                elif not self._is_stopping:
                    self._something_waits.clear()
                    await self._something_waits.wait()
        finally:
            writer.disconnect()

    def _next_group(self) -> list[_Waiting]:
        """Take what waits, at most `commit_rows` (or one request), leaving out those whose sender has gone."""
        group: list[_Waiting] = []
        rows = 0
        while self._queue:
            waiting = self._queue[0]
            if group and rows + len(waiting.rows) > self._commit_rows:
                break
            self._queue.popleft()
            self._queued_rows -= len(waiting.rows)
            if not waiting.outcome.done():
                group.append(waiting)
                rows += len(waiting.rows)
        return group

    async def _commit(self, group: list[_Waiting], writer: Writer) -> None:
        rows = [row for waiting in group for row in waiting.rows]
        try:
            _tell(group, await writer.insert(rows))
        except DatabaseUnavailable:
            _fail(group, DatabaseUnavailable)
        except REFUSED_VALUE as refused:
            await self._commit_apart(group, writer, refused)
        # The writer outlives whatever one group meets, or nothing would be stored until a restart; its senders are
        # told and the log has the details.
        except Exception:
            logger.exception("ingest_failed", rows=len(rows))
            _fail(group, SignalCraftError)
            writer.disconnect()
        finally:
            # Only a cancelled writer leaves somebody without an answer.
            _fail(group, DatabaseUnavailable)

    async def _commit_apart(self, group: list[_Waiting], writer: Writer, refused: Exception) -> None:
        """Commit request by request, so that a row that PostgreSQL refuses fails no neighbour."""
        if len(group) == 1:
            logger.error("ingest_refused_by_database", rows=len(group[0].rows), exc_info=refused)
            _fail(group, SignalCraftError)
            return
        for waiting in group:
            await self._commit([waiting], writer)


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
