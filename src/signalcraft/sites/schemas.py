"""What the routes of sites take and give."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from signalcraft.auth.names import LoginName
from signalcraft.sites.roles import Role
from signalcraft.sites.service import SITE_ID_PATTERN

SiteId = Annotated[str, Field(pattern=SITE_ID_PATTERN, examples=["shop-2"])]
# Anything that can be shown in a line.
ShownName = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["Shop 2, Mapo"])
]


class NewSite(BaseModel):
    """A site to be made."""

    site_id: SiteId
    name: ShownName


class SiteName(BaseModel):
    """A site's new name."""

    name: ShownName


class NewMember(BaseModel):
    """Who shall be what at a site."""

    username: LoginName
    role: Role


class NewInvitation(BaseModel):
    """What the invited person shall be."""

    role: Role


class Site(BaseModel):
    """A site."""

    site_id: str = Field(examples=["shop-2"])
    name: str = Field(examples=["Shop 2, Mapo"])
    created_at: datetime
    devices: int = Field(examples=[3])
    members: int = Field(examples=[2])


class SitePage(BaseModel):
    """Sites by id."""

    success: bool = True
    data: list[Site]
    count: int
    next_after: str | None = Field(description="For the next page; null on the last one.")


class Member(BaseModel):
    """A user at a site."""

    user_id: UUID
    username: str = Field(examples=["minji"])
    email: str | None = Field(description="Null but for administrators.", examples=["minji@shop.example"])
    role: Role
    since: datetime
    is_disabled: bool


class MemberList(BaseModel):
    """A site's members, by name."""

    success: bool = True
    data: list[Member]
    count: int


class OpenInvitation(BaseModel):
    """An invitation that nobody has used yet."""

    invitation_id: UUID
    role: Role
    created_at: datetime
    expires_at: datetime
    invited_by: str | None = Field(examples=["minji"])


class InvitationList(BaseModel):
    """A site's open invitations, the oldest first."""

    success: bool = True
    data: list[OpenInvitation]
    count: int


class Invited(BaseModel):
    """An invitation's code, shown this once."""

    success: bool = True
    invitation: str = Field(description="For `POST /api/auth/register`; it works once, within seven days.")
