"""Signals as a main loop wants them: noted, and a reason to wake up."""

import contextlib
import select
import signal
import socket
from types import FrameType
from typing import Self


class Signals:
    """Notes that the end was asked for; any signal, the end of a child too, ends a `wait`."""

    def __init__(self) -> None:
        self.end_requested = False
        self._reader, self._writer = socket.socketpair()

    def __enter__(self) -> Self:
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Whoever ignores SIGHUP (nohup) means it; SIGINT is ignored in any script's background, and not meant.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._request_end)
        # Without a handler the end of a child would wake nobody.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def __exit__(self, *_error: object) -> None:
        # The handlers stay: a second Ctrl-C must not cut the end short.
        signal.set_wakeup_fd(-1)
        self._reader.close()
        self._writer.close()

    def wait(self, timeout_s: float) -> None:
        """Until a signal comes, at most for `timeout_s`."""
        select.select([self._reader], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def _request_end(self, _number: int, _frame: FrameType | None) -> None:
        self.end_requested = True
