"""Who is signed in, or whose script it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from signalcraft.sites.roles import Role


class Scope(StrEnum):
    """What of a user's rights a script may use."""

    READ = "read"
    INGEST = "ingest"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Person:
    """A user, and what the user is at which site; behind a session, or behind a token with scopes."""

    user_id: UUID
    username: str
    email: str
    is_admin: bool
    roles: Mapping[str, Role]
    session_id: UUID | None = None
    scopes: frozenset[Scope] | None = None

    @property
    def counted_as(self) -> str:
        """Whose limits the person uses up; the blank keeps it apart from every device id."""
        return f"user {self.user_id}"
