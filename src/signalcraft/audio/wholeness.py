"""Whether a file holds all that its container promises: libsndfile plays what is left of a truncated one."""

import os
import struct
import zlib

from signalcraft.audio import mp3
from signalcraft.audio.containers import Container
from signalcraft.audio.errors import ClipTooLong, ClipTruncated, HeaderUnreadable

# Programs that write WAV into a pipe cannot know its length and leave a number near 2 or 4 GiB (SoX 0x7FFFF000,
# ffmpeg 0xFFFFFFFF); libsndfile then takes all that there is.
_LENGTH_UNKNOWN_FROM = 0x7FFF_0000
_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_OGG_HEADER_BYTES = 27
_OGG_FIRST_PAGE = 0x02
_OGG_LAST_PAGE = 0x04
_OGG_CHECKSUM = slice(22, 26)
_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def require_whole_wav(file: int, start: int) -> None:
    """Walk the chunks up to the sound and require that all of it is there.

    Raises:
        ClipTruncated: the file ends before its `data` chunk does, or before there is one.
    """
    size = os.fstat(file).st_size
    position = start + _RIFF_HEADER_BYTES
    while True:
        header = os.pread(file, _CHUNK_HEADER_BYTES, position)
        if len(header) < _CHUNK_HEADER_BYTES:
            raise ClipTruncated(container=Container.WAV)
        name, length = struct.unpack("<4sI", header)
        position += _CHUNK_HEADER_BYTES
        if name == b"data":
            # A recorder that is switched off while it writes leaves a length of 0.
            is_unfinished = length == 0 and position < size
            if is_unfinished or (length < _LENGTH_UNKNOWN_FROM and position + length > size):
                raise ClipTruncated(container=Container.WAV)
            return
        position += length + length % 2


def require_whole_ogg(file: int, start: int) -> None:
    """Walk the pages (RFC 3533): each as it was written, none missing, and the last says that it is the last.

    libogg drops a damaged page without a word; at the beginning and the end of the sound nobody would miss it.

    Raises:
        ClipTruncated: a page is damaged or missing.
    """
    position = start
    # Of each stream that has begun and not ended, which page comes next.
    next_numbers: dict[int, int] = {}
    while page := _ogg_page(file, position):
        position += len(page)
        flags, serial, number = struct.unpack_from("<5xB8xII", page)
        if flags & _OGG_FIRST_PAGE:
            next_numbers[serial] = 0
        if next_numbers.get(serial) != number:
            raise ClipTruncated(container=Container.OGG)
        next_numbers[serial] = number + 1
        if flags & _OGG_LAST_PAGE:
            del next_numbers[serial]
    if next_numbers or position == start:
        raise ClipTruncated(container=Container.OGG)


def _ogg_page(file: int, position: int) -> bytes:
    """The page at `position`; empty where none begins. Raises ClipTruncated where its checksum does not fit."""
    head = os.pread(file, _OGG_HEADER_BYTES + 255, position)
    if head[:4] != b"OggS":
        return b""
    segments = head[26] if len(head) >= _OGG_HEADER_BYTES else 255
    length = _OGG_HEADER_BYTES + segments + sum(head[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + segments])
    page = head[:length] + os.pread(file, max(0, length - len(head)), position + len(head))
    if len(page) < length or _ogg_checksum(page) != page[_OGG_CHECKSUM]:
        raise ClipTruncated(container=Container.OGG)
    return page


def _ogg_checksum(page: bytes) -> bytes:
    """The four bytes that belong into the page's checksum field.

    OGG's CRC-32 is zlib's with the bits of each byte, and of the result, the other way round, and begun with 0.
    """
    blank = page[: _OGG_CHECKSUM.start] + bytes(4) + page[_OGG_CHECKSUM.stop :]
    turned = zlib.crc32(blank.translate(_BITS_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return turned.to_bytes(4, "big").translate(_BITS_REVERSED)


def require_whole_mp3(file: int, start: int, *, limit_s: float) -> mp3.Survey:
    """Count the frames and require that the last one is whole.

    Raises:
        HeaderUnreadable: there is no first frame.
        ClipTooLong: the frames hold more than `limit_s`.
        ClipTruncated: the last frame is cut off.
    """
    survey = mp3.survey(file, start, limit_s=limit_s)
    if survey is None:
        raise HeaderUnreadable(container=Container.MP3)
    # An encoder's delay and padding add up to three frames to the sound that was put in.
    if survey.samples - 3 * survey.samples_per_frame > limit_s * survey.sample_rate_hz:
        raise ClipTooLong(limit_s=limit_s)
    if survey.is_cut:
        raise ClipTruncated(container=Container.MP3)
    return survey
