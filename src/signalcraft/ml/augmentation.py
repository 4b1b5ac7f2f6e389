"""What happens to a sound between the machine and the file: noise, level, microphone, speed, and where it is cut.

All functions take and return float32 waveforms of shape (samples,) at 16 kHz and draw from the generator given.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform
from signalcraft.ml.recordings import level_dbfs

Gains = npt.NDArray[np.float32]

KNOTS_HZ = np.geomspace(50, SAMPLE_RATE_HZ / 2, 7)
# One dB of amplitude in natural logarithms.
DB = np.log(10) / 20

# A crop this much quieter than its whole clip is a gap in the playback, not the machine.
GAP_DB = 20.0


class SilentSound(ValueError):
    """A ratio of powers needs sound on both sides."""


def mix_at_snr(signal: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    """`signal` plus `noise` scaled so that the powers of the two, each over its whole length, differ by `snr_db`.

    Raises SilentSound if either is digital silence.
    """
    signal_power, noise_power = _power(signal), _power(noise)
    if signal_power == 0 or noise_power == 0:
        raise SilentSound
    gain = np.sqrt(signal_power / noise_power / 10 ** (snr_db / 10))
    return np.asarray(signal + gain * noise, dtype=np.float32)


def change_level(waveform: Waveform, gain_db: float) -> Waveform:
    """Amplify by `gain_db`; what exceeds full scale is clipped, as a converter would."""
    return np.asarray(np.clip(waveform * 10 ** (gain_db / 20), -1, 1), dtype=np.float32)


def random_response(samples: int, rng: np.random.Generator, *, spread_db: float = 5.0) -> Gains:
    """A microphone's amplitude response, as linear gains for the `samples // 2 + 1` bins of a real Fourier transform.

    Smooth in log frequency (seven knots from 50 Hz to 8 kHz, normally distributed by `spread_db`), at times with the
    high-pass of a small case (up to 250 Hz) and the low-pass of a cheap capsule (from 2.5 kHz), 6 or 12 dB an octave.
    """
    frequencies_hz, between_knots = _response_grid(samples)
    gains = np.exp(between_knots @ rng.normal(0, spread_db * DB, KNOTS_HZ.size).astype(np.float32))
    if rng.random() < 0.4:  # noqa: PLR2004 – how often is a choice of training, not a law
        passed = 1 / (1 + np.square(rng.uniform(40, 250) / frequencies_hz, dtype=np.float32))
        gains *= passed if rng.random() < 0.5 else np.sqrt(passed)  # noqa: PLR2004 – as above
    if rng.random() < 0.4:  # noqa: PLR2004 – as above
        passed = 1 / (1 + np.square(frequencies_hz / rng.uniform(2500, 8000), dtype=np.float32))
        gains *= passed if rng.random() < 0.5 else np.sqrt(passed)  # noqa: PLR2004 – as above
    return np.asarray(gains, dtype=np.float32)


def apply_response(waveform: Waveform, gains: Gains) -> Waveform:
    """`waveform` heard through `gains`, its level kept; the filter has no delay and wraps at the ends."""
    spectrum = fft.rfft(waveform) * gains
    filtered = fft.irfft(spectrum, n=waveform.size)
    power = _power(filtered)
    if power > 0:
        filtered *= np.sqrt(_power(waveform) / power)
    return np.asarray(filtered, dtype=np.float32)


def change_speed(waveform: Waveform, factor: float) -> Waveform:
    """Play `factor` times as fast, pitch and all, by linear interpolation."""
    positions = np.arange(0, waveform.size - 1, factor)
    return np.asarray(np.interp(positions, np.arange(waveform.size), waveform), dtype=np.float32)


def random_crop(waveform: Waveform, samples: int, rng: np.random.Generator, *, tries: int = 8) -> Waveform:
    """A stretch of `samples`, repeated from its start where the waveform is shorter; gaps are avoided if they can be."""
    if waveform.size < samples:
        start = int(rng.integers(waveform.size))
        return np.resize(np.roll(waveform, -start), samples)
    whole_dbfs = level_dbfs(waveform)
    for _ in range(tries):
        start = int(rng.integers(waveform.size - samples + 1))
        crop = waveform[start : start + samples]
        if level_dbfs(crop) > whole_dbfs - GAP_DB:
            break
    return crop


@lru_cache(maxsize=64)
def _response_grid(samples: int) -> tuple[Gains, Gains]:
    """The bins' frequencies [bins] in Hz, and the weights [bins, knots] that interpolate between the knots."""
    frequencies_hz = np.maximum(fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 1.0)
    weights = [np.interp(np.log(frequencies_hz), np.log(KNOTS_HZ), knot) for knot in np.eye(KNOTS_HZ.size)]
    return frequencies_hz.astype(np.float32), np.stack(weights, axis=1).astype(np.float32)


def _power(waveform: Waveform) -> float:
    return float(np.dot(waveform, waveform)) / max(waveform.size, 1)
