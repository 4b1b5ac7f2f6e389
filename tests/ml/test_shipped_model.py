"""The model file in the package: what the service relies on, tried without torch."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.ml.card import DECISION, Card, card_path
from signalcraft.ml.decision import judge, softmax
from signalcraft.ml.recordings import read_clips, read_waveform

STATES = {
    "healthy",
    "inlet_valve_leak",
    "outlet_valve_leak",
    "non_return_valve",
    "piston_ring",
    "flywheel",
    "rider_belt",
    "bearing",
}
waveforms = st.tuples(st.integers(8_000, 60_000), st.integers(0, 2**32 - 1), st.floats(-90, 0)).map(
    lambda drawn: np.clip(
        np.random.default_rng(drawn[1]).normal(0, 10 ** (drawn[2] / 20), (1, drawn[0])), -1, 1
    ).astype(np.float32)
)


def test_the_file_is_under_5_mb(served):
    assert served.path.stat().st_size < 5_000_000


def test_the_notice_of_the_dataset_ships_beside_it(served):
    notice = served.path.with_name("LICENSE-air-compressor-dataset.txt").read_text()

    assert "Copyright 2016 Nishchal K. Verma" in notice
    assert "IEEE Transactions on Reliability, vol. 65, no. 1, pp. 291-309, 2016" in notice
    assert 'PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"' in notice


def test_the_card_is_complete(card: Card, served):
    assert set(card.states) == STATES
    assert card.normal_state == "healthy"
    assert (card.sample_rate_hz, card.window_s, card.hop_s) == (16_000, 3.0, 1.5)
    assert card.temperature > 0
    assert set(card.thresholds) == {"anomaly", "unknown_confidence", "other"}
    assert all(0 < threshold < 1 for threshold in card.thresholds.values())
    assert card.decision == DECISION
    assert {"data", "hash", "seed", "settings", "augmentation"} <= set(card.training)
    assert {"block_split", "foreign"} <= set(card.metrics)
    assert "ESC-10" in card.licence
    assert "Verma" in card.citation
    assert "One reciprocating air compressor" in card.limits
    assert json.loads(card_path(served.path).read_text())["name"] == "air_compressor"


@given(waveforms)
def test_any_sound_of_any_length_gives_finite_answers(served, card, waveform):
    logits, embedding = served.run(waveform), served.run(waveform, "embedding")

    assert logits.shape == (1, len(card.classes))
    assert np.isfinite(logits).all()
    assert np.isfinite(embedding).all()


@pytest.mark.parametrize("waveform", [np.zeros((1, 8_000)), np.ones((1, 48_000)), -np.ones((1, 8_001))])
def test_silence_and_stuck_converters_give_finite_answers(served, waveform):
    assert np.isfinite(served.run(waveform)).all()


@given(waveforms, waveforms)
def test_a_clip_is_judged_the_same_alone_and_in_a_batch(served, one, another):
    samples = min(one.shape[1], another.shape[1])
    together = served.run(np.concatenate([one[:, :samples], another[:, :samples]]))

    np.testing.assert_allclose(together[:1], served.run(one[:, :samples]), atol=2e-4, rtol=1e-4)


def test_the_samples_are_judged_as_their_folders_say(served, card, samples):
    clips = read_clips(samples)
    assert {clip.state for clip in clips} == STATES

    logits = np.concatenate([served.run(clip.waveform[np.newaxis]) for clip in clips])
    verdicts = judge(softmax(logits, card.temperature), card)

    assert not verdicts.is_unknown.any()
    assert [card.states[state] for state in verdicts.state] == [clip.state for clip in clips]


def test_the_front_end_equals_librosa_on_the_samples(served, librosa_log_mel, samples):
    for path in sorted(samples.glob("*/*.flac")):
        waveform = read_waveform(path)
        log_mel = served.run(waveform[np.newaxis], "log_mel")[0]

        np.testing.assert_allclose(log_mel, librosa_log_mel(waveform), atol=1e-4, rtol=0, err_msg=path.name)


def test_the_front_end_equals_librosa_on_noises(served, librosa_log_mel, shared_data):
    for path in sorted((shared_data / "background").rglob("*.flac"))[::7]:
        waveform = read_waveform(path)
        log_mel = served.run(waveform[np.newaxis], "log_mel")[0]

        np.testing.assert_allclose(log_mel, librosa_log_mel(waveform), atol=1e-4, rtol=0, err_msg=path.name)


@given(waveforms)
def test_the_front_end_equals_librosa_on_any_noise(served, librosa_log_mel, waveform):
    log_mel = served.run(waveform, "log_mel")[0]

    np.testing.assert_allclose(log_mel, librosa_log_mel(waveform[0]), atol=1e-4, rtol=0)
