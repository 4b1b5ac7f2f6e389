"""Receiving a recording: streamed into a temporary file that has no name, so nothing of it can stay behind."""

import errno
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from signalcraft.core.body_limit import allow_body
from signalcraft.core.errors import StorageFull
from signalcraft.diagnosis.errors import (
    AnalysisBusy,
    AudioFieldMissing,
    ClipTooLarge,
    UploadBroken,
    UploadMalformed,
)

# Part headers, boundaries and the text fields around the recording itself.
FORM_BYTES = 64 * 1024
MAX_FIELDS = 16
MAX_FIELD_BYTES = 1024
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass
class Upload:
    """A received recording, open for reading, and the text fields beside it. Close it, also after an error."""

    audio: UploadFile
    fields: dict[str, str] = field(default_factory=dict)

    def descriptor(self) -> int:
        """The file descriptor of the whole recording.

        Raises:
            StorageFull: it was still in memory and the disk has no room for it.
        """
        try:
            # Small uploads are still in memory here; the inference process needs a file that it can be handed.
            self.audio.file.flush()
            return self.audio.file.fileno()
        except OSError as error:
            raise _no_room(error) from error

    def close(self) -> None:
        """Give the temporary file back."""
        # Directly: handing this to a thread, as `UploadFile.close` does, takes longer than doing it.
        self.audio.file.close()


class Uploads:
    """Bounds how many uploads a process receives, keeps waiting and judges at once; each may be of full size."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """A place for one upload, until the block ends.

        Raises:
            AnalysisBusy: all are taken.
        """
        if self._free < 1:
            raise AnalysisBusy
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


async def receive(request: Request, max_bytes: int) -> Upload:
    """Read the multipart form of a request.

    Raises:
        ClipTooLarge: the recording has more than `max_bytes`.
        UploadMalformed: it is not multipart/form-data.
        AudioFieldMissing: it has no file `audio`.
        UploadBroken: the connection ended in the middle.
        StorageFull: the disk has no room.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise UploadMalformed(reason="its content type is another one")
    parser = MultiPartParser(
        request.headers,
        _bounded(request, max_bytes),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise UploadMalformed(reason=error.message) from error
    except UnicodeError as error:
        raise UploadMalformed(reason="its text is not in the character set that it names") from error
    except ClientDisconnect as error:
        raise UploadBroken from error
    except OSError as error:
        raise _no_room(error) from error
    audio = form.get("audio")
    if not isinstance(audio, UploadFile):
        await form.close()
        raise AudioFieldMissing
    if (audio.size or 0) > max_bytes:
        await form.close()
        raise ClipTooLarge(limit_mb=max_bytes // 1024**2)
    return Upload(audio, {name: value for name, value in form.multi_items() if isinstance(value, str)})


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The request's body, which ends in ClipTooLarge once it can't be a recording of `max_bytes` any more."""
    limit = max_bytes + FORM_BYTES
    allow_body(request, limit)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise ClipTooLarge(limit_mb=max_bytes // 1024**2)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise ClipTooLarge(limit_mb=max_bytes // 1024**2)
        yield chunk


def _no_room(error: OSError) -> Exception:
    return StorageFull() if error.errno in NO_ROOM else error
