"""The inference processes: started, watched, replaced.

The pool lives in the Gunicorn master, so that a web worker that is recycled takes no warmed process with it. One thread
starts all processes and stays: the kernel ends each of them when that thread ends, however it ends.
"""

import os
import select
import socket
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from time import monotonic

from signalcraft.audio.checks import MAX_BYTES
from signalcraft.core.logging import get_logger
from signalcraft.diagnosis import wire
from signalcraft.diagnosis.board import Board
from signalcraft.diagnosis.seat import Seat

# More than all web workers together let wait; the kernel caps it at net.core.somaxconn.
_BACKLOG = 1024
_STATUS_BACKLOG = 64
# How soon a process is seen to be warmed, and how soon to hang. One that ends is seen at once.
_STARTING_TICK_S = 0.02
_TICK_S = 0.25

# Gunicorn forks its workers from the process that the pool lives in. A fork in the moment in which the pool starts a
# process would hand the worker the pipe on which the pool waits for that start; the pool would wait for the worker's end.
_no_fork_now = threading.Lock()

logger = get_logger(__name__)


class InferencePool:
    """Keeps `processes` inference processes alive behind one socket, `address`.

    time_limit_s: a process that works longer on one recording is killed. start_limit_s: so is one that is not warmed
    by then. max_bytes: largest recording. model: an ONNX file with its card beside it; by default the shipped one.
    nice: how far the processes step back behind others, 0 to 19.
    """

    def __init__(
        self,
        *,
        processes: int = 2,
        time_limit_s: float = 10.0,
        start_limit_s: float = 60.0,
        max_bytes: int = MAX_BYTES,
        model: Path | None = None,
        nice: int = 0,
    ) -> None:
        self.address = wire.new_address()
        self._time_limit_s = time_limit_s
        self._start_limit_s = start_limit_s
        self._max_bytes = max_bytes
        self._model = None if model is None else str(model.resolve())
        self._nice = nice
        self._board = Board.create(processes)
        self._listener = wire.listen(self.address, backlog=_BACKLOG)
        self._status = wire.listen(wire.status_address(self.address), backlog=_STATUS_BACKLOG)
        self._status.setblocking(False)
        self._wake = os.eventfd(0)
        self._seats = [self._seat(number) for number in range(processes)]
        self._is_whole = threading.Event()
        self._is_stopping = False
        self._supervisor = threading.Thread(target=self._supervise, name="inference-pool", daemon=True)
        _pools.add(self)

    def start(self) -> None:
        """Start the processes; returns at once, they are ready some seconds later."""
        self._supervisor.start()

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until all processes are warmed.

        Raises:
            TimeoutError: they are not by then.
        """
        if not self._is_whole.wait(timeout_s):
            raise TimeoutError(
                f"{self.ready()} of {len(self._seats)} inference processes are ready after {timeout_s} s"
            )

    def ready(self) -> int:
        """How many processes are warmed and alive."""
        return sum(seat.is_ready() for seat in self._seats)

    def pids(self) -> list[int]:
        """The ids of the living processes, warmed or not."""
        return [pid for seat in self._seats if (pid := seat.pid()) is not None]

    def stop(self) -> None:
        """End the processes; those that wait for an answer are told so by their closed connection."""
        self._is_stopping = True
        os.eventfd_write(self._wake, 1)
        self._supervisor.join()
        self._close()
        _pools.discard(self)

    def _seat(self, number: int) -> Seat:
        return Seat(
            wire.Assignment(
                listener=self._listener.fileno(),
                board=self._board.file,
                seat=number,
                parent_pid=os.getpid(),
                # Several beats within the limit, so that one that comes late costs no process.
                idle_s=min(1.0, self._time_limit_s / 4),
                max_bytes=self._max_bytes,
                model=self._model,
                nice=self._nice,
            ),
            self._board,
            time_limit_s=self._time_limit_s,
            start_limit_s=self._start_limit_s,
        )

    def _supervise(self) -> None:
        seen_s = monotonic()
        while not self._is_stopping:
            now_s = monotonic()
            with _no_fork_now:
                # A tick that lasted long (a suspended machine, a stopped program) is no fault of the processes.
                self._tend(elapsed_s=min(now_s - seen_s, 2 * _TICK_S))
            seen_s = now_s
            if self._wait(_TICK_S if self._is_whole.is_set() else _STARTING_TICK_S):
                with _no_fork_now:
                    self._tell_status()
        for seat in self._seats:
            seat.vacate()

    def _tend(self, *, elapsed_s: float) -> None:
        for seat in self._seats:
            try:
                seat.tend(elapsed_s=elapsed_s)
            except Exception:
                # Whatever hinders one start: if this thread ended, all processes would end with it and none would come.
                logger.exception("inference_pool_hindered")
        self._tell_whether_whole()

    def _tell_whether_whole(self) -> None:
        is_whole = self.ready() == len(self._seats)
        if is_whole and not self._is_whole.is_set():
            logger.info("inference_pool_ready", pids=self.pids())
            self._is_whole.set()
        elif not is_whole:
            self._is_whole.clear()

    def _wait(self, limit_s: float) -> bool:
        """Wait for the end of a process, the call to stop, or `limit_s`; or for somebody's question: then true."""
        waiting = select.poll()
        waiting.register(self._wake, select.POLLIN)
        waiting.register(self._status, select.POLLIN)
        for seat in self._seats:
            if seat.pidfd is not None:
                waiting.register(seat.pidfd, select.POLLIN)
        return any(file == self._status.fileno() for file, _ in waiting.poll(limit_s * 1000))

    def _tell_status(self) -> None:
        # Whoever asked may be gone already, or be another user.
        with suppress(OSError):
            connection, _ = self._status.accept()
            with connection:
                if wire.is_own_user(connection):
                    connection.send(str(self.ready()).encode(), socket.MSG_DONTWAIT)

    def _close(self) -> None:
        self._listener.close()
        self._status.close()
        os.close(self._wake)
        self._board.close()

    def let_go(self) -> None:
        """In a forked child: close what belongs to the parent, so that the socket ends with the pool."""
        self._listener.close()
        self._status.close()
        for file in (
            self._wake,
            self._board.file,
            *(seat.pidfd for seat in self._seats if seat.pidfd is not None),
        ):
            # The fork may have come in the moment in which the pool closed it.
            with suppress(OSError):
                os.close(file)


_pools: weakref.WeakSet[InferencePool] = weakref.WeakSet()


def _let_go_of_all() -> None:
    _no_fork_now.release()
    for pool in list(_pools):
        pool.let_go()


os.register_at_fork(
    before=_no_fork_now.acquire, after_in_parent=_no_fork_now.release, after_in_child=_let_go_of_all
)
