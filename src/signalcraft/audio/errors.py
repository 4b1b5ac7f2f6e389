"""Why a recording is refused. Knows no audio library, so that the web answers with these without loading one.

Invalid (422)
└── ClipRefused
    ├── ClipEmpty, ClipTooLarge (413)                   its size
    ├── NotAudio (415), UnsupportedFormat (415)         what it is
    ├── HeaderUnreadable, ClipTruncated                 whether it is whole
    ├── ClipTooShort, ClipTooLong                       its length
    ├── UnsupportedSampleRate, UnsupportedChannels      its shape
    └── ClipNotFinite, ClipOutOfScale,                  its samples
        ClipSilent, ClipClipped
"""

from typing import Any

from signalcraft.core.errors import Invalid


class ClipRefused(Invalid):
    """The recording can't be judged."""

    code = "clip_refused"


class ClipEmpty(ClipRefused):
    """The file is empty (0 bytes); send the recording itself."""

    code = "clip_empty"


class ClipTooLarge(ClipRefused):
    """The file is larger than {limit_mb} MB; send a shorter recording, or pack it as FLAC."""

    status, code = 413, "clip_too_large"


class NotAudio(ClipRefused):
    """The file is not a recording; send WAV, FLAC, OGG (Vorbis or Opus) or MP3."""

    status, code = 415, "not_audio"


class UnsupportedFormat(ClipRefused):
    """The file is {found}, which is not supported; send WAV, FLAC, OGG (Vorbis or Opus) or MP3."""

    status, code = 415, "unsupported_format"


class HeaderUnreadable(ClipRefused):
    """The file begins like {container}, but its header is damaged or cut off; record it again."""

    code = "header_unreadable"


class ClipTruncated(ClipRefused):
    """The {container} file breaks off or is damaged before the end that it promises; send all of it again."""

    code = "clip_truncated"


class ClipTooShort(ClipRefused):
    """The recording is {duration_s} s long; send at least {limit_s} s."""

    code = "clip_too_short"


class ClipTooLong(ClipRefused):
    """The recording is longer than {limit_s} s; send at most that much."""

    code = "clip_too_long"


class UnsupportedSampleRate(ClipRefused):
    """The recording's sample rate is {sample_rate_hz} Hz; send {lowest_hz} to {highest_hz} Hz."""

    code = "unsupported_sample_rate"


class UnsupportedChannels(ClipRefused):
    """The recording has {channels} channels; send 1 or 2."""

    code = "unsupported_channels"


class ClipNotFinite(ClipRefused):
    """The recording holds samples that are no numbers (NaN or infinite); check the program that wrote it."""

    code = "clip_not_finite"


class ClipOutOfScale(ClipRefused):
    """The samples reach {peak_dbfs} dBFS, so they are not scaled to ±1; write integers, or floats within ±1."""

    code = "clip_out_of_scale"


class ClipSilent(ClipRefused):
    """The recording is silent (nothing above {limit_dbfs} dBFS); check that the microphone is connected."""

    code = "clip_silent"


class ClipClipped(ClipRefused):
    """The recording is clipped all through ({clipped_percent} % of it at full scale); lower the gain."""

    code = "clip_clipped"


# All that checking and decoding may find.
CLIP_ERRORS: tuple[type[ClipRefused], ...] = tuple(ClipRefused.__subclasses__())
_BY_CODE = {refusal.code: refusal for refusal in CLIP_ERRORS}


def refusal(code: str, details: dict[str, Any]) -> ClipRefused:
    """The error that an inference process has named by its code.

    Raises:
        KeyError: there is no such code.
    """
    return _BY_CODE[code](**details)
