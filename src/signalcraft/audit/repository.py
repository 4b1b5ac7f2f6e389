"""The SQL of the audit log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

ADD = text("""
    INSERT INTO audit_events (actor, actor_user_id, address, action, target, site_id, details)
    VALUES (:actor, :actor_user_id, :address, :action, :target, :site_id, :details)
""").bindparams(bindparam("details", type_=JSONB))
_COLUMNS = "event_id, at, actor, address, action, target, site_id, details"
PAGE = text(f"""
    SELECT {_COLUMNS} FROM audit_events WHERE event_id < :before ORDER BY event_id DESC LIMIT :limit
""")  # noqa: S608 - columns of our own
# What was done at the site, and how its members signed in since they are members; each half by its own index.
SITE_PAGE = text(f"""
    SELECT * FROM (
        (SELECT {_COLUMNS} FROM audit_events WHERE site_id = :site_id AND event_id < :before
         ORDER BY event_id DESC LIMIT :limit)
        UNION ALL
        (SELECT e.* FROM memberships m CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM audit_events
            WHERE actor_user_id = m.user_id AND event_id < :before AND site_id IS NULL AND at >= m.created_at
                AND action IN ('login', 'login_failed', 'logout')
            ORDER BY event_id DESC LIMIT :limit
         ) AS e WHERE m.site_id = :site_id)
    ) AS both_halves
    ORDER BY event_id DESC LIMIT :limit
""")  # noqa: S608 - columns of our own


async def add(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keep an event."""
    await session.execute(ADD, values)


async def page(
    session: AsyncSession, *, site_id: str | None, before: int, limit: int
) -> Sequence[RowMapping]:
    """Events before this one, the newest first; of a site, if given."""
    values: dict[str, Any] = {"before": before, "limit": limit}
    if site_id is None:
        return (await session.execute(PAGE, values)).mappings().all()
    return (await session.execute(SITE_PAGE, values | {"site_id": site_id})).mappings().all()
