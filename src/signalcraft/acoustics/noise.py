"""Noise that a machine may be heard in: profiles of real sounds, added to clips as vectors."""

from functools import cache
from importlib import resources

import numpy as np

from signalcraft.acoustics.embedding import BEATS, Vectors, total_power

_SEED = 20260


@cache
def noise_profiles() -> Vectors:
    """Vectors of noises of many kinds, shape (noises, SIZE), each of total power 1.

    Made by `bench/noise_profiles.py` from the recordings that `noise_profiles.LICENSE.txt` names.
    """
    with (
        resources.as_file(resources.files("signalcraft.acoustics") / "noise_profiles.npz") as path,
        np.load(path) as stored,
    ):
        return np.asarray(10 ** (stored["decibels"].astype(np.float64) / 10))


def profiles_of(vectors: Vectors) -> Vectors:
    """Vectors of noises, shape (noises, SIZE), brought to total power 1."""
    power = total_power(vectors)[:, np.newaxis]
    profiles = vectors / power
    profiles[:, BEATS] /= power
    return np.asarray(profiles)


def add_noise(vectors: Vectors, profiles: Vectors, snr_db: Vectors) -> Vectors:
    """The vectors as if each clip had been heard in its noise, all of shape (clips, SIZE); snr_db: shape (clips,).

    Powers of unrelated sounds add up, and so do those of their envelopes. For percentiles over time this is exact where
    one of the two is steady.
    """
    scale = (total_power(vectors) * 10 ** (-snr_db / 10))[:, np.newaxis]
    added = vectors + profiles * scale
    added[:, BEATS] = vectors[:, BEATS] + profiles[:, BEATS] * scale**2
    return np.asarray(added)


def heard_in_noise(
    vectors: Vectors, profiles: Vectors, *, snr_db: tuple[float, float], copies: int
) -> Vectors:
    """`copies` of each clip in random noises at random ratios within `snr_db`; the same for the same vectors."""
    rng = np.random.default_rng(_SEED)
    repeated = np.repeat(vectors, copies, axis=0)
    chosen = profiles[rng.integers(len(profiles), size=len(repeated))]
    return add_noise(repeated, chosen, rng.uniform(*snr_db, size=len(repeated)))
