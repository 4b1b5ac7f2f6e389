"""The web worker: Uvicorn under Gunicorn, which loses no request when it is replaced.

Uvicorn closes the connections that are idle in the moment of its shutdown. A client that has just sent its next
request over such a connection gets a reset instead of an answer. So this worker lets a short while pass in which a
request that comes is still answered, now with `Connection: close`; only what stays idle is closed.
"""

import logging
import resource
import socket
import sys
from typing import Any, ClassVar, cast

from gunicorn.arbiter import Arbiter
from uvicorn.config import Config
from uvicorn.server import Server, ServerState
from uvicorn_worker import UvicornWorker

from signalcraft.fair_acceptor import ConnectionCounts, FairAcceptor
from signalcraft.http_protocol import SWEEP_S, BoundedProtocol

# Made in the master, which loads this module before it forks.
CONNECTION_COUNTS = ConnectionCounts()
# A client that sends all the time sends within this; one that rests longer has to reckon with a closed connection.
DRAIN_S = 1.0
# What of the graceful time remains for the application to end in order after the last answer.
_END_S = 2
# Descriptors for all but connections: database, inference processes, uploads, a batch of a hundred recordings.
_OTHER_DESCRIPTORS = 192
# Uvicorn's main loop ticks every 0.1 s.
_TICKS_PER_SWEEP = 10 * SWEEP_S


class DrainingState(ServerState):
    """What all connections of the worker know."""

    is_draining = False


class DrainingProtocol(BoundedProtocol):
    """HTTP/1.1 whose idle connections outlive the beginning of the shutdown for a moment."""

    server_state: DrainingState

    def on_headers_complete(self) -> None:
        """Announce in the answer that the connection ends with it, once the worker is on its way out."""
        super().on_headers_complete()
        if self.server_state.is_draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close after the answer that is being made, or soon if there is none."""
        if self.cycle is None or self.cycle.response_complete:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(DRAIN_S, self.timeout_keep_alive_handler)
        else:
            super().shutdown()


class DrainingServer(Server):
    """Takes its share of the connections, and tells them when it begins to shut down."""

    def __init__(self, config: Config, worker: int) -> None:
        super().__init__(config)
        self.server_state: DrainingState = DrainingState()
        self._worker = worker

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept."""
        await super().startup(sockets=[])
        connections = self.server_state.connections
        limit = _most_connections()
        self.servers: list[Any] = [
            FairAcceptor(
                listener, self._protocol, connections, CONNECTION_COUNTS, worker=self._worker, limit=limit
            )
            for listener in sockets or []
        ]

    async def on_tick(self, counter: int) -> bool:
        """Once a second, end the connections whose clients don't go on."""
        if counter % _TICKS_PER_SWEEP == 0:
            for connection in tuple(self.server_state.connections):
                cast("DrainingProtocol", connection).sweep()
        return await super().on_tick(counter)

    def _protocol(self) -> DrainingProtocol:
        return DrainingProtocol(self.config, self.server_state, self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer what has come, then end the application."""
        self.server_state.is_draining = True
        if on_draining := self.lifespan.state.get("on_draining"):
            on_draining()
        await super().shutdown(sockets)


class Worker(UvicornWorker):  # type: ignore[misc]  # Gunicorn publishes no types.
    """uvloop and httptools; no access log (the application has its own) and no trust in a proxy's headers."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": DrainingProtocol,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
    }

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.config.timeout_graceful_shutdown = max(1, self.cfg.graceful_timeout - _END_S)
        # To the root logger like all others, not around it.
        logging.getLogger("uvicorn.error").propagate = True

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = DrainingServer(self.config, self.age)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def _most_connections() -> int:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(descriptors - _OTHER_DESCRIPTORS, descriptors // 4)
