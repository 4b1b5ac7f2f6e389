"""Each request's id, its line in the log and its security headers. A plain ASGI middleware: it stands on the hottest path."""

import logging
import re
import secrets
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signalcraft.core.errors import SignalCraftError
from signalcraft.core.logging import get_logger
from signalcraft.core.problems import problem_response
from signalcraft.core.request_origin import MOST_CHARACTERS
from signalcraft.core.security_headers import security_headers

logger = get_logger("signalcraft.access")
# An id from outside is taken over only in this shape: it goes into logs and headers.
ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
# Of the path, which may be as long as a request's head.
LOGGED_PATH_CHARACTERS = 200


class RequestLog:
    """Gives every request an id (`X-Request-ID`) and its answer the security headers, and logs its outcome.

    Never a query, a body or a header: those may hold secrets.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or secrets.token_hex(8)
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started_s = perf_counter()
        status = 500
        has_started = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, has_started
            if message["type"] == "http.response.start":
                status, has_started = message["status"], True
                headers = message["headers"]
                message["headers"] = [
                    *headers,
                    (b"x-request-id", request_id.encode()),
                    *security_headers(scope["scheme"], headers),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            # Whatever it is, the client gets an answer and its connection stays usable. Half an answer can't be
            # mended; the server logs the error then and closes the connection.
            if has_started:
                raise
            logger.exception("unexpected_error")
            await problem_response(SignalCraftError(), request_id)(scope, receive, send_with_id)
        finally:
            _log_outcome(scope, status, perf_counter() - started_s)
            structlog.contextvars.clear_contextvars()


def _log_outcome(scope: Scope, status: int, duration_s: float) -> None:
    # Successful readings come by the thousand; an operator who wants each one sets LOG_LEVEL=DEBUG.
    level = logging.WARNING if status >= 500 else logging.INFO if status >= 400 else logging.DEBUG  # noqa: PLR2004
    if not logger.is_enabled_for(level):
        return
    client = scope.get("client")
    logger.log(
        level,
        "request",
        method=scope["method"],
        path=scope["path"][:LOGGED_PATH_CHARACTERS],
        client=client[0][:MOST_CHARACTERS] if client else None,
        status=status,
        duration_ms=round(duration_s * 1000, 1),
    )


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and ACCEPTED_ID.fullmatch(value):
            return str(value.decode())
    return None
