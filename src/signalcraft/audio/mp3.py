"""The frames of an MP3, counted without decoding.

An MP3 has no length of its own: where its first frame carries no Xing, Info or VBRI tag, libsndfile guesses one from
the first frame's bit rate, and stops decoding there. So the frames are counted here (ISO/IEC 11172-3 and 13818-3).
"""

import os
from dataclasses import dataclass

_KBIT_S_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_S_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_MPEG1 = 3
_HEADER_BYTES = 4
# The tag lies behind the header and the side information; nothing that long precedes it (LAME's tag specification).
_TAG_REACH_BYTES = 44


@dataclass(frozen=True, slots=True)
class Frame:
    """One MPEG audio frame of layer III: its length in the file, and the sound that it holds."""

    size_bytes: int
    samples: int
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What the frames of an MP3 add up to."""

    samples: int
    samples_per_frame: int
    sample_rate_hz: int
    is_tagged: bool
    is_cut: bool


def survey(file: int, start: int, *, limit_s: float) -> Survey | None:
    """Count the frames of `file` from byte `start` on, up to `limit_s` of sound; None if it begins with no frame.

    The count ends where no frame follows (a tag at the end, or damage, which the decoder skips). `is_cut` says that
    the last frame reaches beyond the file's end.
    """
    content = os.pread(file, os.fstat(file).st_size, start)
    first = _frame_at(content, 0)
    if first is None:
        return None
    opening = content[: first.size_bytes]
    is_tagged = any(tag in opening[:_TAG_REACH_BYTES] for tag in (b"Xing", b"Info", b"VBRI"))
    position, samples = 0, 0
    frame: Frame | None = first
    while frame is not None and samples <= limit_s * first.sample_rate_hz:
        position += frame.size_bytes
        samples += frame.samples
        frame = _frame_at(content, position)
    return Survey(
        samples=samples,
        samples_per_frame=first.samples,
        sample_rate_hz=first.sample_rate_hz,
        is_tagged=is_tagged,
        is_cut=position > len(content),
    )


def _frame_at(content: bytes, position: int) -> Frame | None:
    header = content[position : position + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:  # noqa: PLR2004 - sync, layer III
        return None
    version = header[1] >> 3 & 3
    bit_rate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version not in _RATES_HZ or bit_rate in {0, 15} or rate == 3:  # noqa: PLR2004 - reserved values
        return None
    is_mpeg1 = version == _MPEG1
    kbit_s = (_KBIT_S_MPEG1 if is_mpeg1 else _KBIT_S_MPEG2)[bit_rate]
    samples = 1152 if is_mpeg1 else 576
    rate_hz = _RATES_HZ[version][rate]
    padding = header[2] >> 1 & 1
    return Frame(samples // 8 * kbit_s * 1000 // rate_hz + padding, samples, rate_hz)
