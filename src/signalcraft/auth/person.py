"""Who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from signalcraft.sites.roles import Role


@dataclass(frozen=True, slots=True)
class Person:
    """A user behind a session, and what the user is at which site."""

    user_id: UUID
    username: str
    email: str
    is_admin: bool
    roles: Mapping[str, Role]
    session_id: UUID | None = None
