"""Users as administrators manage them."""

import secrets
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from signalcraft.access.actors import actor_of
from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.rights import Right
from signalcraft.auth import administration, user_repository
from signalcraft.auth.current import CurrentAuth
from signalcraft.auth.errors import LastAdministrator, LoginsBusy, UserExists, UserUnknown
from signalcraft.auth.names import Email, Username
from signalcraft.auth.schemas import Done
from signalcraft.core.database import Database, ReadSession, Session, database_of
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid
from signalcraft.core.problems import problems
from signalcraft.devices.access import Caller
from signalcraft.sites.errors import SiteUnknown
from signalcraft.sites.models import FIRST_SITE
from signalcraft.sites.roles import Role
from signalcraft.sites.schemas import SiteId

Administrator = Annotated[Caller, Depends(needs(Right.ADMINISTER))]
CurrentDatabase = Annotated[Database, Depends(database_of)]
ERRORS = (*ACCESS_ERRORS, Invalid, DatabaseUnavailable)
# 96 random bits, which nobody will guess before they are changed.
PASSWORD_BYTES = 12

router = APIRouter(prefix="/api/users", tags=["people"], dependencies=CREDENTIALS)


class NewUser(BaseModel):
    """An account to be made."""

    username: Username
    email: Email
    is_admin: bool = False
    site_id: SiteId = Field(FIRST_SITE, description="Where one who is no administrator is a member.")
    role: Role = Field(Role.VIEWER, description="What one who is no administrator is there.")


class UserChange(BaseModel):
    """What shall change; what is left out stays."""

    is_disabled: bool | None = None
    is_admin: bool | None = None


class KnownUser(BaseModel):
    """A user."""

    user_id: UUID
    username: str = Field(examples=["minji"])
    email: str = Field(examples=["minji@shop.example"])
    is_admin: bool
    is_disabled: bool
    created_at: datetime
    roles: list[str] = Field(description="Role and site.", examples=[["owner default"]])


class UserPage(BaseModel):
    """Users by name."""

    success: bool = True
    data: list[KnownUser]
    count: int
    next_after: str | None = Field(description="For the next page; null on the last one.")


class FirstPassword(BaseModel):
    """A user's new password, shown this once."""

    success: bool = True
    user_id: UUID
    password: str = Field(examples=["…"])


class ResetPassword(FirstPassword):
    """A user's new password, shown this once, and what else has ended."""

    tokens_revoked: int = Field(description="Personal access tokens that ended with it.", examples=[2])


@router.get("", responses=problems(*ERRORS))
async def list_users(
    _caller: Administrator,
    session: ReadSession,
    after: Annotated[str, Query(max_length=254, pattern=r"^[^\x00]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> UserPage:
    """All users."""
    rows = await user_repository.list_users(session, after=after, limit=limit + 1)
    data = [KnownUser(**dict(row) | {"roles": row["roles"] or []}) for row in rows[:limit]]
    next_after = rows[limit - 1]["username_key"] if len(rows) > limit else None
    return UserPage(data=data, count=len(data), next_after=next_after)


@router.post(
    "",
    status_code=201,
    responses=problems(*ERRORS, BadRequest, BodyTooLarge, UserExists, SiteUnknown, LoginsBusy),
)
async def add_user(
    body: NewUser, request: Request, caller: Administrator, auth: CurrentAuth, database: CurrentDatabase
) -> FirstPassword:
    """Make an account; its password is shown this once."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    # No connection is held while it is hashed.
    password_hash = await auth.passwords.hash(password)
    role = None if body.is_admin else body.role
    new = administration.NewUser(body.username, body.email, role, body.site_id)
    async with database.session() as session:
        user_id = await administration.add_user(session, actor_of(request, caller), new, password_hash)
    return FirstPassword(user_id=user_id, password=password)


@router.patch(
    "/{user_id}", responses=problems(*ERRORS, BadRequest, BodyTooLarge, UserUnknown, LastAdministrator)
)
async def change_user(
    user_id: UUID, body: UserChange, request: Request, caller: Administrator, session: Session
) -> Done:
    """Close or open an account, or make a user an administrator or none; the user has to sign in again."""
    await administration.change(
        session,
        actor_of(request, caller),
        user_id,
        is_disabled=body.is_disabled,
        is_admin=body.is_admin,
    )
    return Done(message="The user is changed.")


@router.post("/{user_id}/password", responses=problems(*ERRORS, UserUnknown, LoginsBusy))
async def reset_password(
    user_id: UUID, request: Request, caller: Administrator, auth: CurrentAuth, database: CurrentDatabase
) -> ResetPassword:
    """Give a user a new password, shown this once; all sessions and personal access tokens of the user end."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    password_hash = await auth.passwords.hash(password)
    async with database.session() as session:
        revoked = await administration.reset_password(
            session, actor_of(request, caller), user_id, password_hash
        )
    return ResetPassword(user_id=user_id, password=password, tokens_revoked=revoked)
