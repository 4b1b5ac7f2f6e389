"""What happens to a sound between the machine and the file: noise, level, microphone, speed, and where it is cut.

All functions take and return float32 waveforms of shape (samples,) at 16 kHz and draw from the generator given; those
that say (…, samples) take many at once, which is several times as fast.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform
from signalcraft.ml.recordings import level_dbfs

Gains = npt.NDArray[np.float32]

KNOTS_HZ = np.geomspace(50, SAMPLE_RATE_HZ / 2, 7)
# Responses are made at so many frequencies, a twelfth of an octave apart, and interpolated.
GRID_HZ = np.geomspace(1, SAMPLE_RATE_HZ / 2, 157)
KNOTS_TO_GRID = np.stack(
    [np.interp(np.log(GRID_HZ), np.log(KNOTS_HZ), knot) for knot in np.eye(KNOTS_HZ.size)], 1
)
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
    """One of `random_responses`, of shape (samples // 2 + 1,)."""
    return np.asarray(random_responses(np.asarray([spread_db]), samples, rng)[0])


def random_responses(spread_db: npt.NDArray[np.float64], samples: int, rng: np.random.Generator) -> Gains:
    """Microphones' amplitude responses: linear gains [responses, samples // 2 + 1] for a real Fourier transform.

    Smooth in log frequency (seven knots from 50 Hz to 8 kHz, normally distributed by `spread_db` [responses]). Of ten,
    two or three have the resonance of a case (up to 12 dB, an octave wide or less), four the high-pass of a small case
    (up to 350 Hz), and four the low-pass of a cheap capsule (from 2 kHz); both fall by 6 or 12 dB an octave.
    """
    knots = rng.normal(0, 1, (spread_db.size, KNOTS_HZ.size)) * spread_db[:, np.newaxis] * DB
    log_gains = knots @ KNOTS_TO_GRID.T
    for place in range(len(log_gains)):
        if rng.random() < 0.25:  # noqa: PLR2004 – how often is a choice of training, not a law
            octaves = np.log2(GRID_HZ / np.exp(rng.uniform(np.log(150), np.log(4000))))
            log_gains[place] += (
                rng.uniform(-12, 12) * DB * np.exp(-np.square(octaves / rng.uniform(0.15, 0.5)))
            )
        if rng.random() < 0.4:  # noqa: PLR2004 – as above
            log_gains[place] -= rng.choice([0.5, 1]) * np.log1p(np.square(rng.uniform(40, 350) / GRID_HZ))
        if rng.random() < 0.4:  # noqa: PLR2004 – as above
            log_gains[place] -= rng.choice([0.5, 1]) * np.log1p(np.square(GRID_HZ / rng.uniform(2000, 8000)))
    gains = np.exp(log_gains).astype(np.float32)
    below, share = _places_in_grid(samples)
    return np.asarray(gains[:, below] * (1 - share) + gains[:, below + 1] * share)


def apply_response(waveform: Waveform, gains: Gains) -> Waveform:
    """`waveform` (…, samples) heard through `gains` (…, bins), its level kept; no delay, and it wraps at the ends."""
    spectrum = fft.rfft(waveform, axis=-1)
    spectrum *= gains
    filtered = fft.irfft(spectrum, n=waveform.shape[-1], axis=-1, overwrite_x=True)
    before, after = mean_power(waveform), mean_power(filtered)
    kept = np.sqrt(np.divide(before, after, out=np.zeros_like(after), where=after > 0))
    filtered *= kept[..., np.newaxis].astype(np.float32)
    return np.asarray(filtered, dtype=np.float32)


def mean_power(waveform: Waveform) -> npt.NDArray[np.float64]:
    """Mean square of each waveform (…, samples)."""
    total = np.einsum("...i,...i->...", waveform, waveform)
    return np.asarray(np.asarray(total, np.float64) / max(waveform.shape[-1], 1))


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
def _places_in_grid(samples: int) -> tuple[npt.NDArray[np.intp], Gains]:
    """For each bin of the transform of `samples` the grid's place below it, and its share of the place above."""
    bins_hz = np.clip(fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), GRID_HZ[0], GRID_HZ[-1])
    places = np.interp(np.log(bins_hz), np.log(GRID_HZ), np.arange(GRID_HZ.size))
    below = np.minimum(places.astype(np.intp), GRID_HZ.size - 2)
    return below, (places - below).astype(np.float32)


def _power(waveform: Waveform) -> float:
    return float(np.dot(waveform, waveform)) / max(waveform.size, 1)
