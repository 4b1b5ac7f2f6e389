"""A request's body, read within a bound and unpacked within the same bound."""

import zlib
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request

from signalcraft.core.body_limit import allow_body
from signalcraft.core.errors import BodyTooLarge
from signalcraft.telemetry.errors import BodyIncomplete, EncodingUnsupported, GzipBroken

# zlib's number for "a gzip header and trailer, nothing else".
_GZIP: Final = 16 + zlib.MAX_WBITS
_PLAIN: Final = ("", "identity")
_PACKED: Final = ("gzip", "x-gzip")


def _nothing(_more_bytes: int) -> None:
    """A small body needs no room of its own."""


async def read_body(request: Request, limit_bytes: int, take: Callable[[int], None] = _nothing) -> bytes:
    """The body, unpacked where it came as gzip.

    take: is told of each further part's bytes, and may refuse them.

    Raises:
        EncodingUnsupported, GzipBroken: it came packed in another way, or is broken.
        BodyTooLarge: it is longer than `limit_bytes`, packed or unpacked; no more than that is ever held.
        BodyIncomplete: the client went away.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN:
        gunzip = None
    elif encoding in _PACKED:
        gunzip = Gunzip(limit_bytes)
    else:
        raise EncodingUnsupported
    allow_body(request, limit_bytes)
    received_bytes = 0
    parts: list[bytes] = []
    try:
        async for chunk in request.stream():
            received_bytes += len(chunk)
            if received_bytes > limit_bytes:
                raise BodyTooLarge(limit_bytes=limit_bytes)
            part = chunk if gunzip is None else gunzip.unpack(chunk)
            take(len(part))
            parts.append(part)
    except ClientDisconnect:
        raise BodyIncomplete from None
    if gunzip is not None:
        gunzip.must_be_whole()
    return b"".join(parts)


class Gunzip:
    """Unpacks one gzip stream, and stops before it grows beyond its limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._stream = zlib.decompressobj(_GZIP)
        self._limit_bytes = limit_bytes
        self._room_bytes = limit_bytes

    def unpack(self, chunk: bytes) -> bytes:
        """The next part.

        Raises:
            GzipBroken: this is not gzip.
            BodyTooLarge: there is no room for more.
        """
        if not chunk:
            return b""
        if self._stream.eof:
            raise GzipBroken(reason="there is more after its end")
        try:
            unpacked = self._stream.decompress(chunk, self._room_bytes + 1)
        except zlib.error as broken:
            raise GzipBroken(reason=str(broken)) from None
        self._room_bytes -= len(unpacked)
        if self._room_bytes < 0:
            raise BodyTooLarge(limit_bytes=self._limit_bytes)
        if self._stream.unused_data:
            raise GzipBroken(reason="there is more after its end")
        return unpacked

    def must_be_whole(self) -> None:
        """See that the stream came to its end.

        Raises:
            GzipBroken: it did not.
        """
        if not self._stream.eof:
            raise GzipBroken(reason="its end is missing")
