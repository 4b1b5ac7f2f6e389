"""Rows looked up by a digest: all look-ups that wait share one statement, on a connection of their own.

A look-up is one indexed read, and a request that is checked by one should cost little more than it. A pool's bookkeeping
costs more than the read; here a rush of requests asks PostgreSQL once for all of them, and one alone waits for nobody.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from signalcraft.core.database import CANNOT_NOW, UNAVAILABLE, session_parameters
from signalcraft.core.errors import DatabaseUnavailable, SignalCraftError
from signalcraft.core.logging import get_logger
from signalcraft.settings import DatabaseSettings

# Beyond it the database can't keep up, and waiting would only make it worse.
MOST_WAITING: Final = 5_000

logger = get_logger(__name__)


class GroupedLookup:
    """Finds rows by the column `digest`.

    `statement` takes the digests as its first parameter ($1, bytea[]) and `arguments` as the following ones.
    """

    def __init__(
        self, database_url: str, settings: DatabaseSettings, statement: str, *arguments: object
    ) -> None:
        self._database_url = database_url
        self._settings = settings
        self._statement = statement
        self._arguments = arguments
        self._connection: Any = None
        self._prepared: Any = None
        self._waiting: list[tuple[bytes, asyncio.Future[Any]]] = []
        self._work: asyncio.Task[None] | None = None

    async def find(self, digest: bytes) -> Any:
        """The row of this digest, or None.

        Raises:
            DatabaseUnavailable: PostgreSQL is away, or more look-ups wait than it can answer.
            SignalCraftError: it refuses the statement.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise DatabaseUnavailable
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((digest, answer))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_all())
        return await answer

    async def close(self) -> None:
        """Close the connection; look-ups that wait are told that the database is away."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        # A task that had not begun has told nobody.
        _Outcome().tell(self._waiting)
        self._waiting = []
        self._disconnect()

    async def _answer_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            outcome = _Outcome()
            try:
                outcome.rows = await self._fetch([digest for digest, _ in group])
            except CANNOT_NOW as away:
                logger.warning("lookup_database_unavailable", reason=repr(away))
                outcome.cause = away
                self._disconnect()
            except asyncpg.PostgresError as fault:
                outcome.error, outcome.cause = SignalCraftError, fault
            finally:
                # Also when this task is cancelled: nobody may wait for ever.
                outcome.tell(group)

    async def _fetch(self, digests: list[bytes]) -> dict[bytes, Any]:
        try:
            rows = await self._fetch_once(digests)
        except UNAVAILABLE:
            # The connection may have died while nobody used it; reading again does no harm.
            self._disconnect()
            rows = await self._fetch_once(digests)
        return {row["digest"]: row for row in rows}

    async def _fetch_once(self, digests: list[bytes]) -> list[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._database_url,
                timeout=self._settings.connect_timeout_s,
                command_timeout=self._settings.statement_timeout_s,
                # One plan fits groups of every size.
                server_settings=session_parameters(self._settings)
                | {"plan_cache_mode": "force_generic_plan", "jit": "off"},
            )
            self._prepared = await self._connection.prepare(self._statement)
        rows: list[Any] = await self._prepared.fetch(digests, *self._arguments)
        return rows

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


@dataclass
class _Outcome:
    """What a statement brought: rows by digest, or why not."""

    rows: dict[bytes, Any] | None = None
    error: type[SignalCraftError] = DatabaseUnavailable
    cause: Exception | None = None

    def tell(self, group: list[tuple[bytes, asyncio.Future[Any]]]) -> None:
        for digest, answer in group:
            if answer.done():
                continue  # Its client has gone.
            if self.rows is not None:
                answer.set_result(self.rows.get(digest))
                continue
            # One of its own for each: an exception collects the traces of all who raise it.
            error = self.error()
            error.__cause__ = self.cause
            answer.set_exception(error)
