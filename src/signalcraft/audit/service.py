"""What is written into the audit log, and by whom.

An event is written in the transaction of what it tells of, so neither is there without the other.
"""

import getpass
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit import repository


class Action(StrEnum):
    """What can have been done. Names never change once released: the log keeps them."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    SESSIONS_ENDED = "sessions_ended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - an action's name, as the next ones
    PASSWORD_RESET = "password_reset"  # noqa: S105
    TOKEN_MADE = "token_made"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    USER_MADE = "user_made"
    USER_CHANGED = "user_changed"
    SITE_MADE = "site_made"
    SITE_RENAMED = "site_renamed"
    MEMBER_SET = "member_set"
    MEMBER_REMOVED = "member_removed"
    INVITATION_MADE = "invitation_made"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    DEVICE_ADDED = "device_added"
    DEVICE_CHANGED = "device_changed"
    DEVICE_MOVED = "device_moved"
    DEVICE_TOKEN_ROTATED = "device_token_rotated"  # noqa: S105
    DEVICE_TOKENS_REVOKED = "device_tokens_revoked"
    BASELINE_STARTED = "baseline_started"
    BASELINE_DELETED = "baseline_deleted"
    STATES_NAMED = "states_named"
    MODEL_ADDED = "model_added"
    MODEL_GIVEN_ROLE = "model_given_role"
    MODEL_ROLLED_BACK = "model_rolled_back"


class Actor(NamedTuple):
    """Who did it, from which address."""

    name: str
    user_id: UUID | None = None
    address: str | None = None

    @classmethod
    def of_command_line(cls) -> Self:
        """The user of this machine who runs the command."""
        return cls(f"{getpass.getuser()} (command line)")


async def record(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    *,
    target: str | None = None,
    site_id: str | None = None,
    **details: Any,
) -> None:
    """Write that somebody did something to a target (a user, a device, …). `details` hold no secrets."""
    values = {
        "actor": actor.name,
        "actor_user_id": actor.user_id,
        "address": actor.address,
        "action": action.value,
        "target": target,
        "site_id": site_id,
        "details": details,
    }
    await repository.add(session, values)
