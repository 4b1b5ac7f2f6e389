"""A folder as an object store."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from time import time
from typing import BinaryIO

from signalcraft.core.object_store import StoredObject, StoreFull, StoreUnavailable

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNFINISHED = "unfinished"
# Between the making of a file and its lock lies an instant; nobody needs so long for it.
_LOCKED_BY_THEN_S = 60.0


class FolderStore:
    """Files below `root`, each written under a temporary name, flushed to the disk, and then renamed.

    min_free_bytes: a write that finds less room on the disk is refused, so that the database beside it keeps some.
    """

    def __init__(self, root: Path, *, min_free_bytes: int = 0) -> None:
        self._root = root.absolute()
        self._min_free_bytes = min_free_bytes

    def put(self, key: str, source: BinaryIO) -> None:
        """As in `ObjectStore`."""
        target = self._root / key
        with _told_as_unavailable():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._require_room()
            folder = self._root / _UNFINISHED
            folder.mkdir(exist_ok=True)
            temporary = folder / token_hex(16)
            try:
                with temporary.open("xb") as file:
                    # Recordings may hold voices.
                    os.fchmod(file.fileno(), 0o600)
                    # The kernel lets go of it when this process ends, however it ends: then `sweep` may have the file.
                    fcntl.flock(file, fcntl.LOCK_EX)
                    shutil.copyfileobj(source, file, 1024**2)
                    file.flush()
                    os.fsync(file.fileno())
                    temporary.rename(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            _flush_folder(target.parent)

    def open(self, key: str) -> BinaryIO:
        """As in `ObjectStore`."""
        try:
            return (self._root / key).open("rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreUnavailable(str(error)) from error

    def has(self, key: str) -> bool:
        """As in `ObjectStore`."""
        with _told_as_unavailable():
            return (self._root / key).is_file()

    def remove(self, key: str) -> None:
        """As in `ObjectStore`."""
        with _told_as_unavailable():
            (self._root / key).unlink(missing_ok=True)

    def files(self, prefix: str) -> Iterator[StoredObject]:
        """As in `ObjectStore`."""
        with _told_as_unavailable():
            for folder, _, names in os.walk(self._root / prefix):
                for name in names:
                    path = Path(folder, name)
                    # Another process may have removed it meanwhile.
                    with suppress(FileNotFoundError):
                        yield StoredObject(str(path.relative_to(self._root)), path.stat().st_size)

    def sweep(self) -> int:
        """As in `ObjectStore`."""
        swept = 0
        with _told_as_unavailable(), suppress(FileNotFoundError):
            for path in (self._root / _UNFINISHED).iterdir():
                with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                    if time() - path.stat().st_mtime > _LOCKED_BY_THEN_S:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        path.unlink()
                        swept += 1
        return swept

    def _require_room(self) -> None:
        if self._min_free_bytes and shutil.disk_usage(self._root).free < self._min_free_bytes:
            raise StoreFull(f"less than {self._min_free_bytes} bytes are free on the disk of {self._root}")


def _flush_folder(folder: Path) -> None:
    """Let the new name outlive a power failure, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = StoreFull if error.errno in _NO_ROOM else StoreUnavailable
        raise kind(str(error)) from error
