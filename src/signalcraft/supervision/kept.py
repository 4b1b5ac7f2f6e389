"""A child that is started again whenever it ends."""

import time
from collections.abc import Callable

from signalcraft.core.logging import get_logger
from signalcraft.core.operator_error import OperatorError

# A child that lived this long is started again at once; one that died sooner waits, longer each time.
_LONG_LIFE_S = 10.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

logger = get_logger(__name__)


class Kept:
    """Keeps a child, which has just been started for the first time, running."""

    def __init__(self, name: str, start: Callable[[], None], is_running: Callable[[], bool]) -> None:
        self._name = name
        self._start = start
        self._is_running = is_running
        self._started_s = time.monotonic()
        self._pause_s = 0.0
        self._due_s: float | None = None

    def tend(self) -> None:
        """Notice that the child is down, and start it when its pause is over."""
        now_s = time.monotonic()
        if self._due_s is None and not self._is_running():
            lived_s = now_s - self._started_s
            self._pause_s = 0.0 if lived_s >= _LONG_LIFE_S else self._longer_pause_s()
            self._due_s = now_s + self._pause_s
            logger.error(
                "child_ended", child=self._name, lived_s=round(lived_s, 1), started_again_in_s=self._pause_s
            )
        if self._due_s is not None and now_s >= self._due_s:
            self._start_again()

    def due_in_s(self) -> float:
        """How long there is nothing to do here, as far as is known."""
        return float("inf") if self._due_s is None else max(0.0, self._due_s - time.monotonic())

    def _start_again(self) -> None:
        try:
            self._start()
        except (OSError, OperatorError) as hindered:
            # No memory or no room for a new process, perhaps: it may be there later, so this must not end.
            self._pause_s = self._longer_pause_s()
            self._due_s = time.monotonic() + self._pause_s
            logger.warning(
                "child_not_started", child=self._name, reason=str(hindered), tried_again_in_s=self._pause_s
            )
        else:
            self._due_s = None
            self._started_s = time.monotonic()

    def _longer_pause_s(self) -> float:
        return min(self._pause_s * 2, _LONGEST_PAUSE_S) or _FIRST_PAUSE_S
