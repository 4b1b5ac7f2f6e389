"""Receiving a batch: many files, or one archive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from signalcraft.core.body_limit import allow_body
from signalcraft.core.errors import StorageFull
from signalcraft.diagnosis.errors import UploadBroken, UploadMalformed
from signalcraft.diagnosis.upload import FORM_BYTES, MAX_FIELD_BYTES, MAX_FIELDS, NO_ROOM
from signalcraft.settings import Settings
from signalcraft.tasks.archive import Member, shown, unpack
from signalcraft.tasks.errors import BatchEmpty, BatchTooLong


class _OnDisk(MultiPartParser):
    """Puts every file on the disk at once: a hundred that are kept in memory are too much for it."""

    spool_max_size = 1


@asynccontextmanager
async def received(
    request: Request, settings: Settings
) -> AsyncIterator[tuple[list[Member], dict[str, str]]]:
    """The recordings of a request, and the text fields beside them, until the block ends.

    Raises:
        UploadMalformed, UploadBroken: the request is no whole form.
        BatchEmpty, BatchTooLong, ArchiveRefused, ArchiveTooLarge: there is nothing to judge in it, or too much.
        StorageFull: the disk has no room.
    """
    form = await _form(request, settings)
    members: list[Member] = []
    try:
        members = await _members(form, settings)
        yield members, {name: value for name, value in form.multi_items() if isinstance(value, str)}
    finally:
        for member in members:
            member.file.close()
        for _, part in form.multi_items():
            if isinstance(part, UploadFile):
                part.file.close()


async def _form(request: Request, settings: Settings) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UploadMalformed(reason="its content type is another one")
    allow_body(request, settings.tasks.batch_bytes + FORM_BYTES)
    parser = _OnDisk(
        request.headers,
        request.stream(),
        # One more than allowed, to say so in our words.
        max_files=settings.tasks.batch_recordings + 1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise BatchTooLong(limit=settings.tasks.batch_recordings) from error
        raise UploadMalformed(reason=error.message) from error
    except UnicodeError as error:
        raise UploadMalformed(reason="its text is not in the character set that it names") from error
    except ClientDisconnect as error:
        raise UploadBroken from error
    except OSError as error:
        raise (StorageFull() if error.errno in NO_ROOM else error) from error


async def _members(form: FormData, settings: Settings) -> list[Member]:
    archive = form.get("archive")
    if isinstance(archive, UploadFile):
        return await asyncio.to_thread(
            unpack,
            archive.file,
            most_members=settings.tasks.batch_recordings,
            most_bytes=settings.tasks.batch_bytes,
            largest_bytes=settings.recordings.max_bytes,
        )
    files = [part for part in form.getlist("audio") if isinstance(part, UploadFile)]
    if not files:
        raise BatchEmpty
    if len(files) > settings.tasks.batch_recordings:
        raise BatchTooLong(limit=settings.tasks.batch_recordings)
    for part in files:
        part.file.flush()
    return [Member(shown(part.filename or ""), part.file) for part in files]
