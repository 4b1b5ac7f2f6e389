"""Connections, shared evenly among the workers that listen on one socket.

Whoever wakes up first takes a connection, and that is mostly the same worker: of 16 clients that keep their
connections, one worker often got 16 and the other none, so that the second core had nothing to do. Here a worker that
has more connections than another one steps back for a moment before it takes the next.
"""

import asyncio
import mmap
import socket
import struct
from collections.abc import Callable, Sized
from time import monotonic

from signalcraft.core.logging import get_logger

# Far longer than an idle worker takes to wake up, far shorter than a request.
_STEP_BACK_S = 0.002
# Out of descriptors or memory: as long as asyncio's own servers wait then.
_EXHAUSTED_PAUSE_S = 1.0
# A worker with as many connections as it may have looks this often whether one has closed.
_FULL_PAUSE_S = 0.05
# However long such a state lasts, it is one line in the log per so many seconds.
_LOG_EVERY_S = 10.0
# More than workers live at once, so that two never share a place.
_PLACES = 256
_COUNT = struct.Struct("i")
_ABSENT = -1
logger = get_logger(__name__)


class ConnectionCounts:
    """How many connections each worker has, in memory that the master shares with its forks."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _PLACES * _COUNT.size)
        for place in range(_PLACES):
            self.leave(place)

    def tell(self, worker: int, connections: int) -> None:
        """Say how many connections the worker of this number has."""
        _COUNT.pack_into(self._memory, worker % _PLACES * _COUNT.size, connections)

    def leave(self, worker: int) -> None:
        """Say that this worker accepts no more."""
        self.tell(worker, _ABSENT)

    def least(self) -> int:
        """The smallest number of connections that any worker has; 0 if there is none."""
        return min((count for (count,) in _COUNT.iter_unpack(self._memory) if count != _ABSENT), default=0)


class FairAcceptor:
    """Takes one connection after the other from a listening socket.

    connections: those that this worker has. worker: its number in `counts`. limit: with so
    many connections it accepts no more until one closes; those that come wait in the kernel's queue or at another
    worker.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol_factory: Callable[[], asyncio.Protocol],
        connections: Sized,
        counts: ConnectionCounts,
        *,
        worker: int,
        limit: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol_factory = protocol_factory
        self._connections = connections
        self._counts = counts
        self._worker = worker
        self._limit = limit
        self._logged_at_s = -_LOG_EVERY_S
        self._arriving: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._watch()

    def close(self) -> None:
        """Accept no more."""
        self._counts.leave(self._worker)
        if self._pause is None:
            self._loop.remove_reader(self._listener.fileno())
        else:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """Until the last one that was accepted is in its protocol's hands."""
        await asyncio.gather(*self._arriving)

    def _watch(self) -> None:
        self._pause = None
        self._tell()
        self._loop.add_reader(self._listener.fileno(), self._on_arrival)

    def _on_arrival(self) -> None:
        count = self._tell()
        if count >= self._limit:
            self._rest(_FULL_PAUSE_S, lambda: None)
            self._log("connections_at_limit", connections=count)
        elif count > self._counts.least():
            self._rest(_STEP_BACK_S, self._accept)
        else:
            self._accept()

    def _rest(self, pause_s: float, then: Callable[[], None]) -> None:
        def go_on() -> None:
            self._watch()
            then()

        self._loop.remove_reader(self._listener.fileno())
        self._pause = self._loop.call_later(pause_s, go_on)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # Another worker was faster, or the client went away.
        except OSError as error:
            self._rest(_EXHAUSTED_PAUSE_S, lambda: None)
            self._log("accept_failed", reason=str(error))
            return
        connection.setblocking(False)
        work = self._loop.connect_accepted_socket(self._protocol_factory, connection)
        arrival: asyncio.Task[object] = self._loop.create_task(work)
        self._arriving.add(arrival)
        arrival.add_done_callback(self._arriving.discard)
        self._tell()

    def _log(self, event: str, **details: object) -> None:
        if (now_s := monotonic()) - self._logged_at_s >= _LOG_EVERY_S:
            self._logged_at_s = now_s
            logger.warning(event, **details)

    def _tell(self) -> int:
        count = len(self._connections) + len(self._arriving)
        self._counts.tell(self._worker, count)
        return count
