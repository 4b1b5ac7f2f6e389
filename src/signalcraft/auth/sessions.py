"""Sessions: opened, checked and ended.

A session is a random token in a cookie, of which the database holds the SHA-256. Its check is one look-up by primary key.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.auth import repository, session_repository
from signalcraft.auth.person import Person
from signalcraft.auth.secrets import SECRET_CHARACTERS, Issued, digest_of
from signalcraft.core.database import Database
from signalcraft.core.grouped_lookup import GroupedLookup
from signalcraft.settings import Settings

USER_AGENT_CHARACTERS = 200


class Origin(NamedTuple):
    """Where a session comes from, to be shown to its user."""

    address: str
    user_agent: str


class Sessions:
    """The check of session tokens."""

    def __init__(self, database: Database, database_url: str, settings: Settings) -> None:
        self._database = database
        idle = timedelta(seconds=settings.auth.session_idle_s)
        self._lookup = GroupedLookup(database_url, settings.database, session_repository.FIND, idle)

    async def person_of(self, token: str) -> Person | None:
        """The user of a session that has not ended, or None.

        Raises:
            DatabaseUnavailable: PostgreSQL is away.
        """
        if len(token) != SECRET_CHARACTERS:
            return None
        row = await self._lookup.find(digest_of(token))
        if row is None:
            return None
        if row["is_unseen"]:
            await self._database.execute_alone(
                session_repository.SEEN, {"digest": row["digest"], "every": session_repository.SEEN_EVERY}
            )
        return repository.person_of(row, row["session_id"])

    async def close(self) -> None:
        """Let go of the database."""
        await self._lookup.close()


async def open_session(session: AsyncSession, user_id: UUID, origin: Origin, life: timedelta) -> Issued:
    """Sign a user in with a new token."""
    issued = Issued.new()
    values = {
        "digest": issued.digest,
        "session_id": uuid4(),
        "user_id": user_id,
        "address": origin.address,
        "user_agent": origin.user_agent[:USER_AGENT_CHARACTERS],
    }
    await session_repository.add(session, values, life)
    return issued
