"""One's own personal access tokens. By session alone: a token that was stolen must not make itself others."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from signalcraft.audit.service import Action, Actor, record
from signalcraft.auth import access_token_repository as repository
from signalcraft.auth.access_tokens import new_token
from signalcraft.auth.current import BY_SESSION, SignedInPerson
from signalcraft.auth.errors import AccessTokensFull, AccessTokenUnknown, CrossSiteRequest, SignInNeeded
from signalcraft.auth.person import Scope
from signalcraft.auth.schemas import Done
from signalcraft.core.clock import utcnow
from signalcraft.core.database import ReadSession, Session
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid, RateLimited
from signalcraft.core.problems import problems
from signalcraft.core.request_origin import client_address

ERRORS = (SignInNeeded, RateLimited, Invalid, DatabaseUnavailable)
CHANGE_ERRORS = (*ERRORS, CrossSiteRequest)

router = APIRouter(prefix="/api/auth/tokens", tags=["people"], dependencies=BY_SESSION)


class NewAccessToken(BaseModel):
    """A token to be made."""

    name: Annotated[
        str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["backup"])
    ]
    scopes: Annotated[frozenset[Scope], Field(min_length=1, examples=[["read"]])]
    days: int = Field(90, ge=1, le=366, description="It ends after so many.")


class AccessToken(BaseModel):
    """A token, without its secret."""

    token_id: UUID
    name: str = Field(examples=["backup"])
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    expires_at: datetime


class AccessTokenList(BaseModel):
    """One's own tokens, the newest first; there are at most 100."""

    success: bool = True
    data: list[AccessToken]
    count: int


class IssuedAccessToken(BaseModel):
    """A new token, shown this once."""

    success: bool = True
    token_id: UUID
    token: str = Field(description="Sent as `Authorization: Bearer …`.", examples=["sct_…"])
    expires_at: datetime


@router.get("", responses=problems(*ERRORS))
async def list_tokens(person: SignedInPerson, session: ReadSession) -> AccessTokenList:
    """Your tokens."""
    data = [AccessToken(**row) for row in await repository.list_of(session, person.user_id)]
    return AccessTokenList(data=data, count=len(data))


@router.post(
    "", status_code=201, responses=problems(*CHANGE_ERRORS, BadRequest, BodyTooLarge, AccessTokensFull)
)
async def make_token(
    body: NewAccessToken, request: Request, person: SignedInPerson, session: Session
) -> IssuedAccessToken:
    """Make a token for a script; it is shown this once."""
    if await repository.count(session, person.user_id) >= repository.TOKENS_A_USER:
        raise AccessTokensFull(limit=repository.TOKENS_A_USER)
    issued, token_id, expires_at = new_token(), uuid4(), utcnow() + timedelta(days=body.days)
    values = {
        "digest": issued.digest,
        "token_id": token_id,
        "user_id": person.user_id,
        "name": body.name,
        "scopes": sorted(body.scopes),
        "expires_at": expires_at,
    }
    await repository.add(session, values)
    actor = Actor(person.username, person.user_id, client_address(request))
    await record(session, actor, Action.TOKEN_MADE, target=body.name, scopes=sorted(body.scopes))
    return IssuedAccessToken(token_id=token_id, token=issued.secret, expires_at=expires_at)


@router.delete("/{token_id}", responses=problems(*CHANGE_ERRORS, AccessTokenUnknown))
async def revoke_token(token_id: UUID, request: Request, person: SignedInPerson, session: Session) -> Done:
    """End a token."""
    name = await repository.revoke(session, person.user_id, token_id)
    if name is None:
        raise AccessTokenUnknown
    actor = Actor(person.username, person.user_id, client_address(request))
    await record(session, actor, Action.TOKEN_REVOKED, target=name)
    return Done(message="The token has ended.")
