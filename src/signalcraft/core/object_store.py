"""Files kept by name: in a folder, or in any store that fsspec knows (S3-compatible ones among them).

Names ("keys") are of our own making: lower-case parts separated by slashes. All calls wait for a disk or a network, so
a web worker makes them from a thread. A file appears whole under its key or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


class StoreUnavailable(Exception):
    """The store can't be used at the moment; the message says why. It passes, or the operator must mend it."""


class StoreFull(StoreUnavailable):
    """The store has no room for it."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One file of the store."""

    key: str
    size_bytes: int


class ObjectStore(Protocol):
    """What the folder and the remote stores have in common."""

    def put(self, key: str, source: BinaryIO) -> None:
        """Write all of `source` under `key`; whoever reads it sees the whole file or none.

        Raises:
            StoreFull, StoreUnavailable: nothing was written.
        """

    def open(self, key: str) -> BinaryIO:
        """The file, open for reading.

        Raises:
            FileNotFoundError: there is none.
            StoreUnavailable: the store does not answer.
        """

    def has(self, key: str) -> bool:
        """Whether there is such a file.

        Raises:
            StoreUnavailable: the store does not answer.
        """

    def remove(self, key: str) -> None:
        """Delete the file; nothing happens if there is none.

        Raises:
            StoreUnavailable: the store does not answer.
        """

    def files(self, prefix: str) -> Iterator[StoredObject]:
        """All files below `prefix`/, in no order.

        Raises:
            StoreUnavailable: the store does not answer.
        """

    def sweep(self) -> int:
        """Delete what writers that were killed have left half written; how many files that were."""
