"""What the routes of users and sessions take and give."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.auth.names import Email, LoginName, Username
from signalcraft.auth.password_rules import LEAST_CHARACTERS, MOST_CHARACTERS
from signalcraft.auth.person import Person
from signalcraft.sites.roles import Role

# Longer ones are refused before anything is computed.
GivenPassword = Annotated[str, Field(max_length=MOST_CHARACTERS, examples=["correct horse battery staple"])]
NewPassword = Annotated[
    str,
    Field(
        min_length=LEAST_CHARACTERS,
        max_length=MOST_CHARACTERS,
        description="Not one of the most common ones; any characters.",
        examples=["correct horse battery staple"],
    ),
]


class _Request(BaseModel):
    # A wrong value is a secret more often than not.
    model_config = ConfigDict(hide_input_in_errors=True)


class Credentials(_Request):
    """A login."""

    username: LoginName
    password: GivenPassword


class Registering(_Request):
    """A new account."""

    username: Username
    email: Email
    password: NewPassword
    invitation: str | None = Field(
        None, max_length=100, description="The code of an invitation, or of the first start."
    )


class PasswordChange(_Request):
    """A new password."""

    current_password: GivenPassword
    new_password: NewPassword


class SiteRole(BaseModel):
    """What a user is at a site."""

    site_id: str = Field(examples=["default"])
    role: Role


class User(BaseModel):
    """The user who is signed in."""

    user_id: UUID
    username: str = Field(examples=["minji"])
    email: str = Field(examples=["minji@shop.example"])
    is_admin: bool = Field(description="May do everything, at every site.")
    sites: list[SiteRole] = Field(description="Where the user is a member.")

    @classmethod
    def of(cls, person: Person) -> Self:
        """As the person is known."""
        return cls(
            user_id=person.user_id,
            username=person.username,
            email=person.email,
            is_admin=person.is_admin,
            sites=[SiteRole(site_id=site_id, role=role) for site_id, role in sorted(person.roles.items())],
        )


class Done(BaseModel):
    """It was done."""

    success: bool = True
    message: str = Field(examples=["Signed in."])


class DoneFor(Done):
    """It was done for a user."""

    user: User


class Session(BaseModel):
    """A browser that is signed in."""

    session_id: UUID
    created_at: datetime
    last_seen_at: datetime = Field(description="To the minute.")
    expires_at: datetime
    address: str | None = Field(examples=["192.0.2.7"])
    user_agent: str | None = Field(examples=["Mozilla/5.0"])
    is_current: bool = Field(description="It is the one that asks.")


class SessionList(BaseModel):
    """A user's sessions, the one that was used last first; there are at most 100."""

    success: bool = True
    data: list[Session]
    count: int
