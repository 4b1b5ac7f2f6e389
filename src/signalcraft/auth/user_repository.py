"""The SQL by which users are administered."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Boolean

LIST = text("""
    SELECT u.user_id, u.username, u.username_key, u.email, u.is_admin, u.created_at,
        u.disabled_at IS NOT NULL AS is_disabled,
        (SELECT array_agg(m.role || ' ' || m.site_id ORDER BY m.site_id)
         FROM memberships m WHERE m.user_id = u.user_id) AS roles
    FROM users u WHERE u.username_key > :after ORDER BY u.username_key LIMIT :limit
""")
FIND_BY_KEY = text("SELECT user_id FROM users WHERE username_key = :key OR email_key = :key")
FIND_OPEN = text("""
    SELECT user_id, username FROM users WHERE (username_key = :key OR email_key = :key) AND disabled_at IS NULL
""")
CHANGE = text("""
    UPDATE users SET
        is_admin = coalesce(:is_admin, is_admin),
        disabled_at = CASE :is_disabled WHEN true THEN coalesce(disabled_at, now()) WHEN false THEN NULL
            ELSE disabled_at END
    WHERE user_id = :user_id RETURNING username
""").bindparams(bindparam("is_admin", type_=Boolean), bindparam("is_disabled", type_=Boolean))
NAME = text("SELECT username FROM users WHERE user_id = :user_id")
IS_ADMINISTERED = text("SELECT EXISTS (SELECT FROM users WHERE is_admin AND disabled_at IS NULL)")


class KnownName(NamedTuple):
    """A user, as others call the user."""

    user_id: UUID
    username: str


async def list_users(session: AsyncSession, *, after: str = "", limit: int = 10_000) -> Sequence[RowMapping]:
    """Users by name from the one behind `after` on; `roles` is an array of `role site`, or null."""
    return (await session.execute(LIST, {"after": after, "limit": limit})).mappings().all()


async def find_by_key(session: AsyncSession, key: str) -> UUID | None:
    """The user of this name or address, open or closed."""
    found: UUID | None = (await session.execute(FIND_BY_KEY, {"key": key})).scalar_one_or_none()
    return found


async def find_open(session: AsyncSession, key: str) -> KnownName | None:
    """The open account of this name or address."""
    row = (await session.execute(FIND_OPEN, {"key": key})).first()
    return None if row is None else KnownName(row.user_id, row.username)


async def change(
    session: AsyncSession, user_id: UUID, *, is_disabled: bool | None, is_admin: bool | None
) -> str | None:
    """Change what is given; the user's name, or None where there is none."""
    values = {"user_id": user_id, "is_disabled": is_disabled, "is_admin": is_admin}
    name: str | None = (await session.execute(CHANGE, values)).scalar_one_or_none()
    return name


async def name_of(session: AsyncSession, user_id: UUID) -> str | None:
    """The user's name, or None where there is none."""
    name: str | None = (await session.execute(NAME, {"user_id": user_id})).scalar_one_or_none()
    return name


async def is_administered(session: AsyncSession) -> bool:
    """Whether there is an open account of an administrator."""
    return bool((await session.execute(IS_ADMINISTERED)).scalar_one())
