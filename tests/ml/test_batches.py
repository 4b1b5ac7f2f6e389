"""What training hears."""

import numpy as np
import pytest

from signalcraft.ml.batches import OTHER, AugmentationSettings, TrainingBatches
from signalcraft.ml.recordings import Clip, Noise

SETTINGS = AugmentationSettings(batch_clips=20, synthetic_sounds=3)


def batches() -> TrainingBatches:
    rng = np.random.default_rng(0)
    clips = [
        Clip(None, state, number, rng.normal(0, 0.1, 40_000).astype(np.float32))
        for state in ("bearing", "healthy")
        for number in range(3)
    ]
    noises = [Noise(None, "hiss", str(i), rng.normal(0, 0.1, 60_000).astype(np.float32)) for i in range(3)]
    return TrainingBatches(clips, noises, SETTINGS, seed=4)


def test_a_batch_depends_on_its_number_and_not_on_those_before_it():
    in_order, alone = batches(), batches()
    ours = [in_order.batch(step) for step in range(4)][3]
    theirs = alone.batch(3)

    for one, another in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, another)


@pytest.mark.parametrize("step", range(6))
def test_each_state_is_heard_as_often_as_any_other_in_16_bits(step):
    made = batches()
    waveforms, labels = made.batch(step)

    assert made.classes == ["bearing", "healthy", OTHER]
    assert np.bincount(labels).tolist() == [8, 8, 4]
    assert waveforms.shape[0] == 20
    assert 8_000 <= waveforms.shape[1] <= 48_000
    assert np.abs(waveforms).max() <= 1
    np.testing.assert_allclose(waveforms * 32767, np.round(waveforms * 32767), atol=1e-2)
