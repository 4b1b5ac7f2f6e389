"""What a recording must be like to be judged. Each check raises its own error."""

import math
import os
from dataclasses import dataclass

from signalcraft.audio.errors import (
    ClipClipped,
    ClipEmpty,
    ClipNotFinite,
    ClipOutOfScale,
    ClipSilent,
    ClipTooLarge,
    ClipTooLong,
    ClipTooShort,
    UnsupportedChannels,
    UnsupportedSampleRate,
)

MAX_BYTES = 10 * 1024 * 1024
SHORTEST_S = 0.5
LONGEST_S = 60.0
LOWEST_SAMPLE_RATE_HZ = 8_000
HIGHEST_SAMPLE_RATE_HZ = 96_000
MOST_CHANNELS = 2

# ±3 steps of 16 bits: what stays below is rounding noise of a dead microphone, not sound.
SILENCE_DBFS = -80.0
# Lossy codecs overshoot full scale by a few dB. A float file that goes far beyond was never scaled to ±1.
OUT_OF_SCALE_DBFS = 12.0
# The largest positive sample of 8 bits is 0.992; so everything from here on counts as full scale.
FULL_SCALE = 0.99
# A machine's noise is nearly Gaussian: half of it lies at the rails once it is driven 15 dB into clipping, and from
# there on the recording is more square wave than sound. Below that, spectra are distorted but still tell states apart.
CLIPPED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Levels:
    """What was measured on the decoded samples, full scale ±1.

    peak: largest absolute sample of all channels; swing: how far the channels' mean moves at 16 kHz, a constant offset
    not counted; clipped_share: the part of all samples at full scale or beyond.
    """

    peak: float
    swing: float
    clipped_share: float


def check_size(file: int, *, max_bytes: int = MAX_BYTES) -> None:
    """Refuse an empty file, and one of more than `max_bytes`."""
    size = os.fstat(file).st_size
    if size == 0:
        raise ClipEmpty
    if size > max_bytes:
        raise ClipTooLarge(limit_mb=max_bytes // 1024**2)


def check_shape(sample_rate_hz: int, channels: int) -> None:
    """Refuse other than 1 or 2 channels, and sample rates outside 8 to 96 kHz."""
    if not 1 <= channels <= MOST_CHANNELS:
        raise UnsupportedChannels(channels=channels)
    if not LOWEST_SAMPLE_RATE_HZ <= sample_rate_hz <= HIGHEST_SAMPLE_RATE_HZ:
        raise UnsupportedSampleRate(
            sample_rate_hz=sample_rate_hz, lowest_hz=LOWEST_SAMPLE_RATE_HZ, highest_hz=HIGHEST_SAMPLE_RATE_HZ
        )


def check_duration(duration_s: float) -> None:
    """Refuse less than 0.5 s and more than 60 s."""
    if duration_s < SHORTEST_S:
        raise ClipTooShort(duration_s=round(duration_s, 3), limit_s=SHORTEST_S)
    if duration_s > LONGEST_S:
        raise ClipTooLong(limit_s=LONGEST_S)


def check_peak(peak: float) -> None:
    """Refuse samples that are no numbers, or whose largest is far beyond full scale (±1)."""
    if not math.isfinite(peak):
        raise ClipNotFinite
    if dbfs(peak) > OUT_OF_SCALE_DBFS:
        raise ClipOutOfScale(peak_dbfs=dbfs(peak))


def check_levels(levels: Levels) -> None:
    """Refuse what holds no sound, or nothing but clipping."""
    if dbfs(levels.swing) < SILENCE_DBFS:
        raise ClipSilent(limit_dbfs=SILENCE_DBFS)
    if levels.clipped_share >= CLIPPED_SHARE:
        raise ClipClipped(clipped_percent=round(100 * levels.clipped_share))


def dbfs(amplitude: float) -> float:
    """The amplitude in dB relative to full scale (±1), to a hundredth; minus infinity for 0."""
    return round(20 * math.log10(amplitude), 2) if amplitude > 0 else -math.inf
