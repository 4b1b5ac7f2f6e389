"""A route on a hot path: its endpoint takes the request itself and gives the response itself."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class BareRoute(APIRoute):
    """A route without FastAPI's resolution of dependencies, which can take longer than all that is done for a request.

    Its documentation (`response_model`, `responses`, `openapi_extra`) is FastAPI's as for any other route.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, as it is."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint
