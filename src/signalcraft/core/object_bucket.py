"""Any store that fsspec knows as an object store: s3://bucket/folder, and whatever else has a driver installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import fsspec

from signalcraft.core.object_store import StoredObject, StoreUnavailable
from signalcraft.core.operator_error import OperatorError


class BucketStore:
    """Files below an fsspec URL.

    Credentials and endpoints come from where each driver looks for them: for S3 the AWS_… variables, its files or the
    machine's role. Object stores show a file only when its upload has ended, which is the promise of `put`.
    """

    def __init__(self, url: str) -> None:
        try:
            # Listings are not remembered: other processes write into the same store.
            self._files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except ImportError as missing:
            raise OperatorError(f"The store {url} needs another package: {missing}") from missing
        except ValueError as unknown:
            raise OperatorError(f"{url} is no store that fsspec knows: {unknown}") from unknown
        self._root = str(root).rstrip("/")

    def put(self, key: str, source: BinaryIO) -> None:
        """As in `ObjectStore`."""
        with _told_as_unavailable(), self._files.open(self._path(key), "wb") as file:
            shutil.copyfileobj(source, file, 1024**2)

    def open(self, key: str) -> BinaryIO:
        """As in `ObjectStore`."""
        with _told_as_unavailable():
            return cast("BinaryIO", self._files.open(self._path(key), "rb"))

    def has(self, key: str) -> bool:
        """As in `ObjectStore`."""
        with _told_as_unavailable():
            return bool(self._files.exists(self._path(key)))

    def remove(self, key: str) -> None:
        """As in `ObjectStore`."""
        with _told_as_unavailable():
            try:
                self._files.rm_file(self._path(key))
            except FileNotFoundError:
                return

    def files(self, prefix: str) -> Iterator[StoredObject]:
        """As in `ObjectStore`."""
        with _told_as_unavailable():
            try:
                found: dict[str, Any] = self._files.find(self._path(prefix), detail=True)
            except FileNotFoundError:
                return
        for path, facts in found.items():
            yield StoredObject(path.removeprefix(f"{self._root}/"), int(facts["size"]))

    def sweep(self) -> int:
        """Nothing: unfinished uploads are invisible, and the store's own rules expire them."""
        return 0

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        # Each driver raises what the library beneath it raises; these share no base. Each means: not now.
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
