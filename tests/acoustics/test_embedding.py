"""The statistics of a clip: how they scale, add up, and are stored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalcraft.acoustics.embedding import (
    BEATS,
    LEVELS,
    LINE_LEVELS,
    MEAN,
    SIZE,
    embed,
    from_bytes,
    to_bytes,
    total_power,
)
from signalcraft.acoustics.noise import add_noise, noise_profiles, profiles_of


def noise(seed: int, samples: int = 16_000, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, samples).astype(np.float32)


def tone(frequency_hz: float, samples: int = 16_000) -> np.ndarray:
    return (0.1 * np.sin(2 * np.pi * frequency_hz * np.arange(samples) / 16_000)).astype(np.float32)


FEW = settings(max_examples=20, deadline=None)


@FEW
@given(gain=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_power_grows_with_the_square_of_the_sound_and_beats_with_its_fourth(gain, seed):
    quiet, loud = embed(noise(seed)), embed((gain * noise(seed)).astype(np.float32))

    assert loud[LEVELS] == pytest.approx(gain**2 * quiet[LEVELS], rel=1e-3)
    assert loud[LINE_LEVELS] == pytest.approx(gain**2 * quiet[LINE_LEVELS], rel=1e-3)
    assert loud[BEATS] == pytest.approx(gain**4 * quiet[BEATS], rel=1e-2)


@FEW
@given(samples=st.integers(8_000, 60_000))
def test_clips_of_any_length_have_one(samples):
    vector = embed(noise(1, samples))

    assert vector.shape == (SIZE,)
    assert np.isfinite(vector).all()
    assert (vector >= 0).all()


def test_the_bands_of_a_clip_add_up_to_its_mean_square():
    assert total_power(embed(noise(1))[np.newaxis])[0] == pytest.approx(0.01, rel=0.05)


def test_a_tone_stands_in_its_band():
    assert embed(tone(1000))[MEAN].argmax() == embed(tone(1010))[MEAN].argmax()
    assert embed(tone(1000))[MEAN].argmax() < embed(tone(3000))[MEAN].argmax()


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_a_clip_in_noise_is_the_sum_of_both_vectors(snr_db):
    machine, other = tone(440, 48_000), noise(2, 48_000)
    scale = np.sqrt((machine**2).mean() / (other**2).mean() / 10 ** (snr_db / 10))

    heard = embed((machine + scale * other).astype(np.float32))
    foreseen = add_noise(
        embed(machine)[np.newaxis], profiles_of(embed(other)[np.newaxis]), np.array([snr_db])
    )[0]

    assert 10 * np.log10(foreseen[MEAN]) == pytest.approx(10 * np.log10(heard[MEAN]), abs=1.0)


@FEW
@given(seed=st.integers(0, 1000), level=st.floats(1e-4, 1))
def test_what_is_stored_is_exact_to_a_sixteenth_of_a_decibel(seed, level):
    vector = embed(noise(seed, level=level))

    stored = to_bytes(vector) + to_bytes(2 * vector)
    first, second = from_bytes(stored)

    assert len(stored) == 4 * SIZE
    assert 10 * np.log10(first / vector) == pytest.approx(0, abs=1 / 16)
    assert 10 * np.log10(second / vector) == pytest.approx(3.01, abs=1 / 16)


def test_the_shipped_noises_are_of_power_one():
    profiles = noise_profiles()

    assert profiles.shape == (281, SIZE)
    assert total_power(profiles) == pytest.approx(1, rel=0.02)
