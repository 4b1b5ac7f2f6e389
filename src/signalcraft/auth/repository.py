"""The SQL of users and their passwords."""

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Interval

from signalcraft.auth.errors import UserExists
from signalcraft.auth.person import Person, Scope
from signalcraft.sites.roles import Role

FIND_LOGIN = text("""
    SELECT user_id, password_hash FROM users
    WHERE (username_key = :key OR email_key = :key) AND disabled_at IS NULL
""")
# The hash that was checked must still be the one in force: it may have been changed or closed meanwhile.
LOCK_IF_UNCHANGED = text("""
    SELECT user_id FROM users
    WHERE user_id = :user_id AND password_hash = :password_hash AND disabled_at IS NULL
    FOR UPDATE
""")
SET_PASSWORD = text("UPDATE users SET password_hash = :password_hash WHERE user_id = :user_id")
FIND_PASSWORD = text("SELECT user_id, password_hash FROM users WHERE user_id = :user_id")
FIND_PERSON = text("""
    SELECT u.user_id, u.username, u.email, u.is_admin,
        (SELECT array_agg(m.role || ' ' || m.site_id) FROM memberships m WHERE m.user_id = u.user_id) AS roles
    FROM users u WHERE u.user_id = :user_id
""")
ADD = text("""
    INSERT INTO users (user_id, username, username_key, email, email_key, password_hash, is_admin)
    VALUES (:user_id, :username, :username_key, :email, :email_key, :password_hash, :is_admin)
""")
COUNT = text("SELECT count(*) FROM users")
IS_TAKEN = text("""
    SELECT EXISTS (SELECT FROM users WHERE username_key = :username_key OR email_key = :email_key)
""")
HAS_ADMIN = text("SELECT EXISTS (SELECT FROM users WHERE is_admin)")
# Any 64-bit number of its own: one account at a time, so that the count before it still holds.
LOCK_ACCOUNTS = text("SELECT pg_advisory_xact_lock(6101)")
SECRET = text("SELECT secret FROM server_secrets WHERE name = :name")
KEEP_SECRET = text("""
    INSERT INTO server_secrets (name, secret) VALUES (:name, :secret) ON CONFLICT (name) DO NOTHING
""")
ADD_INVITATION = text("""
    INSERT INTO invitations (digest, invitation_id, site_id, role, invited_by, expires_at)
    VALUES (:digest, :invitation_id, :site_id, :role, :invited_by, now() + :life)
""").bindparams(bindparam("life", type_=Interval))
# An invitation is worth what its maker's rights are when it is used: whoever was taken out can't come back by an own code.
# Nobody's are those of the first start.
_GOOD = """
    i.digest = :digest AND i.expires_at > now() AND (i.invited_by IS NULL OR EXISTS (
        SELECT FROM users u LEFT JOIN memberships m ON m.user_id = u.user_id AND m.site_id = i.site_id
        WHERE u.user_id = i.invited_by AND u.disabled_at IS NULL AND (u.is_admin OR m.role = 'owner')
    ))
"""
IS_INVITATION = text(f"SELECT EXISTS (SELECT FROM invitations i WHERE {_GOOD})")  # noqa: S608 - a condition of our own
# Whoever comes second finds it gone.
TAKE_INVITATION = text(f"DELETE FROM invitations i WHERE {_GOOD} RETURNING site_id, role")  # noqa: S608
DROP_SETUP_CODES = text("DELETE FROM invitations WHERE site_id IS NULL")


class StoredLogin(NamedTuple):
    """What a login is checked against."""

    user_id: UUID
    password_hash: str


async def find_login(session: AsyncSession, key: str) -> StoredLogin | None:
    """The open account of this name or address."""
    row = (await session.execute(FIND_LOGIN, {"key": key})).first()
    return None if row is None else StoredLogin(row.user_id, row.password_hash)


async def lock_if_unchanged(session: AsyncSession, login: StoredLogin) -> bool:
    """Whether the account is still open with the same password; it stays so until the transaction ends."""
    return (await session.execute(LOCK_IF_UNCHANGED, login._asdict())).first() is not None


async def set_password(session: AsyncSession, user_id: UUID, password_hash: str) -> None:
    """Replace the hash."""
    await session.execute(SET_PASSWORD, {"user_id": user_id, "password_hash": password_hash})


async def find_password(session: AsyncSession, user_id: UUID) -> StoredLogin:
    """What a user's current password is checked against."""
    row = (await session.execute(FIND_PASSWORD, {"user_id": user_id})).one()
    return StoredLogin(row.user_id, row.password_hash)


async def find_person(session: AsyncSession, user_id: UUID) -> Person:
    """A user, with what the user is where."""
    return person_of((await session.execute(FIND_PERSON, {"user_id": user_id})).mappings().one())


def person_of(row: Any, session_id: UUID | None = None, scopes: frozenset[Scope] | None = None) -> Person:
    """The person of a row (SQLAlchemy's or asyncpg's) that has `roles` as an array of `role site`."""
    pairs = (entry.partition(" ") for entry in row["roles"] or ())
    return Person(
        user_id=row["user_id"],
        username=row["username"],
        email=row["email"],
        is_admin=row["is_admin"],
        roles={site_id: Role(role) for role, _, site_id in pairs},
        session_id=session_id,
        scopes=scopes,
    )


async def is_taken(session: AsyncSession, username_key: str, email_key: str) -> bool:
    """Whether there is a user of this name or address."""
    values = {"username_key": username_key, "email_key": email_key}
    return bool((await session.execute(IS_TAKEN, values)).scalar_one())


async def has_admin(session: AsyncSession) -> bool:
    """Whether there is an administrator."""
    return bool((await session.execute(HAS_ADMIN)).scalar_one())


async def add(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keep a new user.

    Raises:
        UserExists: the name or the address is taken, as a name or as an address.
    """
    try:
        await session.execute(ADD, values)
    except IntegrityError:
        raise UserExists from None


async def lock_accounts(session: AsyncSession) -> int:
    """Let no other transaction make accounts until this one ends; how many there are."""
    await session.execute(LOCK_ACCOUNTS)
    return int((await session.execute(COUNT)).scalar_one())


async def secret(session: AsyncSession, name: str, fresh: bytes) -> bytes:
    """The shared secret of this name; `fresh` becomes it where there is none."""
    await session.execute(KEEP_SECRET, {"name": name, "secret": fresh})
    return bytes((await session.execute(SECRET, {"name": name})).scalar_one())


async def add_invitation(session: AsyncSession, values: dict[str, Any], life: timedelta) -> None:
    """Keep an invitation."""
    await session.execute(ADD_INVITATION, values | {"life": life})


async def is_invitation(session: AsyncSession, digest: bytes) -> bool:
    """Whether there is such an invitation."""
    return bool((await session.execute(IS_INVITATION, {"digest": digest})).scalar_one())


async def take_invitation(session: AsyncSession, digest: bytes) -> RowMapping | None:
    """Use an invitation up; its site and role."""
    return (await session.execute(TAKE_INVITATION, {"digest": digest})).mappings().first()


async def drop_setup_codes(session: AsyncSession) -> None:
    """End the codes of earlier starts."""
    await session.execute(DROP_SETUP_CODES)
