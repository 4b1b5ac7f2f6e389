"""Who is signed in, as dependencies of routes."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie

from signalcraft.auth import cookies
from signalcraft.auth.access_tokens import AccessTokens
from signalcraft.auth.csrf import must_come_from_own_site
from signalcraft.auth.errors import SignInNeeded
from signalcraft.auth.limits import Limits
from signalcraft.auth.passwords import Passwords
from signalcraft.auth.person import Person
from signalcraft.auth.service import Accounts
from signalcraft.auth.sessions import Sessions
from signalcraft.core.database import Database
from signalcraft.core.rate_limit import CurrentLimits
from signalcraft.settings import Settings

# Only for the OpenAPI document; the check is below.
SESSION_COOKIE = APIKeyCookie(
    name=cookies.SESSION,
    scheme_name="session",
    description=f"A session's cookie, from `POST /api/auth/login`; over HTTPS `__Host-{cookies.SESSION}`.",
    auto_error=False,
)


# For routes that a session's cookie opens.
BY_SESSION = [Depends(SESSION_COOKIE)]


@dataclass(frozen=True)
class Auth:
    """What signing in needs, one a process."""

    accounts: Accounts
    sessions: Sessions
    access_tokens: AccessTokens
    passwords: Passwords

    @classmethod
    def start(cls, database: Database, database_url: str, settings: Settings) -> "Auth":
        """Put it together."""
        passwords = Passwords(threads=settings.auth.hash_threads, queue=settings.auth.hash_queue)
        redis_url = settings.redis.url.get_secret_value() if settings.redis.url else None
        accounts = Accounts(database, passwords, Limits(redis_url), settings.auth)
        return cls(
            accounts,
            Sessions(database, database_url, settings),
            AccessTokens(database, database_url, settings),
            passwords,
        )

    async def close(self) -> None:
        """Let go of threads and connections."""
        self.passwords.close()
        await self.sessions.close()
        await self.access_tokens.close()


async def auth_of(request: Request) -> Auth:
    """The process's means to sign people in."""
    auth: Auth = request.app.state.auth
    return auth


async def signed_in(request: Request) -> Person:
    """The user of the session's cookie.

    Raises:
        SignInNeeded: there is no session, or it has ended.
        CrossSiteRequest: another site's page may have sent the request.
    """
    token = cookies.read(cookies.SESSION, request)
    person = None
    if token is not None:
        must_come_from_own_site(request)
        person = await (await auth_of(request)).sessions.person_of(token)
    if person is None:
        raise SignInNeeded
    return person


async def _counted(request: Request, limits: CurrentLimits) -> Person:
    person = await signed_in(request)
    limits.requests.spend(person.counted_as)
    return person


CurrentAuth = Annotated[Auth, Depends(auth_of)]
# Counts the request; `signed_in` alone does not, for what pages ask all the time.
SignedInPerson = Annotated[Person, Depends(_counted)]
