"""The SQL by which users are administered."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

_COLUMNS = """
    u.user_id, u.username, u.email, u.is_admin, u.created_at, u.disabled_at,
    (SELECT array_agg(m.role || ' ' || m.site_id ORDER BY m.site_id)
     FROM memberships m WHERE m.user_id = u.user_id) AS roles
"""
LIST = text(f"SELECT {_COLUMNS} FROM users u ORDER BY u.username_key")  # noqa: S608 - columns of our own
FIND_BY_KEY = text("SELECT user_id FROM users WHERE username_key = :key OR email_key = :key")
DISABLE = text("UPDATE users SET disabled_at = now() WHERE user_id = :user_id AND disabled_at IS NULL")


async def list_all(session: AsyncSession) -> Sequence[RowMapping]:
    """All users by name; `roles` is an array of `role site`."""
    return (await session.execute(LIST)).mappings().all()


async def find_by_key(session: AsyncSession, key: str) -> UUID | None:
    """The user of this name or address, open or closed."""
    found: UUID | None = (await session.execute(FIND_BY_KEY, {"key": key})).scalar_one_or_none()
    return found


async def disable(session: AsyncSession, user_id: UUID) -> bool:
    """Close an account; whether it was open."""
    result: Any = await session.execute(DISABLE, {"user_id": user_id})
    return bool(result.rowcount)
