"""A task's states as a stream of events, from whichever worker the client has reached."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import monotonic

from fastapi.sse import ServerSentEvent

from signalcraft.core.database import Database
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.language import Language
from signalcraft.core.logging import get_logger
from signalcraft.devices.access import Caller
from signalcraft.settings import TaskSettings
from signalcraft.tasks import repository, service
from signalcraft.tasks.errors import StreamsFull
from signalcraft.tasks.models import TaskRow
from signalcraft.tasks.news import TaskNews
from signalcraft.tasks.schemas import RunningTask, TaskState

# After which a browser connects again when the stream has reached its limit.
_RECONNECT_MS = 1_000

logger = get_logger(__name__)


class Streams:
    """Bounds how many streams a worker serves, and for how long each."""

    def __init__(self, database: Database, news: TaskNews, settings: TaskSettings) -> None:
        self._database = database
        self._news = news
        self._settings = settings
        self._free = settings.most_streams

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """A place for one stream, until the block ends.

        Raises:
            StreamsFull: all are taken.
        """
        if self._free < 1:
            raise StreamsFull
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def of(
        self, task: TaskRow, caller: Caller, language: Language, last_seen: str | None
    ) -> AsyncIterator[ServerSentEvent]:
        """Each state that the client has not seen, then `end`; without it when the stream has lasted its time.

        Only states that PostgreSQL holds are told, and their ids are its versions: so a client that comes back to
        another worker goes on where it was.
        """
        seen = last_seen
        end_s = monotonic() + self._settings.stream_s
        with self._news.watch(task.id) as changed:
            while monotonic() < end_s and not self._news.is_ending:
                changed.clear()
                found = await self._look(task, caller, language)
                if found is not None:
                    version, state = found
                    if version != seen:
                        seen = version
                        yield ServerSentEvent(data=state, event="state", id=version, retry=_RECONNECT_MS)
                    if not isinstance(state, RunningTask):
                        yield ServerSentEvent(data={"status": state.status}, event="end", id=version)
                        return
                await _set_within(changed, self._settings.poll_s)

    async def _look(self, task: TaskRow, caller: Caller, language: Language) -> tuple[str, TaskState] | None:
        try:
            async with self._database.session(read_only=True) as session:
                row = await repository.find(session, task.id)
                return (
                    None
                    if row is None
                    else (str(row.version), await service.state_of(session, row, caller, language))
                )
        except DatabaseUnavailable as away:
            logger.warning("task_stream_waits", task_id=str(task.id), reason=str(away))
            return None


async def _set_within(event: asyncio.Event, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return
