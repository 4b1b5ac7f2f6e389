"""Clips as files: written, read and removed in threads of their own, a bounded number at a time."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

from signalcraft.core.object_store import ObjectStore, StoreUnavailable
from signalcraft.settings import ClipSettings, Settings

T = TypeVar("T")

PREFIX = "clips"
_IDENTITY = f"{PREFIX}/store-id"
_THREADS = 2
# Beyond that the store is too slow for what comes in, and the diagnoses must not wait for it.
_MOST_WAITING = 32


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A recording whose file stands in the store; whether it is kept is for the clip's row to say."""

    sha256: str
    size_bytes: int


class ClipStore:
    """The files of the clips. `belongs_until_s` is the service's note of when it last knew whose store this is."""

    def __init__(self, objects: ObjectStore, *, timeout_s: float) -> None:
        self.objects = objects
        self.belongs_until_s = 0.0
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="clips")
        self._waiting = 0

    async def write(self, file: int) -> StoredClip:
        """Put the open file `file` into the store, unless it is there; read from its beginning.

        Raises:
            StoreUnavailable: the store is away, full, or too slow.
        """
        # A file of our own, because the caller may close its one while a slow store still reads.
        return await self._run(_write, self.objects, _reopened(file))

    async def fetch(self, sha256: str) -> BinaryIO:
        """The clip as a file without a name, open for reading; close it.

        Raises:
            FileNotFoundError: it is not there.
            StoreUnavailable: the store is away or too slow.
        """
        return await self._run(_fetch, self.objects, sha256)

    async def has(self, sha256: str) -> bool:
        """Whether the clip's file is there."""
        return await self._run(self.objects.has, key_of(sha256))

    async def remove(self, sha256: str) -> None:
        """Delete the clip's file."""
        await self._run(self.objects.remove, key_of(sha256))

    async def sizes(self, shard: str) -> dict[str, int]:
        """The clips whose SHA-256 begins with `shard` (two hexadecimal digits), with their sizes in bytes."""
        return await self._run(_sizes, self.objects, shard)

    async def sweep(self) -> int:
        """Delete half-written files whose writers are dead."""
        return await self._run(self.objects.sweep)

    async def identity(self) -> UUID | None:
        """Whose store this is; None: nobody's yet."""
        return await self._run(_read_identity, self.objects)

    async def mark(self, store_id: UUID) -> None:
        """Say whose store this is."""
        await self._run(_write_identity, self.objects, store_id)

    def close(self) -> None:
        """End the threads; what they are at is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        if self._waiting >= _MOST_WAITING:
            raise StoreUnavailable("too many clips wait for the store")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        # Counted until the thread is done, not until its caller has given up.
        future.add_done_callback(self._one_less)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(future)
        except TimeoutError as slow:
            raise StoreUnavailable(f"the store takes longer than {self._timeout_s} s") from slow

    def _one_less(self, future: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # It has been raised already, or its caller has gone.


def open_store(settings: Settings) -> ClipStore:
    """The store that the settings name.

    Raises:
        OperatorError: its URL is of no kind that is installed.
    """
    return ClipStore(open_objects(settings), timeout_s=settings.clips.timeout_s)


def open_objects(settings: Settings) -> ObjectStore:
    """The place of the clips, which may hold other files beside them."""
    clips: ClipSettings = settings.clips
    folder = settings.data_dir if clips.url is None else _folder_of(clips.url)
    if folder is not None:
        from signalcraft.core.object_folder import FolderStore  # noqa: PLC0415 - either is used, and one is heavy

        return FolderStore(folder, min_free_bytes=clips.min_free_bytes)
    from signalcraft.core.object_bucket import BucketStore  # noqa: PLC0415 - as above

    return BucketStore(str(clips.url))


def key_of(sha256: str) -> str:
    """Where a clip stands in the store: in one of 256 folders, so that none becomes too long."""
    return f"{PREFIX}/{sha256[:2]}/{sha256}"


def _folder_of(url: str) -> Path | None:
    """A folder that several machines have mounted; fsspec's own driver would not write whole files or none."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _reopened(file: int) -> BufferedReader:
    return Path(f"/proc/self/fd/{file}").open("rb")


def _write(objects: ObjectStore, source: BufferedReader) -> StoredClip:
    with source:
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        if not objects.has(key_of(sha256)):
            source.seek(0)
            objects.put(key_of(sha256), source)
        return StoredClip(sha256, os.fstat(source.fileno()).st_size)


def _fetch(objects: ObjectStore, sha256: str) -> BinaryIO:
    with objects.open(key_of(sha256)) as stored:
        # A remote file has no descriptor that an inference process could be handed.
        fetched: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            shutil.copyfileobj(stored, fetched, 1024**2)
            fetched.flush()
            fetched.seek(0)
        except OSError as error:
            fetched.close()
            raise StoreUnavailable(str(error)) from error
        return fetched


def _sizes(objects: ObjectStore, shard: str) -> dict[str, int]:
    return {found.key.rpartition("/")[2]: found.size_bytes for found in objects.files(f"{PREFIX}/{shard}")}


def _read_identity(objects: ObjectStore) -> UUID | None:
    try:
        with objects.open(_IDENTITY) as file:
            return UUID(file.read(64).decode().strip())
    except FileNotFoundError:
        return None
    except ValueError as broken:
        raise StoreUnavailable(f"{_IDENTITY} in the clip store holds no id") from broken


def _write_identity(objects: ObjectStore, store_id: UUID) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(f"{store_id}\n".encode())
        file.seek(0)
        objects.put(_IDENTITY, file)
