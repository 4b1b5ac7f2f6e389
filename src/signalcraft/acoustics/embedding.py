"""A clip as one vector of band statistics, which says everything that a baseline is fitted to.

All of it is power, so that two sounds that are heard together add up: the vector of a machine in noise is nearly the sum
of both vectors (`noise.add_noise`). That is what lets a baseline that was learnt in quiet foresee noise.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft

from signalcraft.acoustics.filters import combined, mel_corners, spaced_corners, triangles

Waveform: TypeAlias = npt.NDArray[np.float32]
Vector: TypeAlias = npt.NDArray[np.float64]
Vectors: TypeAlias = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 16_000

# Level and its spread over time: 64 ms frames in 32 bands. Sixteen and 24 bands told faults apart less well in noise,
# 48 and 96 no better.
BANDS = 32
_FRAME, _HOP = 1024, 512
_BAND_FILTERS = combined(
    triangles(mel_corners(40, 7900, 3 * BANDS), fft_samples=_FRAME, sample_rate_hz=SAMPLE_RATE_HZ), 3
)
PERCENTILES = (10, 50, 90)
# The spectrum's lines: they stand out of a noise that fills the wide band around them.
_LINE_FRAME, _LINE_HOP = 4096, 2048
_LINE_FILTERS = triangles(
    spaced_corners(40, 7800, least_hz=16, ratio=0.06), fft_samples=_LINE_FRAME, sample_rate_hz=SAMPLE_RATE_HZ
)
LINES = _LINE_FILTERS.shape[1]
# The beat of the machine: how strongly 8 wide bands swell at which rates.
BEAT_BANDS = 8
_BEAT_FRAME, _BEAT_HOP = 256, 128
_BEAT_FILTERS = triangles(
    mel_corners(60, 7900, BEAT_BANDS), fft_samples=_BEAT_FRAME, sample_rate_hz=SAMPLE_RATE_HZ
)
BEAT_RATES_HZ = ((1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 62))

# What a stored vector calls nothing: far below the rounding noise of 16 bits in one band, and squared for the beats.
_POWER_FLOOR = 1e-24

MEAN = slice(0, BANDS)
LEVELS = slice(0, (1 + len(PERCENTILES)) * BANDS)
LINE_LEVELS = slice(LEVELS.stop, LEVELS.stop + LINES)
BEAT_LEVELS = slice(LINE_LEVELS.stop, LINE_LEVELS.stop + BEAT_BANDS)
# Of the envelope, hence power squared.
BEATS = slice(BEAT_LEVELS.stop, BEAT_LEVELS.stop + BEAT_BANDS * len(BEAT_RATES_HZ))
SIZE = BEATS.stop


def embed(waveform: Waveform) -> Vector:
    """The statistics of a clip.

    waveform: float32, shape (samples,), full scale ±1, 16 kHz, at least 0.5 s. Returns float64, shape (SIZE,):
    `LEVELS` the mean and the 10th, 50th and 90th percentile over time of each band's power; `LINE_LEVELS` the mean power
    of narrow bands; `BEAT_LEVELS` of eight wide ones; `BEATS` the power of their envelopes by rate (six rows of eight).
    Power is relative to full scale: the bands of a clip add up to its mean square.
    """
    frames = _power_spectrum(waveform, _FRAME, _HOP) @ _BAND_FILTERS
    levels = np.concatenate([frames.mean(axis=0)[np.newaxis], np.percentile(frames, PERCENTILES, axis=0)])
    lines = _power_spectrum(waveform, _LINE_FRAME, _LINE_HOP).mean(axis=0) @ _LINE_FILTERS
    envelopes = _power_spectrum(waveform, _BEAT_FRAME, _BEAT_HOP) @ _BEAT_FILTERS
    return np.concatenate([levels.ravel(), lines, envelopes.mean(axis=0), _beats(envelopes).ravel()]).astype(
        np.float64
    )


def to_bytes(vector: Vector) -> bytes:
    """A vector as it is stored: two bytes a figure, in decibels, which is exact to a sixteenth of one."""
    return np.asarray(10 * np.log10(np.maximum(vector, _POWER_FLOOR)), dtype="<f2").tobytes()


def from_bytes(stored: bytes) -> Vectors:
    """The vectors of one or more clips that were stored one after the other, shape (clips, SIZE)."""
    decibels = np.frombuffer(stored, dtype="<f2").reshape(-1, SIZE)
    return np.asarray(10 ** (decibels.astype(np.float64) / 10))


def total_power(vectors: Vectors) -> Vectors:
    """The mean square of each clip, shape (clips,), from vectors of shape (clips, SIZE)."""
    return np.asarray(vectors[:, MEAN].sum(axis=1))


def _beats(envelopes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Power of the envelopes' swelling, shape (rates, bands), from envelopes of shape (frames, bands)."""
    window = np.hanning(len(envelopes))[:, np.newaxis].astype(np.float32)
    swelling = scipy.fft.rfft((envelopes - envelopes.mean(axis=0)) * window, axis=0)
    power = np.abs(swelling) ** 2 / ((window**2).sum() * len(envelopes) / 2)
    rates_hz = np.fft.rfftfreq(len(envelopes), _BEAT_HOP / SAMPLE_RATE_HZ)
    return np.stack(
        [power[(rates_hz >= lowest) & (rates_hz < highest)].sum(axis=0) for lowest, highest in BEAT_RATES_HZ]
    )


def _power_spectrum(waveform: Waveform, frame: int, hop: int) -> npt.NDArray[np.float32]:
    """Power of each frame's frequencies, shape (frames, frame // 2 + 1), that add up to the frame's mean square."""
    window = np.hanning(frame + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, frame)[::hop] * window
    power: npt.NDArray[np.float32] = np.abs(scipy.fft.rfft(frames, axis=1)) ** 2
    return power / np.float32((window**2).sum() * frame / 2)
