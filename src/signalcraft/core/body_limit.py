"""The largest body that a route gets: small by default, so that a new route is bounded before anyone thinks of it."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# JSON that people and scripts send. Readings and recordings have bounds of their own.
DEFAULT_BYTES: Final = 64 * 1024
SCOPE_KEY: Final = "signalcraft.body_bound"


class BodyTooLong(HTTPException):
    """A body beyond its bound. FastAPI lets an HTTPException pass while it reads a body, and no other."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(413)
        self.limit_bytes = limit_bytes


class _Bound:
    """What one request may still send."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.limit_bytes = DEFAULT_BYTES
        self._scope = scope
        self._receive = receive
        self._received_bytes = 0

    async def receive(self) -> Message:
        """The next message.

        Raises:
            BodyTooLong: the body is, or says that it will be, longer than the bound.
        """
        if self._received_bytes == 0 and _declared_bytes(self._scope) > self.limit_bytes:
            raise BodyTooLong(self.limit_bytes)
        message = await self._receive()
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self.limit_bytes:
                raise BodyTooLong(self.limit_bytes)
        return message


class BodyLimit:
    """Bounds each request's body by `DEFAULT_BYTES`, or by what its route has asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] == "http":
            bound = scope[SCOPE_KEY] = _Bound(scope, receive)
            receive = bound.receive
        await self._app(scope, receive, send)


def allow_body(request: Request, limit_bytes: int) -> None:
    """Let this request's body be longer than others'; to be called before it is read."""
    bound: _Bound | None = request.scope.get(SCOPE_KEY)
    if bound is not None:
        bound.limit_bytes = limit_bytes


def _declared_bytes(scope: Scope) -> int:
    """The request's `Content-Length`; 0 where there is none. The server has seen to it that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
