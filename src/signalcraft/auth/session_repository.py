"""The SQL of sessions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Interval

# A session's last use is kept to this precision, so that being used costs it no write each time.
SEEN_EVERY = timedelta(minutes=1)
# Beyond these the oldest ends: nobody signs in from more places, and rows must not pile up.
SESSIONS_A_USER = 100

# For `GroupedLookup`: digests and the idle limit. Each row is found by its primary key, and so are its user and roles.
FIND = f"""
    SELECT s.digest, s.session_id, u.user_id, u.username, u.email, u.is_admin,
        s.last_seen_at < now() - interval '{int(SEEN_EVERY.total_seconds())} s' AS is_unseen,
        (SELECT array_agg(m.role || ' ' || m.site_id) FROM memberships m WHERE m.user_id = u.user_id) AS roles
    FROM sessions s JOIN users u ON u.user_id = s.user_id
    WHERE s.digest = ANY($1) AND s.expires_at > now() AND s.last_seen_at > now() - $2::interval
        AND u.disabled_at IS NULL
"""  # noqa: S608 - a number of our own
ADD = text("""
    INSERT INTO sessions (digest, session_id, user_id, expires_at, address, user_agent)
    VALUES (:digest, :session_id, :user_id, now() + :life, :address, :user_agent)
""").bindparams(bindparam("life", type_=Interval))
DROP_SURPLUS = text(f"""
    DELETE FROM sessions WHERE user_id = :user_id AND (expires_at < now() OR digest IN (
        SELECT digest FROM sessions WHERE user_id = :user_id ORDER BY created_at DESC OFFSET {SESSIONS_A_USER - 1}
    ))
""")  # noqa: S608 - a number of our own
SEEN = text("""
    UPDATE sessions SET last_seen_at = now()
    WHERE digest = :digest AND last_seen_at < now() - :every
""").bindparams(bindparam("every", type_=Interval))
LIST = text("""
    SELECT session_id, created_at, last_seen_at, expires_at, address, user_agent FROM sessions
    WHERE user_id = :user_id AND expires_at > now() AND last_seen_at > now() - :idle
    ORDER BY last_seen_at DESC, session_id
""").bindparams(bindparam("idle", type_=Interval))
END = text("DELETE FROM sessions WHERE user_id = :user_id AND session_id = :session_id")
END_BY_DIGEST = text("DELETE FROM sessions WHERE digest = :digest RETURNING user_id")
END_ALL = text("DELETE FROM sessions WHERE user_id = :user_id AND session_id IS DISTINCT FROM :but")


async def add(session: AsyncSession, values: dict[str, Any], life: timedelta) -> None:
    """Keep a new session; the user's ended and surplus ones go."""
    await session.execute(DROP_SURPLUS, {"user_id": values["user_id"]})
    await session.execute(ADD, values | {"life": life})


async def list_of(session: AsyncSession, user_id: UUID, idle: timedelta) -> Sequence[RowMapping]:
    """A user's sessions, the one that was used last first."""
    return (await session.execute(LIST, {"user_id": user_id, "idle": idle})).mappings().all()


async def end(session: AsyncSession, user_id: UUID, session_id: UUID) -> bool:
    """End one session of a user; whether there was one."""
    result: Any = await session.execute(END, {"user_id": user_id, "session_id": session_id})
    return bool(result.rowcount)


async def end_by_digest(session: AsyncSession, digest: bytes) -> UUID | None:
    """End the session of a token; whose it was."""
    found: UUID | None = (await session.execute(END_BY_DIGEST, {"digest": digest})).scalar_one_or_none()
    return found


async def end_all(session: AsyncSession, user_id: UUID, *, but: UUID | None = None) -> int:
    """End all sessions of a user, but one if it is given; how many."""
    result: Any = await session.execute(END_ALL, {"user_id": user_id, "but": but})
    return int(result.rowcount)
