"""The demo's owner: a user with a random password, made anew for each demo."""

import secrets

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit.service import Actor
from signalcraft.auth import administration, user_repository
from signalcraft.auth.names import key_of
from signalcraft.auth.passwords import hash_now
from signalcraft.cli.database import in_transaction
from signalcraft.sites.models import FIRST_SITE
from signalcraft.sites.roles import Role

NAME = "demo"


def make_owner() -> str:
    """The owner's name and password, to be shown; an owner of an earlier demo on the same data gets a new password."""
    password = secrets.token_urlsafe(12)
    password_hash = hash_now(password)

    async def make(session: AsyncSession) -> None:
        actor = Actor.of_command_line()
        user_id = await user_repository.find_by_key(session, key_of(NAME))
        if user_id is None:
            new = administration.NewUser(NAME, f"{NAME}@shop.example", Role.OWNER, FIRST_SITE)
            await administration.add_user(session, actor, new, password_hash)
        else:
            await administration.reset_password(session, actor, user_id, password_hash)

    in_transaction(make)
    return f"{NAME}, password {password}"
