"""The third-octave spectrum of a recording, by which engineers compare the sound of machines.

Bands as in IEC 61260-1 (base 10), from 50 Hz to 6.3 kHz: narrower ones can't be told apart in half a second, and the next
one would reach beyond 8 kHz.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from signalcraft.audio.bands import BAND_EDGES_HZ
from signalcraft.audio.decode import SAMPLE_RATE_HZ, Waveform

Levels: TypeAlias = npt.NDArray[np.float64]

# A quarter of a second: its bins of 3.9 Hz leave three for the narrowest band.
_FRAME, _HOP = 4096, 2048
_FRAMES_AT_ONCE = 128
_WINDOW = np.hanning(_FRAME + 1)[:-1]
_FIRST_BINS = np.searchsorted(np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE_HZ), BAND_EDGES_HZ)
# Far below the rounding noise of 16 bits in one band.
_POWER_FLOOR = 1e-14


def third_octaves_dbfs(waveform: Waveform) -> Levels:
    """Mean power of each band over time, in dB relative to a full-scale square wave, shape (bands,).

    waveform: float32, shape (samples,), 16 kHz, at least 0.5 s.
    """
    frames = np.lib.stride_tricks.sliding_window_view(waveform, _FRAME)[::_HOP]
    power = np.zeros(_FRAME // 2 + 1)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[first : first + _FRAMES_AT_ONCE] * _WINDOW, axis=1)
        power += (spectra.real**2 + spectra.imag**2).sum(axis=0)
    power *= 2 / ((_WINDOW**2).sum() * _FRAME * len(frames))
    bands = np.add.reduceat(power, _FIRST_BINS)[:-1]
    return np.asarray(10 * np.log10(np.maximum(bands, _POWER_FLOOR)))


def level_free(levels_db: Levels) -> Levels:
    """The spectra, shape (…, bands), less each one's median: what is left is its shape, whatever its loudness."""
    return np.asarray(levels_db - np.median(levels_db, axis=-1, keepdims=True))
