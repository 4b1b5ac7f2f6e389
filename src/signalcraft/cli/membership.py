"""Changes of a site's members as they are written on the command line."""

from collections.abc import Sequence

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit.service import Actor
from signalcraft.auth import administration
from signalcraft.core.operator_error import OperatorError
from signalcraft.sites import members, repository
from signalcraft.sites.errors import SiteUnknown
from signalcraft.sites.roles import Role

NO_ROLE = "none"


async def changed_members(
    session: AsyncSession, site_id: str, changes: Sequence[str]
) -> Sequence[RowMapping]:
    """A site's members, after changes of the form `USERNAME=ROLE`.

    Raises:
        SiteUnknown, UserUnknown, MemberUnknown: there is none.
        OperatorError: a change is written otherwise.
    """
    if not await repository.exists(session, site_id):
        raise SiteUnknown(site_id=site_id)
    actor = Actor.of_command_line()
    for change in changes:
        name, _, role = change.rpartition("=")
        if not name or role not in {NO_ROLE, *Role}:
            raise OperatorError(f"--set {change}: write USERNAME=owner, =engineer, =viewer or =none.")
        if role == NO_ROLE:
            user_id = await administration.user_of(session, name)
            await members.remove_member(session, actor, site_id, user_id)
        else:
            await members.set_member(session, actor, site_id, name, Role(role), may_add=True)
    return await repository.members(session, site_id)
