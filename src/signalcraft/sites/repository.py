"""The SQL of sites and their members."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.sites.roles import Role

EXISTS = text("SELECT EXISTS (SELECT FROM sites WHERE site_id = :site_id)")
SET_MEMBER = text("""
    INSERT INTO memberships (user_id, site_id, role) VALUES (:user_id, :site_id, :role)
    ON CONFLICT (user_id, site_id) DO UPDATE SET role = excluded.role
""")


async def exists(session: AsyncSession, site_id: str) -> bool:
    """Whether there is such a site."""
    return bool((await session.execute(EXISTS, {"site_id": site_id})).scalar_one())


async def set_member(session: AsyncSession, user_id: UUID, site_id: str, role: Role) -> None:
    """Let a user be this at a site."""
    await session.execute(SET_MEMBER, {"user_id": user_id, "site_id": site_id, "role": role.value})
