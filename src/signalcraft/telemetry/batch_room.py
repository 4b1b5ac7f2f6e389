"""How much a process holds of all the batches that it is receiving and reading at once."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from signalcraft.telemetry.errors import IngestBusy

# Eight of the largest batches, or thousands of ordinary ones; what does not fit is told to come again.
LIMIT_BYTES: Final = 64 * 1024**2


class BatchRoom:
    """Room for batches, shared by all requests of a process.

    one_by_one: held while a batch that is not wholly valid is looked at reading by reading. As Python objects a body
    can take fifty times its bytes, so there is one of them at a time.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.one_by_one = asyncio.Lock()
        self._free_bytes = limit_bytes

    @contextmanager
    def held(self) -> Iterator[Callable[[int], None]]:
        """Room for one request; what it gives takes so many bytes more, until the block ends.

        Raises:
            IngestBusy: from that, where the room is used up.
        """
        held_bytes = 0

        def take(more_bytes: int) -> None:
            nonlocal held_bytes
            if more_bytes > self._free_bytes:
                raise IngestBusy
            self._free_bytes -= more_bytes
            held_bytes += more_bytes

        try:
            yield take
        finally:
            self._free_bytes += held_bytes
