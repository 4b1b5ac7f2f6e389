"""Accounts as an administrator makes, closes and mends them."""

from typing import Any, NamedTuple, Self
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit.service import Action, Actor, record
from signalcraft.auth import access_token_repository, repository, session_repository, user_repository
from signalcraft.auth.errors import LastAdministrator, UserExists, UserUnknown
from signalcraft.auth.names import Email, Username, key_of
from signalcraft.auth.password_rules import must_be_good
from signalcraft.auth.service import add_user as keep_user
from signalcraft.core.errors import Invalid
from signalcraft.sites import repository as sites
from signalcraft.sites.errors import SiteUnknown
from signalcraft.sites.models import FIRST_SITE
from signalcraft.sites.roles import Role

_USERNAME: TypeAdapter[str] = TypeAdapter(Username)
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)


class NewUser(NamedTuple):
    """An account to be made: an administrator's without a role, otherwise a member's of one site."""

    username: str
    email: str
    role: Role | None
    site_id: str

    @classmethod
    def checked(cls, username: str, email: str, password: str, role: Role | None, site: str | None) -> Self:
        """What was given, if it can be an account.

        Raises:
            Invalid, PasswordRefused: it can't.
        """
        for field, adapter, value in (("username", _USERNAME, username), ("email", _EMAIL, email)):
            try:
                adapter.validate_python(value)
            except ValidationError as refused:
                raise Invalid(errors=[{"field": field, "reason": refused.errors()[0]["msg"]}]) from None
        must_be_good(password, (username, email))
        return cls(username, email, role, site or FIRST_SITE)


async def add_user(session: AsyncSession, actor: Actor, new: NewUser, password_hash: str) -> UUID:
    """Make an account.

    Raises:
        UserExists, SiteUnknown: it was not made.
    """
    if await repository.is_taken(session, key_of(new.username), key_of(new.email)):
        raise UserExists
    if new.role is not None and not await sites.exists(session, new.site_id):
        raise SiteUnknown(site_id=new.site_id)
    user_id = await keep_user(session, new.username, new.email, password_hash, is_admin=new.role is None)
    site_id = None if new.role is None else new.site_id
    if new.role is not None:
        await sites.set_member(session, user_id, new.site_id, new.role)
    role = "admin" if new.role is None else new.role.value
    await record(session, actor, Action.USER_MADE, target=new.username, site_id=site_id, role=role)
    return user_id


async def change(
    session: AsyncSession,
    actor: Actor,
    user_id: UUID,
    *,
    is_disabled: bool | None = None,
    is_admin: bool | None = None,
) -> None:
    """Close or open an account, or make a user an administrator or none; the user's sessions end.

    Raises:
        UserUnknown: there is no such user.
        LastAdministrator: nobody would be left to administer.
    """
    # One change at a time, or two administrators could close each other's accounts.
    await repository.lock_accounts(session)
    was_administered = await user_repository.is_administered(session)
    name = await user_repository.change(session, user_id, is_disabled=is_disabled, is_admin=is_admin)
    if name is None:
        raise UserUnknown
    if was_administered and not await user_repository.is_administered(session):
        raise LastAdministrator
    await session_repository.end_all(session, user_id)
    given = {"is_disabled": is_disabled, "is_admin": is_admin}
    changed: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    await record(session, actor, Action.USER_CHANGED, target=name, **changed)


async def reset_password(session: AsyncSession, actor: Actor, user_id: UUID, password_hash: str) -> int:
    """Replace a password, end all sessions and revoke all personal access tokens; how many tokens.

    Raises:
        UserUnknown: there is no such user.
    """
    name = await user_repository.name_of(session, user_id)
    if name is None:
        raise UserUnknown
    await repository.set_password(session, user_id, password_hash)
    await session_repository.end_all(session, user_id)
    revoked = await access_token_repository.revoke_all(session, user_id)
    await record(session, actor, Action.PASSWORD_RESET, target=name, tokens_revoked=revoked)
    return revoked


async def user_of(session: AsyncSession, name: str) -> UUID:
    """The user of this name or address.

    Raises:
        UserUnknown: there is no such user.
    """
    user_id = await user_repository.find_by_key(session, key_of(name))
    if user_id is None:
        raise UserUnknown
    return user_id
