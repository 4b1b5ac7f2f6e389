"""The rules of sites, their members and invitations. Whoever's role changes has to sign in again."""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit.service import Action, Actor, record
from signalcraft.auth import repository as users
from signalcraft.auth import session_repository, user_repository
from signalcraft.auth.errors import UserUnknown
from signalcraft.auth.names import key_of
from signalcraft.auth.secrets import Issued
from signalcraft.sites import repository
from signalcraft.sites.errors import (
    InvitationsFull,
    InvitationUnknown,
    MemberUnknown,
    SiteExists,
    SiteUnknown,
)
from signalcraft.sites.roles import Role

INVITATION_LIFE: Final = timedelta(days=7)
MOST_INVITATIONS: Final = 100


async def add_site(session: AsyncSession, actor: Actor, site_id: str, name: str) -> None:
    """Make a site.

    Raises:
        SiteExists: there is one of this id.
    """
    if not await repository.add(session, site_id, name):
        raise SiteExists(site_id=site_id)
    await record(session, actor, Action.SITE_MADE, target=site_id, site_id=site_id, name=name)


async def rename_site(session: AsyncSession, actor: Actor, site_id: str, name: str) -> None:
    """Give a site another name."""
    await repository.rename(session, site_id, name)
    await record(session, actor, Action.SITE_RENAMED, target=site_id, site_id=site_id, name=name)


async def set_member(
    session: AsyncSession, actor: Actor, site_id: str, name: str, role: Role, *, may_add: bool
) -> None:
    """Let the user of this name or address be this at a site; a member whose role changes has to sign in again.

    may_add: whether the user may be no member yet. Without it nothing tells a user from nobody.

    Raises:
        SiteUnknown: there is none.
        UserUnknown: there is none, where `may_add`.
        MemberUnknown: the user is no member, or there is none.
    """
    if not await repository.exists(session, site_id):
        raise SiteUnknown(site_id=site_id)
    user_id = await user_repository.find_by_key(session, key_of(name))
    if user_id is None:
        raise UserUnknown if may_add else MemberUnknown
    before = await repository.lock_role(session, user_id, site_id)
    if before is None and not may_add:
        raise MemberUnknown
    await repository.set_member(session, user_id, site_id, role)
    if before not in (None, role):
        await session_repository.end_all(session, user_id)
    await record(session, actor, Action.MEMBER_SET, target=name, site_id=site_id, role=role.value)


async def remove_member(session: AsyncSession, actor: Actor, site_id: str, user_id: UUID) -> None:
    """Take a member out of a site; the user's sessions end.

    Raises:
        MemberUnknown: the user is none.
    """
    if not await repository.remove_member(session, user_id, site_id):
        raise MemberUnknown
    await session_repository.end_all(session, user_id)
    person = await users.find_person(session, user_id)
    await record(session, actor, Action.MEMBER_REMOVED, target=person.username, site_id=site_id)


async def invite(session: AsyncSession, actor: Actor, site_id: str, role: Role) -> Issued:
    """A code by which one person can make an account, as a member of the site.

    Raises:
        InvitationsFull: too many are open.
    """
    if await repository.count_invitations(session, site_id) >= MOST_INVITATIONS:
        raise InvitationsFull(limit=MOST_INVITATIONS)
    issued = Issued.new()
    values = {
        "digest": issued.digest,
        "invitation_id": uuid4(),
        "site_id": site_id,
        "role": role.value,
        "invited_by": actor.user_id,
    }
    await users.add_invitation(session, values, INVITATION_LIFE)
    await record(session, actor, Action.INVITATION_MADE, site_id=site_id, role=role.value)
    return issued


async def withdraw_invitation(session: AsyncSession, actor: Actor, site_id: str, invitation_id: UUID) -> None:
    """End an invitation.

    Raises:
        InvitationUnknown: there is none.
    """
    if not await repository.withdraw(session, site_id, invitation_id):
        raise InvitationUnknown
    await record(session, actor, Action.INVITATION_WITHDRAWN, target=str(invitation_id), site_id=site_id)
