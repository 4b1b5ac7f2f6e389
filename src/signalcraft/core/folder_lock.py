"""One owner at a time for a data folder, and a note that the others may read.

The kernel holds the lock (flock), so it ends with its owner's process however that ends; a note left behind by a
dead owner is never believed.
"""

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from signalcraft.core.operator_error import OperatorError

# Readers of the note hold the lock for microseconds to learn whether it has an owner.
_READER_PATIENCE_S = 0.5


class FolderInUse(OperatorError):
    """Another process owns the data folder."""


class FolderLost(OperatorError):
    """The data folder is no longer where it was."""


class FolderLock:
    """The right to use a data folder; `note` is a small JSON object for whoever finds it taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            FolderInUse: another process has it; the message names it.
        """
        # Python opens files closed-on-exec: no child keeps the lock alive after its owner's death.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + _READER_PATIENCE_S
        while not _try(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                owner = _read(file).get("pid", "unknown")
                os.close(file)
                raise FolderInUse(
                    f"The data folder {self._path.parent} is in use by process {owner}: stop that one, "
                    "or choose another folder with --data-dir."
                )
            time.sleep(0.01)
        self._file = file
        self.write_note({})

    def write_note(self, note: dict[str, Any]) -> None:
        """Replace the note; the owner's process id is added."""
        if self._file is None:
            raise RuntimeError("The lock is not held.")
        text = json.dumps({"pid": os.getpid(), **note}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text, 0)

    def require_in_place(self) -> None:
        """Make sure that whoever opens the lock's path meets this lock.

        Where the folder was moved or deleted, the path belongs to nobody or to a new owner, and so does all beside it.

        Raises:
            FolderLost: the file at the path is another one, or there is none.
        """
        if self._file is None:
            raise RuntimeError("The lock is not held.")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(os.fstat(self._file), self._path.stat()):
                return
        raise FolderLost(
            f"The data folder {self._path.parent} was moved or replaced while the service ran on it, so the service "
            "ends: start it again on the folder that it should use."
        )

    def release(self) -> None:
        """Give the folder back; a second call does nothing."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def note_of_owner(path: Path) -> dict[str, Any] | None:
    """The note of the process that owns the lock at `path`; None where nobody does.

    Raises:
        PermissionError: the folder belongs to another user.
    """
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _try(file, fcntl.LOCK_SH) else _read(file)
    finally:
        os.close(file)


def _try(file: int, kind: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        return True
    return False


def _read(file: int) -> dict[str, Any]:
    try:
        note: dict[str, Any] = json.loads(os.pread(file, 65536, 0))
    except ValueError:
        return {}  # The owner is between two notes.
    return note
