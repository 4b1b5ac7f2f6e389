"""Recordings out of a ZIP that anybody may have made: nothing of it is believed, and nothing is written by its names.

Unpacking costs processor time, so all of it runs in a thread.
"""

import stat
import struct
import tempfile
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Final

from signalcraft.core.errors import StorageFull
from signalcraft.diagnosis.upload import NO_ROOM
from signalcraft.tasks.errors import ArchiveRefused, ArchiveTooLarge, BatchEmpty, BatchTooLong

# APPNOTE.TXT 6.3.10: end of central directory record, and the longest comment behind it.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_LONGEST_COMMENT: Final = 65_535
_IN_ZIP64_ENTRIES: Final = 0xFFFF
_IN_ZIP64_BYTES: Final = 0xFFFF_FFFF
# A directory's entry of a recording with a long name and some extra fields; more is room for whole folders of them.
_ENTRY_BYTES: Final = 1024
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_LONGEST_NAME: Final = 255
_BLOCK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """A recording of a batch: what it is called, and its content as an open file without a name. Close it."""

    name: str
    file: BinaryIO


def unpack(archive: BinaryIO, *, most_members: int, most_bytes: int, largest_bytes: int) -> list[Member]:
    """The recordings of the archive, folders and hidden files left out.

    most_bytes: of all together, counted while they are unpacked. largest_bytes: of one; the rest of a larger one stays
    packed, so that it is refused as too large like any other recording.

    Raises:
        ArchiveRefused: it is no ZIP, damaged, encrypted, or a name leads out of it.
        ArchiveTooLarge, BatchTooLong, BatchEmpty: it holds too much, too many, or nothing.
        StorageFull: the disk has no room.
    """
    _check_directory(archive, most_members)
    with ExitStack() as opened:
        try:
            members = _unpack(archive, most_members, most_bytes, largest_bytes, opened)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError) as broken:
            raise ArchiveRefused(reason=str(broken) or "it is damaged") from broken
        except OSError as error:
            raise (StorageFull() if error.errno in NO_ROOM else error) from error
        # From here on they are the caller's.
        opened.pop_all()
    return members


def shown(name: str) -> str:
    """A file's name as it may be stored and shown; it is never used as a path."""
    return "".join(character for character in name if character.isprintable())[-_LONGEST_NAME:]


def _unpack(
    archive: BinaryIO, most_members: int, most_bytes: int, largest_bytes: int, opened: ExitStack
) -> list[Member]:
    members = []
    with zipfile.ZipFile(archive) as whole:
        wanted = [info for info in whole.infolist() if _is_recording(info)]
        if not wanted:
            raise BatchEmpty
        if len(wanted) > most_members:
            raise BatchTooLong(limit=most_members)
        room = most_bytes
        for info in wanted:
            file: BinaryIO = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is one
            with whole.open(info) as packed:
                room -= _copy(packed, file, min(room, largest_bytes) + 1)
            if room < 0:
                raise ArchiveTooLarge(limit_mb=most_bytes // 1024**2)
            members.append(Member(shown(info.filename), file))
    return members


def _check_directory(archive: BinaryIO, most_members: int) -> None:
    """Look at the size of the directory before the library reads all of it into memory."""
    size = archive.seek(0, 2)
    tail_bytes = min(size, _END.size + _LONGEST_COMMENT)
    archive.seek(size - tail_bytes)
    tail = archive.read(tail_bytes)
    # The library takes a record that stands at the very end, else the last that it finds; so all have to be small.
    at, found = tail.find(_END_SIGNATURE), False
    while at >= 0:
        if len(tail) - at >= _END.size:
            found = True
            _, _, _, _, entries, directory_bytes, _, _ = _END.unpack_from(tail, at)
            if entries == _IN_ZIP64_ENTRIES or directory_bytes == _IN_ZIP64_BYTES:
                raise ArchiveRefused(reason="it is in the ZIP64 format, which is for larger ones")
            if directory_bytes > (8 * most_members + 16) * _ENTRY_BYTES:
                raise BatchTooLong(limit=most_members)
        at = tail.find(_END_SIGNATURE, at + 1)
    if not found:
        raise ArchiveRefused(reason="it is no ZIP file")
    archive.seek(0)


def _is_recording(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
        raise ArchiveRefused(reason="a name in it leads out of it")
    if info.is_dir() or path.name.startswith(".") or "__MACOSX" in path.parts:
        return False
    if info.flag_bits & 0x1:
        raise ArchiveRefused(reason="it is encrypted")
    if info.compress_type not in _METHODS:
        raise ArchiveRefused(reason="only stored and deflated files are unpacked")
    # The upper half is the mode that Unix gave it: a link has no content of its own.
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ArchiveRefused(reason="there is a link in it")
    return True


def _copy(packed: IO[bytes], file: BinaryIO, most_bytes: int) -> int:
    """Unpack into the file, no more than so many bytes; how many it were."""
    left = most_bytes
    while left > 0 and (block := packed.read(min(_BLOCK_BYTES, left))):
        file.write(block)
        left -= len(block)
    file.flush()
    return most_bytes - left
