"""Sites, their members and invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from signalcraft.access.actors import actor_of
from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.rights import Right
from signalcraft.auth.errors import UserUnknown
from signalcraft.auth.schemas import Done
from signalcraft.core.database import ReadSession, Session
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid
from signalcraft.core.problems import problems
from signalcraft.devices.access import Caller
from signalcraft.sites import members, repository
from signalcraft.sites.errors import (
    InvitationsFull,
    InvitationUnknown,
    MemberUnknown,
    SiteExists,
    SiteUnknown,
)
from signalcraft.sites.schemas import (
    InvitationList,
    Invited,
    Member,
    MemberList,
    NewInvitation,
    NewMember,
    NewSite,
    OpenInvitation,
    Site,
    SiteName,
    SitePage,
)
from signalcraft.sites.service import SITE_ID_PATTERN
from signalcraft.sites.things import SITE

Reader = Annotated[Caller, Depends(needs(Right.READ))]
Administrator = Annotated[Caller, Depends(needs(Right.ADMINISTER))]
Owner = Annotated[Caller, Depends(needs(Right.SITE, of=SITE))]
SiteInPath = Annotated[str, Path(pattern=SITE_ID_PATTERN, examples=["default"])]
LIST_ERRORS = (*ACCESS_ERRORS, Invalid, DatabaseUnavailable)
ERRORS = (*LIST_ERRORS, SiteUnknown)

router = APIRouter(prefix="/api/sites", tags=["sites"], dependencies=CREDENTIALS)


@router.get("", responses=problems(*LIST_ERRORS))
async def list_sites(
    caller: Reader,
    session: ReadSession,
    after: Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9-]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SitePage:
    """Your sites; all of them for an administrator, none for a device."""
    sites = frozenset() if caller.person is None else caller.sites
    rows = await repository.list_sites(session, sites, after=after, limit=limit + 1)
    data = [Site(**row) for row in rows[:limit]]
    return SitePage(data=data, count=len(data), next_after=data[-1].site_id if len(rows) > limit else None)


@router.post("", status_code=201, responses=problems(*LIST_ERRORS, BadRequest, BodyTooLarge, SiteExists))
async def add_site(body: NewSite, request: Request, caller: Administrator, session: Session) -> Done:
    """Make a site."""
    await members.add_site(session, actor_of(request, caller), body.site_id, body.name)
    return Done(message=f"The site {body.site_id} is made.")


@router.patch("/{site_id}", responses=problems(*ERRORS, BadRequest, BodyTooLarge))
async def rename_site(
    site_id: SiteInPath, body: SiteName, request: Request, caller: Owner, session: Session
) -> Done:
    """Give a site another name."""
    await members.rename_site(session, actor_of(request, caller), site_id, body.name)
    return Done(message="The site has its new name.")


@router.get("/{site_id}/members", responses=problems(*ERRORS))
async def list_members(site_id: SiteInPath, caller: Owner, session: ReadSession) -> MemberList:
    """Who is what at a site; e-mail addresses are for administrators."""
    hidden = {} if _is_administrator(caller) else {"email": None}
    data = [Member(**dict(row) | hidden) for row in await repository.members(session, site_id)]
    return MemberList(data=data, count=len(data))


@router.post(
    "/{site_id}/members", responses=problems(*ERRORS, BadRequest, BodyTooLarge, UserUnknown, MemberUnknown)
)
async def set_member(
    site_id: SiteInPath, body: NewMember, request: Request, caller: Owner, session: Session
) -> Done:
    """Change what a member is, who has to sign in again; administrators also make a user a member."""
    actor, may_add = actor_of(request, caller), _is_administrator(caller)
    await members.set_member(session, actor, site_id, body.username, body.role, may_add=may_add)
    return Done(message=f"{body.username} is {body.role} now.")


@router.delete("/{site_id}/members/{user_id}", responses=problems(*ERRORS, MemberUnknown))
async def remove_member(
    site_id: SiteInPath, user_id: UUID, request: Request, caller: Owner, session: Session
) -> Done:
    """Take a member out of a site."""
    await members.remove_member(session, actor_of(request, caller), site_id, user_id)
    return Done(message="The user is no member any more.")


@router.get("/{site_id}/invitations", responses=problems(*ERRORS))
async def list_invitations(site_id: SiteInPath, _caller: Owner, session: ReadSession) -> InvitationList:
    """Invitations that nobody has used yet."""
    data = [OpenInvitation(**row) for row in await repository.invitations(session, site_id)]
    return InvitationList(data=data, count=len(data))


@router.post(
    "/{site_id}/invitations",
    status_code=201,
    responses=problems(*ERRORS, BadRequest, BodyTooLarge, InvitationsFull),
)
async def invite(
    site_id: SiteInPath, body: NewInvitation, request: Request, caller: Owner, session: Session
) -> Invited:
    """A code, shown this once, by which one person can make an account as a member of the site."""
    issued = await members.invite(session, actor_of(request, caller), site_id, body.role)
    return Invited(invitation=issued.secret)


@router.delete("/{site_id}/invitations/{invitation_id}", responses=problems(*ERRORS, InvitationUnknown))
async def withdraw_invitation(
    site_id: SiteInPath, invitation_id: UUID, request: Request, caller: Owner, session: Session
) -> Done:
    """End an invitation."""
    await members.withdraw_invitation(session, actor_of(request, caller), site_id, invitation_id)
    return Done(message="The invitation has ended.")


def _is_administrator(caller: Caller) -> bool:
    return caller.person is not None and caller.person.is_admin
