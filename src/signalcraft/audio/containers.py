"""Which container a file is, by its first bytes alone: a file's name and its declared type are not to be trusted."""

import os
from enum import StrEnum

from signalcraft.audio.errors import NotAudio, UnsupportedFormat


class Container(StrEnum):
    """The containers that are accepted. libsndfile opens some twenty more, which no sensor sends."""

    WAV = "WAV"
    FLAC = "FLAC"
    OGG = "OGG"
    MP3 = "MP3"


# Recordings that people do send; they deserve to be named rather than to be called "not audio".
_UNSUPPORTED = (
    (0, b"FORM", "an AIFF file"),
    (0, b"RF64", "an RF64 file (64-bit WAV)"),
    (0, b"RIFX", "a big-endian WAV file"),
    (0, b"riff", "a Wave64 file"),
    (0, b".snd", "an AU file"),
    (0, b"caff", "a CAF file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a WMA file"),
    (4, b"ftyp", "an MP4 or M4A file"),
)
_OGG_CODECS = (b"\x01vorbis", b"OpusHead")
_ID3_HEADER_BYTES = 10


def identify(file: int) -> tuple[Container, int]:
    """The container of the open file `file`, and where it begins behind an ID3 tag.

    Raises:
        UnsupportedFormat: a recording, but in another container or codec.
        NotAudio: nothing that is known as a recording.
    """
    start = _length_of_id3_tag(os.pread(file, _ID3_HEADER_BYTES, 0))
    head = os.pread(file, 64, start)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return Container.WAV, start
    if head[:4] == b"fLaC":
        return Container.FLAC, start
    if head[:4] == b"OggS":
        _require_known_codec(head)
        return Container.OGG, start
    if _is_layer_3(head):
        return Container.MP3, start
    for offset, magic, found in _UNSUPPORTED:
        if head[offset : offset + len(magic)] == magic:
            raise UnsupportedFormat(found=found)
    if _is_mpeg(head):
        raise UnsupportedFormat(found="MPEG audio of another kind (MP1, MP2 or AAC)")
    raise NotAudio


def _length_of_id3_tag(head: bytes) -> int:
    if len(head) < _ID3_HEADER_BYTES or head[:3] != b"ID3":
        return 0
    # Four bytes of seven bits each (ID3v2.4, section 3.1); the footer that flag 0x10 announces repeats the header.
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return size + _ID3_HEADER_BYTES * (2 if head[5] & 0x10 else 1)


def _require_known_codec(page: bytes) -> None:
    # RFC 3533: the header is 27 bytes and one for each segment; a codec's first packet begins right behind it.
    packet = page[27 + page[26] :] if len(page) > 26 else b""  # noqa: PLR2004 - the field's position
    if packet and not any(packet.startswith(codec[: len(packet)]) for codec in _OGG_CODECS):
        raise UnsupportedFormat(found="an OGG file of another codec than Vorbis and Opus")


def _is_mpeg(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0  # noqa: PLR2004 - the sync word


def _is_layer_3(head: bytes) -> bool:
    return _is_mpeg(head) and head[1] & 0x06 == 0x02  # noqa: PLR2004 - the layer's two bits
