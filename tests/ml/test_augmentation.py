"""What augmentation promises, for any sound."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signalcraft.ml import augmentation, synthesis
from signalcraft.ml.recordings import level_dbfs

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(2_000, 20_000)


def sound(seed: int, samples: int, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@given(seeds, lengths, st.floats(-20, 40), st.floats(-60, 0))
def test_the_noise_is_as_loud_as_was_asked(seed, samples, snr_db, noise_dbfs):
    signal, noise = sound(seed, samples), sound(seed + 1, samples, 10 ** (noise_dbfs / 20))

    mixed = augmentation.mix_at_snr(signal, noise, snr_db)

    added = mixed.astype(np.float64) - signal
    assert level_dbfs(signal) - level_dbfs(added.astype(np.float32)) == pytest.approx(snr_db, abs=0.02)


@given(seeds)
def test_silence_can_not_be_mixed_at_a_ratio(seed):
    with pytest.raises(augmentation.SilentSound):
        augmentation.mix_at_snr(sound(seed, 2_000), np.zeros(2_000, np.float32), 0)
    with pytest.raises(augmentation.SilentSound):
        augmentation.mix_at_snr(np.zeros(2_000, np.float32), sound(seed, 2_000), 0)


@given(seeds, lengths, st.floats(-40, 40))
def test_a_change_of_level_never_leaves_full_scale(seed, samples, gain_db):
    before = sound(seed, samples)
    after = augmentation.change_level(before, gain_db)

    assert np.abs(after).max() <= 1
    if np.abs(before).max() * 10 ** (gain_db / 20) < 1:
        assert level_dbfs(after) - level_dbfs(before) == pytest.approx(gain_db, abs=0.01)


@given(seeds, lengths)
def test_a_microphone_colours_but_keeps_level_length_and_delay(seed, samples):
    rng = np.random.default_rng(seed)
    before = sound(seed, samples)
    gains = augmentation.random_response(samples, rng)
    after = augmentation.apply_response(before, gains)

    assert gains.shape == (samples // 2 + 1,)
    assert (gains > 0).all()
    assert after.shape == before.shape
    assert level_dbfs(after) == pytest.approx(level_dbfs(before), abs=0.01)
    assert np.argmax(np.correlate(after[500:1500], before[500:1500], "same")) == 500


@given(seeds, lengths, st.floats(0.5, 2.0))
def test_a_change_of_speed_changes_the_length_as_much(seed, samples, factor):
    assert augmentation.change_speed(sound(seed, samples), factor).size == pytest.approx(
        samples / factor, abs=2
    )


@given(seeds, lengths, lengths)
def test_a_crop_has_the_length_asked_for_and_comes_from_the_clip(seed, samples, wanted):
    before = sound(seed, samples)
    crop = augmentation.random_crop(before, wanted, np.random.default_rng(seed))

    assert crop.size == wanted
    assert np.isin(crop, before).all()


@given(seeds)
def test_a_crop_avoids_a_gap_in_the_playback(seed):
    half_silent = np.concatenate([np.zeros(8_000, np.float32), sound(seed, 8_000)])
    crop = augmentation.random_crop(half_silent, 4_000, np.random.default_rng(seed), tries=50)

    assert level_dbfs(crop) > -45


@given(st.sampled_from(synthesis.MAKERS), seeds, lengths)
def test_synthetic_sounds_are_finite_and_within_full_scale_and_come_again_with_their_seed(
    maker, seed, samples
):
    made = maker(samples, np.random.default_rng(seed))

    assert made.shape == (samples,)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.abs(made).max(initial=0) <= 1
    np.testing.assert_array_equal(made, maker(samples, np.random.default_rng(seed)))


@given(seeds, st.floats(-40, 20))
def test_different_seeds_sound_different(seed, snr_db):
    assume(seed > 0)
    one, another = (synthesis.coloured_noise(2_000, np.random.default_rng(s)) for s in (seed, seed - 1))

    assert not np.array_equal(one, another)
    assert np.isfinite(augmentation.mix_at_snr(one, another, snr_db)).all()


@given(seeds, lengths)
def test_a_hybrid_of_noises_is_finite_and_comes_again_with_its_seed(seed, samples):
    noises = [sound(seed + i, 3_000) for i in range(3)]
    made = synthesis.hybrid(samples, np.random.default_rng(seed), noises)

    assert made.shape == (samples,)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert 0 < np.abs(made).max() <= 1
    np.testing.assert_array_equal(made, synthesis.hybrid(samples, np.random.default_rng(seed), noises))


@given(seeds, st.integers(1, 5), lengths)
def test_many_responses_at_once_are_as_good_as_one(seed, count, samples):
    sounds = np.stack([sound(seed + i, samples) for i in range(count)])
    gains = augmentation.random_responses(np.full(count, 6.0), samples, np.random.default_rng(seed))
    together = augmentation.apply_response(sounds, gains)

    for one, gain, heard in zip(sounds, gains, together, strict=True):
        np.testing.assert_allclose(heard, augmentation.apply_response(one, gain), atol=1e-5)
