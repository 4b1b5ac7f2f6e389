"""One place in the pool, and the process that sits in it at the moment."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

from signalcraft.core.logging import get_logger
from signalcraft.diagnosis.board import Board
from signalcraft.diagnosis.wire import Assignment

# A process that lived this long is replaced at once; one that died sooner waits, longer each time.
_LONG_LIFE_S = 10.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_FAILED_START_PAUSE_S = 1.0
# Numerical libraries start a thread for each core unless told otherwise.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

logger = get_logger(__name__)


class Seat:
    """Tended by the pool's one thread; the others only ask."""

    def __init__(
        self, assignment: Assignment, board: Board, *, time_limit_s: float, start_limit_s: float
    ) -> None:
        self.pidfd: int | None = None
        self._assignment = assignment
        self._board = board
        self._time_limit_s = time_limit_s
        self._start_limit_s = start_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._age_s = 0.0
        self._still_s = 0.0
        self._last_count = 0
        self._short_lives = 0
        self._pause_s = 0.0

    def pid(self) -> int | None:
        """The id of the process, if there is one."""
        process = self._process
        return None if process is None else process.pid

    def is_ready(self) -> bool:
        """Whether the process is warmed and alive."""
        return self._process is not None and self._board.count(self._assignment.seat) > 0

    def tend(self, *, elapsed_s: float) -> None:
        """See to it that a process sits here; `elapsed_s` have passed since the last time."""
        if self._process is None:
            self._pause_s -= elapsed_s
            if self._pause_s <= 0:
                self._seat_new()
        elif self._process.poll() is not None:
            self._clear_away()
        else:
            self._age_s += elapsed_s
            self._kill_if_it_hangs(elapsed_s)

    def vacate(self) -> None:
        """Kill the process and wait until it is gone."""
        if self._process is not None:
            self._kill()
            self._process.wait()
            self._clear_away(expected=True)

    def _seat_new(self) -> None:
        # For the case that it can't even be started: no memory, perhaps, or no descriptor.
        self._pause_s = _FAILED_START_PAUSE_S
        self._age_s = self._still_s = 0.0
        self._last_count = 0
        self._board.clear(self._assignment.seat)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            # -P: a folder or file in the working directory must not pass for a module.
            [sys.executable, "-P", "-m", "signalcraft.diagnosis.inference", self._assignment.to_json()],
            stdin=subprocess.DEVNULL,
            pass_fds=(self._assignment.listener, self._assignment.board),
            env={**os.environ, **_ONE_THREAD},
            # Ctrl-C in a terminal goes to all of the foreground's group; the web workers still need answers then.
            process_group=0,
        )
        # It may have ended and been reaped by Gunicorn already, which reaps every child: then poll() tells.
        with suppress(ProcessLookupError):
            self.pidfd = os.pidfd_open(self._process.pid)

    def _kill_if_it_hangs(self, elapsed_s: float) -> None:
        count = self._board.count(self._assignment.seat)
        self._still_s = self._still_s + elapsed_s if count == self._last_count else 0.0
        self._last_count = count
        if self._still_s > (self._time_limit_s if count else self._start_limit_s):
            logger.error("inference_process_hangs", pid=self.pid(), seconds=round(self._still_s, 2))
            self._kill()
            self._still_s = 0.0

    def _kill(self) -> None:
        # By its descriptor, never by its number, which may be another's by now.
        if self.pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def _clear_away(self, *, expected: bool = False) -> None:
        process, self._process = self._process, None
        assert process is not None
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None
        if expected:
            return
        self._short_lives = 0 if self._age_s >= _LONG_LIFE_S else self._short_lives + 1
        self._pause_s = (
            min(_FIRST_PAUSE_S * 2 ** (self._short_lives - 1), _LONGEST_PAUSE_S) if self._short_lives else 0.0
        )
        # The exit status is 0 where Gunicorn has reaped it first.
        logger.error(
            "inference_process_ended",
            pid=process.pid,
            status=process.returncode,
            replaced_in_s=round(self._pause_s, 2),
        )
