"""The cookies: their names and flags.

Over HTTPS a name with the prefix `__Host-` is used alone: browsers take such a cookie only from this very host, over
HTTPS and for all paths, so no other host of the domain can plant one.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from signalcraft.core.request_origin import is_https

SESSION: Final = "sessionId"
BROWSER: Final = "knownBrowser"


def name_of(cookie: str, request: Request) -> str:
    """The cookie's name on this connection."""
    return f"__Host-{cookie}" if is_https(request) else cookie


def read(cookie: str, request: Request) -> str | None:
    """The cookie's value."""
    return request.cookies.get(name_of(cookie, request))


def give(cookie: str, value: str, request: Request, response: Response, *, life_s: int) -> None:
    """Set the cookie, out of reach of scripts and of other sites' requests."""
    response.set_cookie(
        name_of(cookie, request),
        value,
        max_age=life_s,
        path="/",
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )


def take_back(cookie: str, request: Request, response: Response) -> None:
    """Delete the cookie."""
    response.delete_cookie(
        name_of(cookie, request), path="/", secure=is_https(request), httponly=True, samesite="lax"
    )
