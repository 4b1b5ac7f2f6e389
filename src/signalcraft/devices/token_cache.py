"""The tokens that this process has just checked, kept in step with the database.

A token is looked up once and then trusted until PostgreSQL announces its change (NOTIFY, sent with the commit
that expires or deletes it) or `max_age_s` has passed. While the announcements can't be heard nothing is trusted:
each request looks its token up, so a revoked token never lives on because a connection died.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime
from time import monotonic
from typing import Any

import asyncpg

from signalcraft.core.clock import utcnow
from signalcraft.core.database import UNAVAILABLE, Database
from signalcraft.core.logging import get_logger
from signalcraft.devices import repository

CHANNEL = "device_tokens"
# About 20 MB at the most; beyond it the token that was used longest ago is looked up again.
MAX_TOKENS = 100_000
LISTEN_AGAIN_S = 1.0
# A connection that a firewall has dropped says nothing; asking now and then shows that it still lives.
PROBE_EVERY_S = 5.0

logger = get_logger(__name__)


class TokenCache:
    """Device tokens by digest; start `listen()` as a task beside it."""

    def __init__(self, database: Database, database_url: str, max_age_s: float) -> None:
        self._database = database
        self._database_url = database_url
        self._max_age_s = max_age_s
        self._devices: OrderedDict[bytes, tuple[str, float, datetime | None]] = OrderedDict()
        self._is_listening = False
        self._changes = 0

    async def device_of(self, digest: bytes) -> str | None:
        """The device of a valid token, or None.

        Raises:
            DatabaseUnavailable: the token is not known here and PostgreSQL is away.
        """
        kept = self._devices.get(digest)
        if kept is not None:
            device_id, until, expires_at = kept
            if monotonic() < until and (expires_at is None or utcnow() < expires_at):
                return device_id
            del self._devices[digest]
        return await self._look_up(digest)

    async def _look_up(self, digest: bytes) -> str | None:
        changes = self._changes
        async with self._database.session(read_only=True) as session:
            found = await repository.find_token(session, digest)
        if found is None:
            return None
        # What changed while the answer was on its way may have been this token.
        if self._is_listening and changes == self._changes:
            self._devices[digest] = (found[0], monotonic() + self._max_age_s, found[1])
            if len(self._devices) > MAX_TOKENS:
                self._devices.popitem(last=False)
        return found[0]

    async def listen(self) -> None:
        """Hear of changed tokens until cancelled; a lost connection is made anew."""
        while True:
            try:
                connection = await asyncpg.connect(self._database_url, timeout=5)
            except (*UNAVAILABLE, asyncpg.PostgresError):
                await asyncio.sleep(LISTEN_AGAIN_S)
                continue
            try:
                await self._hear(connection)
            except (*UNAVAILABLE, asyncpg.PostgresError) as lost:
                logger.warning("token_changes_unheard", reason=str(lost))
            finally:
                self._forget()
                connection.terminate()

    async def _hear(self, connection: Any) -> None:
        await connection.add_listener(CHANNEL, self._changed)
        connection.add_termination_listener(lambda _connection: self._forget())
        self._is_listening = True
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            await connection.execute("SELECT 1", timeout=PROBE_EVERY_S)

    def _changed(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._changes += 1
        self._devices.pop(bytes.fromhex(str(payload)), None)

    def _forget(self) -> None:
        self._is_listening = False
        self._changes += 1
        self._devices.clear()
