"""One connection by which groups of readings are written, made anew whenever it is lost."""

import asyncio
from time import monotonic
from typing import Any, Final

import asyncpg

from signalcraft.core.database import CANNOT_NOW, UNAVAILABLE
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.telemetry.ingest_repository import insert_group, insert_new_group
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
# A group with a known reading fails the quicker statement and leaves its rows behind as dead ones, so a sensor that
# repeats itself may cost that once in so many groups.
GROUPS_WITH_CARE: Final = 100

logger = get_logger(__name__)


class Writer:
    """Writes one group after the other."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: Any = None
        self._partitions = KnownPartitions()
        self._unreachable_until_s = 0.0
        self._groups_with_care = 0

    async def insert(self, rows: list[ReadingRow]) -> set[tuple[str, int]] | None:
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
            self.disconnect()
            raise DatabaseUnavailable from away

    async def _insert_once(self, rows: list[ReadingRow], days: set[int]) -> set[tuple[str, int]] | None:
        connection = await self._connected()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self._partitions.cover(connection, days)
            if self._groups_with_care == 0:
                try:
                    await insert_new_group(connection, rows)
                except asyncpg.UniqueViolationError:
                    self._groups_with_care = GROUPS_WITH_CARE
                else:
                    return None
            self._groups_with_care -= 1
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

    def disconnect(self) -> None:
        """Let go of the connection, whatever it is doing."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
