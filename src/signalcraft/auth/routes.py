"""Signing in and out, accounts and sessions."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response

from signalcraft.audit.service import Action, Actor, record
from signalcraft.auth import cookies, known_browsers, session_repository
from signalcraft.auth.csrf import must_come_from_own_site
from signalcraft.auth.current import BY_SESSION, CurrentAuth, SignedInPerson, signed_in
from signalcraft.auth.errors import (
    AccountsFull,
    CrossSiteRequest,
    InvitationNeeded,
    InvitationRefused,
    LimitsUnavailable,
    LoginRefused,
    LoginsBusy,
    PasswordRefused,
    PasswordWrong,
    SessionUnknown,
    SignInNeeded,
    TooManyFailures,
    TooManyRegistrations,
    UserExists,
)
from signalcraft.auth.person import Person
from signalcraft.auth.schemas import (
    Credentials,
    Done,
    DoneFor,
    PasswordChange,
    Registering,
    SessionList,
    User,
)
from signalcraft.auth.schemas import Session as ShownSession
from signalcraft.auth.secrets import digest_of
from signalcraft.auth.service import GivenCookies, NewAccount
from signalcraft.auth.sessions import Origin
from signalcraft.core.bare_route import BareRoute
from signalcraft.core.database import ReadSession, Session
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid, RateLimited
from signalcraft.core.problems import problems
from signalcraft.core.request_origin import client_address
from signalcraft.settings import AuthSettings

SESSION_ERRORS = (SignInNeeded, DatabaseUnavailable)
COUNTED_ERRORS = (*SESSION_ERRORS, RateLimited)
CHANGE_ERRORS = (*COUNTED_ERRORS, CrossSiteRequest)
HASHING_ERRORS = (
    BadRequest,
    BodyTooLarge,
    LimitsUnavailable,
    LoginsBusy,
    Invalid,
    CrossSiteRequest,
    DatabaseUnavailable,
)

router = APIRouter(prefix="/api/auth", tags=["people"])


@router.post("/login", responses=problems(LoginRefused, TooManyFailures, *HASHING_ERRORS))
async def log_in(body: Credentials, request: Request, response: Response, auth: CurrentAuth) -> DoneFor:
    """Sign in by name or e-mail address; the answer sets the session's cookie."""
    must_come_from_own_site(request, is_proof_needed=False)
    given = GivenCookies(cookies.read(cookies.SESSION, request), cookies.read(cookies.BROWSER, request))
    signed = await auth.accounts.log_in(body.username, body.password, _origin(request), given)
    life_s = _settings(request).session_life_s
    cookies.give(cookies.SESSION, signed.session.secret, request, response, life_s=life_s)
    cookies.give(cookies.BROWSER, signed.browser_cookie, request, response, life_s=known_browsers.LIFE_S)
    return DoneFor(message="Signed in.", user=User.of(signed.person))


async def verify(request: Request) -> Response:
    """The user who is signed in, or 401."""
    person = await signed_in(request)
    answer = DoneFor(message="Signed in.", user=User.of(person))
    return Response(answer.model_dump_json(), media_type="application/json")


router.add_api_route(
    "/verify",
    verify,
    methods=["GET"],
    route_class_override=BareRoute,
    response_model=DoneFor,
    responses=problems(*SESSION_ERRORS),
    dependencies=BY_SESSION,
)


@router.post("/logout", dependencies=BY_SESSION, responses=problems(*CHANGE_ERRORS))
async def log_out(request: Request, response: Response, person: SignedInPerson, session: Session) -> Done:
    """End this session."""
    token = cookies.read(cookies.SESSION, request) or ""
    await session_repository.end_by_digest(session, digest_of(token))
    await record(session, _actor(person, request), Action.LOGOUT)
    cookies.take_back(cookies.SESSION, request, response)
    return Done(message="Signed out.")


@router.post(
    "/register",
    status_code=201,
    responses=problems(
        InvitationNeeded,
        InvitationRefused,
        AccountsFull,
        UserExists,
        PasswordRefused,
        TooManyRegistrations,
        *HASHING_ERRORS,
    ),
)
async def register(body: Registering, request: Request, auth: CurrentAuth) -> DoneFor:
    """Make an account; with an invitation, as a member of its site. Sign in afterwards."""
    must_come_from_own_site(request, is_proof_needed=False)
    person = await auth.accounts.register(NewAccount(**body.model_dump()), client_address(request))
    return DoneFor(message="The account is made.", user=User.of(person))


@router.post(
    "/password",
    dependencies=BY_SESSION,
    responses=problems(
        SignInNeeded, PasswordWrong, PasswordRefused, TooManyFailures, RateLimited, *HASHING_ERRORS
    ),
)
async def change_password(
    body: PasswordChange, request: Request, response: Response, person: SignedInPerson, auth: CurrentAuth
) -> Done:
    """Change the password. All sessions and personal access tokens end; this browser gets a new session."""
    changed = await auth.accounts.change_password(
        person, body.current_password, body.new_password, _origin(request)
    )
    life_s = _settings(request).session_life_s
    cookies.give(cookies.SESSION, changed.session.secret, request, response, life_s=life_s)
    return Done(
        message="The password is changed; all other sessions have ended. "
        f"Access tokens revoked: {changed.tokens_revoked}."
    )


@router.get("/sessions", dependencies=BY_SESSION, responses=problems(*COUNTED_ERRORS))
async def list_sessions(request: Request, person: SignedInPerson, session: ReadSession) -> SessionList:
    """Where you are signed in."""
    idle = timedelta(seconds=_settings(request).session_idle_s)
    rows = await session_repository.list_of(session, person.user_id, idle)
    data = [ShownSession(**row, is_current=row["session_id"] == person.session_id) for row in rows]
    return SessionList(data=data, count=len(data))


@router.delete("/sessions", dependencies=BY_SESSION, responses=problems(*CHANGE_ERRORS))
async def end_other_sessions(request: Request, person: SignedInPerson, session: Session) -> Done:
    """End all your sessions but this one."""
    ended = await session_repository.end_all(session, person.user_id, but=person.session_id)
    await record(session, _actor(person, request), Action.SESSIONS_ENDED, count=ended)
    return Done(message=f"Other sessions ended: {ended}.")


@router.delete(
    "/sessions/{session_id}",
    dependencies=BY_SESSION,
    responses=problems(*CHANGE_ERRORS, SessionUnknown, Invalid),
)
async def end_session(session_id: UUID, request: Request, person: SignedInPerson, session: Session) -> Done:
    """End one of your sessions."""
    if not await session_repository.end(session, person.user_id, session_id):
        raise SessionUnknown
    await record(session, _actor(person, request), Action.SESSIONS_ENDED, count=1)
    return Done(message="The session has ended.")


def _actor(person: Person, request: Request) -> Actor:
    return Actor(person.username, person.user_id, client_address(request))


def _origin(request: Request) -> Origin:
    return Origin(client_address(request), request.headers.get("user-agent", ""))


def _settings(request: Request) -> AuthSettings:
    settings: AuthSettings = request.app.state.settings.auth
    return settings
