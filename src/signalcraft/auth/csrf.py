"""Requests that another site's page makes a browser send (OWASP: Fetch Metadata, with `Origin` for older browsers)."""

from typing import Final

from starlette.requests import Request

from signalcraft.auth.errors import CrossSiteRequest
from signalcraft.core.request_origin import own_origin
from signalcraft.settings import ServerSettings

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITE: Final = frozenset({"same-origin", "same-site"})


def must_come_from_own_site(request: Request, *, is_proof_needed: bool = True) -> None:
    """Let a request pass that changes nothing, or that a page of this site, or of an origin in the settings, has sent.

    Where no cookie is used yet (`is_proof_needed` is false), a request without either header passes: it is no browser's.

    Raises:
        CrossSiteRequest: it comes from elsewhere, or nothing shows that it does not.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    server: ServerSettings = request.app.state.settings.server
    if origin is not None and origin in server.cors_origins:
        is_own = True
    elif site is not None:
        is_own = site in OWN_SITE
    elif origin is not None:
        is_own = origin.lower() == own_origin(request)
    else:
        is_own = not is_proof_needed
    if not is_own:
        raise CrossSiteRequest
