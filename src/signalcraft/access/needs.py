"""The dependency that a route names its right with.

    Reader = Annotated[Caller, Depends(needs(Right.READ, of=DEVICE))]

    @router.get("/devices/{device_id}/baseline", responses=problems(*ACCESS_ERRORS, DeviceUnknown))
    async def get_baseline(caller: Reader, session: ReadSession, device_id: DeviceIdInPath) -> Baseline: ...

It lets a device through to itself, a person or a script to the sites where the person's role has the right, and, where
device access is open, anyone to what is open. Where a thing is named, it has been looked at: the caller then acts as the
thing's device (`caller.device_id`). Where none is, a person's answer must keep to `caller.sites`. Put it before a database
session in the route's parameters, so that no two connections are held at once.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Depends, Request
from sqlalchemy import RowMapping

from signalcraft.access.errors import RightMissing, ScopeMissing
from signalcraft.access.rights import DEVICE_RIGHTS, OPEN_RIGHTS, ROLE_RIGHTS, SCOPE_RIGHTS, Right
from signalcraft.access.things import Thing
from signalcraft.auth import access_tokens, cookies
from signalcraft.auth.current import SESSION_COOKIE, auth_of, signed_in
from signalcraft.auth.errors import CrossSiteRequest, SignInNeeded
from signalcraft.auth.person import Person
from signalcraft.core.database import Database
from signalcraft.core.errors import RateLimited
from signalcraft.core.rate_limit import Limits, RateLimit
from signalcraft.devices import access as device_access
from signalcraft.devices.access import ANYONE, DEVICE_TOKEN, Caller
from signalcraft.devices.errors import OtherDevice, TokenMissing, TokenRefused

# For a router's `dependencies`: the ways to show who one is, in the OpenAPI document.
CREDENTIALS = [Depends(DEVICE_TOKEN), Depends(SESSION_COOKIE)]
# For a route's `responses`: what `needs` answers, beside the thing's own error.
ACCESS_ERRORS = (
    TokenMissing,
    SignInNeeded,
    TokenRefused,
    OtherDevice,
    RightMissing,
    ScopeMissing,
    CrossSiteRequest,
    RateLimited,
)


def needs(
    right: Right, *, of: Thing | None = None, handing_out: frozenset[Right] = frozenset()
) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """A dependency that gives the caller, if it has this right at the site of the named thing, or at any.

    handing_out: what the answer lets its holder do; a script gets no more by it than its scopes cover.

    It raises one of `ACCESS_ERRORS`, or the thing's `unknown` where there is none or it is no business of the caller's.
    """

    async def caller(request: Request) -> Caller:
        if request.app.state.is_device_access_open and right in OPEN_RIGHTS:
            return ANYONE
        token = device_access.bearer_token(request)
        if token is None:
            person = await _by_session(request, right)
            _rate(request).spend(person.counted_as)
            return await _reach(request, person, right, of)
        if token.startswith(access_tokens.PREFIX):
            person = await script_of(request, token)
            _rate(request).spend(person.counted_as)
            for covered in (right, *sorted(handing_out)):
                must_cover(person, covered)
            return await _reach(request, person, right, of)
        return await _device(request, token, right, of)

    return caller


async def script_of(request: Request, token: str) -> Person:
    """The user behind a personal access token.

    Raises:
        TokenRefused: it is unknown, past its end or revoked.
    """
    person = await (await auth_of(request)).access_tokens.person_of(token)
    if person is None:
        raise TokenRefused
    return person


def must_cover(script: Person, right: Right) -> None:
    """Let a script through whose scopes cover the right.

    Raises:
        ScopeMissing: they don't.
    """
    if not any(right in SCOPE_RIGHTS[scope] for scope in script.scopes or ()):
        raise ScopeMissing(right=right.value)


def sites_with(person: Person, right: Right) -> frozenset[str] | None:
    """The sites where the person has the right; None for all."""
    if person.is_admin:
        return None
    return frozenset(site for site, role in person.roles.items() if right in ROLE_RIGHTS[role])


def _rate(request: Request) -> RateLimit:
    limits: Limits = request.app.state.limits
    return limits.requests


async def _by_session(request: Request, right: Right) -> Person:
    if cookies.read(cookies.SESSION, request) is None:
        raise TokenMissing if right in DEVICE_RIGHTS else SignInNeeded
    return await signed_in(request)


async def _device(request: Request, token: str, right: Right, of: Thing | None) -> Caller:
    caller = await device_access.device_of(request, token)
    caller.spend(_rate(request))
    if right not in DEVICE_RIGHTS:
        raise RightMissing(right=right.value)
    if of is None or (named := _named(request, of)) is None:
        return caller
    if of.parameter == "device_id":
        caller.may_act_as(named)
    elif (await _find(request, of, named))["device_id"] != caller.device_id:
        raise of.missing(named)
    return caller


async def _reach(request: Request, person: Person, right: Right, of: Thing | None) -> Caller:
    sites = sites_with(person, right)
    if of is None or (named := _named(request, of)) is None:
        # A member of nothing may look, and sees nothing.
        if sites is not None and not sites and right is not Right.READ:
            raise RightMissing(right=right.value)
        return Caller(None, person, sites)
    found = await _find(request, of, named)
    site_id = found["site_id"]
    if sites is not None and site_id not in sites:
        if site_id in person.roles:
            raise RightMissing(right=right.value)
        raise of.missing(named)
    return Caller(found["device_id"], person, sites)


def _named(request: Request, of: Thing) -> str | None:
    named: str | None = request.path_params.get(of.parameter) or request.query_params.get(of.parameter)
    return named


async def _find(request: Request, of: Thing, named: str) -> RowMapping:
    try:
        value = of.parse(named)
    except ValueError:
        raise of.missing(named) from None
    database: Database = request.app.state.database
    found = await database.fetch_alone(of.statement, {"value": value})
    if found is None:
        raise of.missing(named)
    return found
