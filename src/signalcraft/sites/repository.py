"""The SQL of sites, their members and invitations."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from signalcraft.sites.roles import Role

EXISTS = text("SELECT EXISTS (SELECT FROM sites WHERE site_id = :site_id)")
ADD = text("""
    INSERT INTO sites (site_id, name) VALUES (:site_id, :name) ON CONFLICT DO NOTHING RETURNING site_id
""")
RENAME = text("UPDATE sites SET name = :name WHERE site_id = :site_id")
LIST = text("""
    SELECT s.site_id, s.name, s.created_at,
        (SELECT count(*) FROM devices d WHERE d.site_id = s.site_id) AS devices,
        (SELECT count(*) FROM memberships m WHERE m.site_id = s.site_id) AS members
    FROM sites s
    WHERE (:is_anywhere OR s.site_id = ANY(:sites)) AND s.site_id > :after
    ORDER BY s.site_id LIMIT :limit
""").bindparams(bindparam("sites", type_=ARRAY(Text)))
MEMBERS = text("""
    SELECT u.user_id, u.username, u.email, m.role, m.created_at AS since, u.disabled_at IS NOT NULL AS is_disabled
    FROM memberships m JOIN users u ON u.user_id = m.user_id
    WHERE m.site_id = :site_id ORDER BY u.username_key
""")
ROLE = text("SELECT role FROM memberships WHERE user_id = :user_id AND site_id = :site_id FOR UPDATE")
SET_MEMBER = text("""
    INSERT INTO memberships (user_id, site_id, role) VALUES (:user_id, :site_id, :role)
    ON CONFLICT (user_id, site_id) DO UPDATE SET role = excluded.role
""")
REMOVE_MEMBER = text("DELETE FROM memberships WHERE user_id = :user_id AND site_id = :site_id")
INVITATIONS = text("""
    SELECT i.invitation_id, i.role, i.created_at, i.expires_at, u.username AS invited_by
    FROM invitations i LEFT JOIN users u ON u.user_id = i.invited_by
    WHERE i.site_id = :site_id AND i.expires_at > now() ORDER BY i.created_at, i.invitation_id
""")
COUNT_INVITATIONS = text("SELECT count(*) FROM invitations WHERE site_id = :site_id")
DROP_ENDED = text("DELETE FROM invitations WHERE site_id = :site_id AND expires_at < now()")
WITHDRAW = text("DELETE FROM invitations WHERE site_id = :site_id AND invitation_id = :invitation_id")


async def exists(session: AsyncSession, site_id: str) -> bool:
    """Whether there is such a site."""
    return bool((await session.execute(EXISTS, {"site_id": site_id})).scalar_one())


async def add(session: AsyncSession, site_id: str, name: str) -> bool:
    """Whether the site is new."""
    return (await session.execute(ADD, {"site_id": site_id, "name": name})).first() is not None


async def rename(session: AsyncSession, site_id: str, name: str) -> None:
    """Give a site another name."""
    await session.execute(RENAME, {"site_id": site_id, "name": name})


async def list_sites(
    session: AsyncSession, sites: frozenset[str] | None, *, after: str = "", limit: int = 1000
) -> Sequence[RowMapping]:
    """Sites by id from the one behind `after` on, with how many devices and members they have; of these, if given."""
    values = {"is_anywhere": sites is None, "sites": sorted(sites or ()), "after": after, "limit": limit}
    return (await session.execute(LIST, values)).mappings().all()


async def members(session: AsyncSession, site_id: str) -> Sequence[RowMapping]:
    """A site's members by name."""
    return (await session.execute(MEMBERS, {"site_id": site_id})).mappings().all()


async def lock_role(session: AsyncSession, user_id: UUID, site_id: str) -> Role | None:
    """What a user is at a site, and stays until the transaction ends; None where the user is no member."""
    values = {"user_id": user_id, "site_id": site_id}
    role: str | None = (await session.execute(ROLE, values)).scalar_one_or_none()
    return None if role is None else Role(role)


async def set_member(session: AsyncSession, user_id: UUID, site_id: str, role: Role) -> None:
    """Let a user be this at a site."""
    await session.execute(SET_MEMBER, {"user_id": user_id, "site_id": site_id, "role": role.value})


async def remove_member(session: AsyncSession, user_id: UUID, site_id: str) -> bool:
    """Whether the user was a member, and is none now."""
    result: Any = await session.execute(REMOVE_MEMBER, {"user_id": user_id, "site_id": site_id})
    return bool(result.rowcount)


async def invitations(session: AsyncSession, site_id: str) -> Sequence[RowMapping]:
    """A site's open invitations, the oldest first."""
    return (await session.execute(INVITATIONS, {"site_id": site_id})).mappings().all()


async def count_invitations(session: AsyncSession, site_id: str) -> int:
    """How many open invitations a site has; those that have ended are dropped."""
    await session.execute(DROP_ENDED, {"site_id": site_id})
    return int((await session.execute(COUNT_INVITATIONS, {"site_id": site_id})).scalar_one())


async def withdraw(session: AsyncSession, site_id: str, invitation_id: UUID) -> bool:
    """Whether there was such an invitation, and is none now."""
    result: Any = await session.execute(WITHDRAW, {"site_id": site_id, "invitation_id": invitation_id})
    return bool(result.rowcount)
