"""A few bytes of memory that the pool shares with its processes: each counts there that it is alive."""

import mmap
import os
from typing import Self

_SEAT_BYTES = 8


class Board:
    """One counter a process. 0: not warmed yet; one that no longer grows: the process hangs.

    A counter and not a clock, so that a machine that was suspended does not look like one whose processes hang.
    """

    def __init__(self, file: int, seats: int) -> None:
        self.file = file
        self._memory = mmap.mmap(file, seats * _SEAT_BYTES)
        # Aligned words of 8 bytes: each is written by one process, and never seen half written.
        self._counters = memoryview(self._memory).cast("Q")

    @classmethod
    def create(cls, seats: int) -> Self:
        """A board of zeros."""
        file = os.memfd_create("signalcraft-board")
        os.ftruncate(file, seats * _SEAT_BYTES)
        return cls(file, seats)

    @classmethod
    def attach(cls, file: int) -> Self:
        """The board that was inherited as `file`."""
        return cls(file, os.fstat(file).st_size // _SEAT_BYTES)

    def beat(self, seat: int) -> None:
        """Count on: this process is warmed and alive."""
        self._counters[seat] += 1

    def clear(self, seat: int) -> None:
        """A new process takes the seat."""
        self._counters[seat] = 0

    def count(self, seat: int) -> int:
        """How often the process has counted."""
        return self._counters[seat]

    def close(self) -> None:
        """Give the memory and its file descriptor back."""
        self._counters.release()
        self._memory.close()
        os.close(self.file)
