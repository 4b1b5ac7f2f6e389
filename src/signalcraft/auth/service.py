"""The rules of signing in, making an account and changing a password.

A password takes its time to check and may wait for its turn, so none of these holds a connection meanwhile: what was read
before is read again, under a lock, in the transaction that acts on it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit.service import Action, Actor, record
from signalcraft.auth import (
    access_token_repository,
    known_browsers,
    repository,
    session_repository,
    user_repository,
)
from signalcraft.auth.errors import (
    AccountsFull,
    InvitationNeeded,
    InvitationRefused,
    LoginRefused,
    PasswordWrong,
    UserExists,
)
from signalcraft.auth.limits import Attempt, Limits
from signalcraft.auth.names import key_of
from signalcraft.auth.password_rules import must_be_good
from signalcraft.auth.passwords import UNMATCHABLE, Passwords
from signalcraft.auth.person import Person
from signalcraft.auth.repository import StoredLogin
from signalcraft.auth.secrets import Issued, digest_of
from signalcraft.auth.sessions import Origin, open_session
from signalcraft.core.database import Database
from signalcraft.settings import AuthSettings, Registration
from signalcraft.sites import repository as sites
from signalcraft.sites.roles import Role

# How the audit log calls whoever gave a name that is nobody's; no user's name holds blanks.
UNKNOWN: Final = "(unknown name)"
SETUP_CODE_LIFE: Final = timedelta(days=1)


class GivenCookies(NamedTuple):
    """What the browser that signs in has from before."""

    session: str | None
    browser: str | None


class SignedIn(NamedTuple):
    """A new session, and the cookie by which the browser will be known."""

    person: Person
    session: Issued
    browser_cookie: str


class PasswordChanged(NamedTuple):
    """The session that takes the place of all others, and how many personal access tokens were revoked."""

    session: Issued
    tokens_revoked: int


@dataclass(frozen=True)
class NewAccount:
    """What somebody gives who makes an account."""

    username: str
    email: str
    password: str
    invitation: str | None = None


class Accounts:
    """Signing in, and what needs a password."""

    def __init__(
        self, database: Database, passwords: Passwords, limits: Limits, settings: AuthSettings
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._limits = limits
        self._settings = settings
        self._session_life = timedelta(seconds=settings.session_life_s)
        self._browser_secret: bytes | None = None

    async def log_in(self, name: str, password: str, origin: Origin, cookies: GivenCookies) -> SignedIn:
        """Sign in by name or e-mail address; the session that the browser had before ends.

        Raises:
            LoginRefused: no such account, a wrong password, or a closed account; which of them, nobody is told.
            TooManyFailures, LimitsUnavailable, LoginsBusy, DatabaseUnavailable: the password was not checked.
        """
        key = key_of(name)
        secret = await self._secret()
        browser = known_browsers.nonce_of(secret, key, cookies.browser) if cookies.browser else None
        attempt = Attempt(key, origin.address, browser)
        async with self._limits.attempt(attempt):
            login, replacement = await self._checked(key, password)
            if login is None:
                await self._limits.failed(attempt)
                await self._record_failure(key, origin.address)
                raise LoginRefused
        async with self._database.session() as session:
            if not await repository.lock_if_unchanged(session, login):
                raise LoginRefused
            if replacement is not None:
                await repository.set_password(session, login.user_id, replacement)
            if cookies.session is not None:
                await session_repository.end_by_digest(session, digest_of(cookies.session))
            issued = await open_session(session, login.user_id, origin, self._session_life)
            person = await repository.find_person(session, login.user_id)
            await record(session, Actor(person.username, person.user_id, origin.address), Action.LOGIN)
        return SignedIn(person, issued, known_browsers.issue(secret, key))

    async def register(self, account: NewAccount, address: str) -> Person:
        """Make an account; with an invitation, as a member of its site.

        Raises:
            InvitationNeeded, InvitationRefused, UserExists, PasswordRefused, AccountsFull: it was not made.
            TooManyRegistrations, LimitsUnavailable, LoginsBusy, DatabaseUnavailable: not now.
        """
        await self._limits.registration(address)
        must_be_good(account.password, (account.username, account.email))
        async with self._database.session(read_only=True) as session:
            await self._must_be_welcome(session, account)
        password_hash = await self._passwords.hash(account.password)
        async with self._database.session() as session:
            person = await add_account(session, account, password_hash, self._settings)
            actor = Actor(person.username, person.user_id, address)
            site_id = next(iter(person.roles), None)
            await record(session, actor, Action.USER_MADE, target=person.username, site_id=site_id)
        return person

    async def change_password(
        self, person: Person, current: str, new: str, origin: Origin
    ) -> PasswordChanged:
        """Replace the password; all sessions and personal tokens end, and a new session takes this one's place.

        Raises:
            PasswordWrong, PasswordRefused: it stays as it is.
            TooManyFailures, LimitsUnavailable, LoginsBusy, DatabaseUnavailable: not now.
        """
        must_be_good(new, (person.username, person.email))
        async with self._database.session(read_only=True) as session:
            login = await repository.find_password(session, person.user_id)
        attempt = Attempt(f"password of {person.user_id}", origin.address, None)
        async with self._limits.attempt(attempt):
            if not await self._is_right(current, login.password_hash):
                await self._limits.failed(attempt)
                raise PasswordWrong
        replacement = await self._passwords.hash(new)
        async with self._database.session() as session:
            if not await repository.lock_if_unchanged(session, login):
                raise PasswordWrong
            await repository.set_password(session, person.user_id, replacement)
            await session_repository.end_all(session, person.user_id)
            actor = Actor(person.username, person.user_id, origin.address)
            revoked = await access_token_repository.revoke_all(session, person.user_id)
            await record(session, actor, Action.PASSWORD_CHANGED, tokens_revoked=revoked)
            issued = await open_session(session, person.user_id, origin, self._session_life)
        return PasswordChanged(issued, revoked)

    async def _checked(self, key: str, password: str) -> tuple[StoredLogin | None, str | None]:
        """The account whose password it is, and the hash that shall replace the kept one."""
        async with self._database.session(read_only=True) as session:
            login = await repository.find_login(session, key)
        # The same work whether there is such an account or not.
        match = await self._passwords.match(password, login.password_hash if login else UNMATCHABLE)
        return (login, match.replacement) if match.is_right else (None, None)

    async def _record_failure(self, key: str, address: str) -> None:
        """Tell of a failed login; the limits bound how many there are. The same work whether the account exists or not.

        A name that is nobody's may be a password that was typed into the wrong field, so it is not kept.
        """
        async with self._database.session() as session:
            user = await user_repository.find_open(session, key)
            actor = (
                Actor(UNKNOWN, None, address) if user is None else Actor(user.username, user.user_id, address)
            )
            await record(session, actor, Action.LOGIN_FAILED)

    async def _is_right(self, password: str, kept: str) -> bool:
        return (await self._passwords.match(password, kept)).is_right

    async def _must_be_welcome(self, session: AsyncSession, account: NewAccount) -> None:
        """Refuse early what will be refused anyway, before a password is hashed for it."""
        if account.invitation is not None:
            if not await repository.is_invitation(session, digest_of(account.invitation)):
                raise InvitationRefused
        elif self._settings.registration is Registration.INVITATION:
            raise InvitationNeeded
        if await repository.is_taken(session, key_of(account.username), key_of(account.email)):
            raise UserExists

    async def _secret(self) -> bytes:
        if self._browser_secret is None:
            async with self._database.session() as session:
                self._browser_secret = await repository.secret(
                    session, known_browsers.SECRET_NAME, known_browsers.fresh_secret()
                )
        return self._browser_secret


async def add_account(
    session: AsyncSession, account: NewAccount, password_hash: str, settings: AuthSettings
) -> Person:
    """Keep a new account and use up its invitation.

    Raises:
        InvitationRefused, UserExists, AccountsFull: it was not made.
    """
    # The lock also lets the code of the first start make one administrator only.
    if await repository.lock_accounts(session) >= settings.users_max:
        raise AccountsFull(limit=settings.users_max)
    place = None
    if account.invitation is not None:
        place = await repository.take_invitation(session, digest_of(account.invitation))
        if place is None or (place["site_id"] is None and await repository.has_admin(session)):
            raise InvitationRefused
    is_admin = place is not None and place["site_id"] is None
    user_id = await add_user(session, account.username, account.email, password_hash, is_admin=is_admin)
    if place is not None and place["site_id"] is not None:
        await sites.set_member(session, user_id, place["site_id"], Role(place["role"]))
    return await repository.find_person(session, user_id)


async def add_user(
    session: AsyncSession, username: str, email: str, password_hash: str, *, is_admin: bool
) -> UUID:
    """Keep a new user.

    Raises:
        UserExists: the name or the address is taken.
    """
    user_id = uuid4()
    values = {
        "user_id": user_id,
        "username": username,
        "username_key": key_of(username),
        "email": email,
        "email_key": key_of(email),
        "password_hash": password_hash,
        "is_admin": is_admin,
    }
    await repository.add(session, values)
    return user_id


async def setup_code(session: AsyncSession) -> str | None:
    """A fresh code by which the first administrator is made, where there is none; earlier codes end."""
    if await repository.has_admin(session):
        return None
    await repository.drop_setup_codes(session)
    issued = Issued.new()
    values = {
        "digest": issued.digest,
        "invitation_id": uuid4(),
        "site_id": None,
        "role": None,
        "invited_by": None,
    }
    await repository.add_invitation(session, values, SETUP_CODE_LIFE)
    return issued.secret
