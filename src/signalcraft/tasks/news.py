"""What PostgreSQL announces of tasks (LISTEN/NOTIFY), to whoever waits for it in this process.

News may be lost with the connection, so nobody relies on them: they only make it quicker.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg

from signalcraft.core.database import UNAVAILABLE
from signalcraft.core.logging import get_logger
from signalcraft.tasks.repository import CHANGED_CHANNEL, WAITING_CHANNEL

_LISTEN_AGAIN_S = 1.0
# A connection that a firewall has dropped says nothing; asking now and then shows that it still lives.
_PROBE_EVERY_S = 5.0

logger = get_logger(__name__)


class TaskNews:
    """Start `listen()` as a task beside it. `waiting`: set when there may be something to do."""

    def __init__(self, database_url: str) -> None:
        self.waiting = asyncio.Event()
        self.is_ending = False
        self._database_url = database_url
        self._watchers: dict[UUID, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, task_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever the task may have changed."""
        event = asyncio.Event()
        self._watchers.setdefault(task_id, set()).add(event)
        try:
            yield event
        finally:
            self._watchers[task_id].discard(event)
            if not self._watchers[task_id]:
                del self._watchers[task_id]

    def end(self) -> None:
        """The worker stops: whoever watches shall come to an end."""
        self.is_ending = True
        self._wake_all()

    async def listen(self) -> None:
        """Hear of tasks until cancelled; a lost connection is made anew."""
        while True:
            try:
                connection = await asyncpg.connect(self._database_url, timeout=5)
            except (*UNAVAILABLE, asyncpg.PostgresError):
                await asyncio.sleep(_LISTEN_AGAIN_S)
                continue
            try:
                await self._hear(connection)
            except (*UNAVAILABLE, asyncpg.PostgresError) as lost:
                logger.warning("task_news_unheard", reason=str(lost))
            finally:
                connection.terminate()

    async def _hear(self, connection: Any) -> None:
        await connection.add_listener(WAITING_CHANNEL, self._on_waiting)
        await connection.add_listener(CHANGED_CHANNEL, self._on_changed)
        # Whatever was announced before could not be heard.
        self.waiting.set()
        self._wake_all()
        while True:
            await asyncio.sleep(_PROBE_EVERY_S)
            await connection.execute("SELECT 1", timeout=_PROBE_EVERY_S)

    def _wake_all(self) -> None:
        for events in self._watchers.values():
            for event in events:
                event.set()

    def _on_waiting(self, _connection: Any, _pid: int, _channel: str, _payload: object) -> None:
        self.waiting.set()

    def _on_changed(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        for event in self._watchers.get(UUID(str(payload)), ()):
            event.set()
