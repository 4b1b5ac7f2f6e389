"""Whether a file holds all that its container promises: libsndfile plays what is left of a truncated one."""

import os
import struct

from signalcraft.audio import mp3
from signalcraft.audio.containers import Container
from signalcraft.audio.errors import ClipTooLong, ClipTruncated, HeaderUnreadable

# Programs that write WAV into a pipe cannot know its length and leave a number near 2 or 4 GiB (SoX 0x7FFFF000,
# ffmpeg 0xFFFFFFFF); libsndfile then takes all that there is.
_LENGTH_UNKNOWN_FROM = 0x7FFF_0000
_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_OGG_HEADER_BYTES = 27
_OGG_LAST_PAGE = 0x04


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
    """Walk the pages (RFC 3533) and require that the last one is whole and says that it is the last.

    Raises:
        ClipTruncated: the last page is cut off or missing, or the pages are broken.
    """
    size = os.fstat(file).st_size
    position, is_last = start, False
    while position < size:
        header = os.pread(file, _OGG_HEADER_BYTES + 255, position)
        if header[:4] != b"OggS":
            break
        segments = header[26] if len(header) >= _OGG_HEADER_BYTES else 255
        table = header[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + segments]
        position += _OGG_HEADER_BYTES + segments + sum(table)
        if position > size:
            raise ClipTruncated(container=Container.OGG)
        is_last = bool(header[5] & _OGG_LAST_PAGE)
    if not is_last:
        raise ClipTruncated(container=Container.OGG)


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
