"""The SQL of personal access tokens."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Interval, Text

SEEN_EVERY = timedelta(minutes=1)
# More are a leak or a loop.
TOKENS_A_USER = 100

# For `GroupedLookup`.
FIND = """
    SELECT t.digest, t.scopes, u.user_id, u.username, u.email, u.is_admin,
        coalesce(t.last_used_at < now() - interval '60 s', true) AS is_unseen,
        (SELECT array_agg(m.role || ' ' || m.site_id) FROM memberships m WHERE m.user_id = u.user_id) AS roles
    FROM access_tokens t JOIN users u ON u.user_id = t.user_id
    WHERE t.digest = ANY($1) AND t.expires_at > now() AND u.disabled_at IS NULL
"""
SEEN = text("""
    UPDATE access_tokens SET last_used_at = now()
    WHERE digest = :digest AND coalesce(last_used_at < now() - :every, true)
""").bindparams(bindparam("every", type_=Interval))
ADD = text("""
    INSERT INTO access_tokens (digest, token_id, user_id, name, scopes, expires_at)
    VALUES (:digest, :token_id, :user_id, :name, :scopes, :expires_at)
""").bindparams(bindparam("scopes", type_=ARRAY(Text)))
COUNT = text("SELECT count(*) FROM access_tokens WHERE user_id = :user_id")
LIST = text("""
    SELECT token_id, name, scopes, created_at, last_used_at, expires_at FROM access_tokens
    WHERE user_id = :user_id ORDER BY created_at DESC, token_id
""")
REVOKE = text("DELETE FROM access_tokens WHERE user_id = :user_id AND token_id = :token_id RETURNING name")
REVOKE_ALL = text("DELETE FROM access_tokens WHERE user_id = :user_id AND expires_at > now()")
DROP_ENDED = text("DELETE FROM access_tokens WHERE user_id = :user_id AND expires_at < now()")


async def add(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keep a new token."""
    await session.execute(ADD, values)


async def count(session: AsyncSession, user_id: UUID) -> int:
    """How many tokens a user has that have not ended; those that have are dropped."""
    await session.execute(DROP_ENDED, {"user_id": user_id})
    return int((await session.execute(COUNT, {"user_id": user_id})).scalar_one())


async def list_of(session: AsyncSession, user_id: UUID) -> Sequence[RowMapping]:
    """A user's tokens, the newest first."""
    return (await session.execute(LIST, {"user_id": user_id})).mappings().all()


async def revoke(session: AsyncSession, user_id: UUID, token_id: UUID) -> str | None:
    """End a token of a user; its name, or None where there is none."""
    name: str | None = (
        await session.execute(REVOKE, {"user_id": user_id, "token_id": token_id})
    ).scalar_one_or_none()
    return name


async def revoke_all(session: AsyncSession, user_id: UUID) -> int:
    """End all tokens of a user; how many."""
    result: Any = await session.execute(REVOKE_ALL, {"user_id": user_id})
    return int(result.rowcount)
