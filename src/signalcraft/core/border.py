"""What every request passes before the application and every answer after it, from the inside out."""

from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from signalcraft.core.requests import RequestLog
from signalcraft.settings import ServerSettings

# What a page of another origin may send and read beyond what browsers always allow.
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_REQUEST_HEADERS: Final = ("Authorization", "Content-Encoding", "Content-Type", "X-Request-ID")
_ANSWER_HEADERS: Final = ("Retry-After", "X-Request-ID")


def add_border(app: FastAPI, server: ServerSettings) -> None:
    """Put the middlewares of the border around all that `app` has so far."""
    if server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=server.cors_origins,
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_ANSWER_HEADERS,
            allow_credentials=True,
        )
    app.add_middleware(RequestLog)
    if server.trusted_proxies:
        # Outermost: the log and the headers tell of the client, not of the proxy.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(server.trusted_proxies))
