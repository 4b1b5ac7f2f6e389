"""The verdict's rule, calibration and the card."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.diagnosis.card import ModelCard
from signalcraft.diagnosis.engine import decide
from signalcraft.ml.card import CardIncomplete, read_card, write_card
from signalcraft.ml.decision import anomaly_scores, judge, softmax
from signalcraft.ml.judged import expected_calibration_error
from signalcraft.ml.scoring import cut_windows
from tests.ml.conftest import SHIPPED

logits = st.lists(st.lists(st.floats(-30, 30), min_size=9, max_size=9), min_size=1, max_size=5).map(
    np.asarray
)


@given(logits, st.floats(0.2, 5))
def test_probabilities_sum_to_one_and_keep_their_order(given_logits, temperature):
    probabilities = softmax(given_logits, temperature)

    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    likeliest = probabilities[np.arange(len(given_logits)), given_logits.argmax(axis=1)]
    assert (likeliest == probabilities.max(axis=1)).all()


@given(logits)
def test_a_verdict_is_one_thing_and_its_state_agrees_with_it(card, given_logits):
    probabilities = softmax(given_logits, card.temperature)
    verdicts = judge(probabilities, card)
    scores = anomaly_scores(probabilities, card.classes, card.normal_state)

    assert not (verdicts.is_unknown & verdicts.is_anomalous).any()
    for i, state in enumerate(verdicts.state):
        if verdicts.is_anomalous[i]:
            assert card.states[state] != "healthy"
            assert scores[i] >= card.thresholds["anomaly"]
        elif not verdicts.is_unknown[i]:
            assert card.states[state] == "healthy"


@given(logits)
def test_the_service_decides_by_the_same_rule(card, given_logits):
    served = ModelCard.read(SHIPPED.with_suffix(".json"))
    probabilities = softmax(given_logits, card.temperature)
    verdicts = judge(probabilities, card)

    for i, clip in enumerate(probabilities):
        decision = decide(clip, served)
        assert (decision.verdict == "unknown") == verdicts.is_unknown[i]
        assert (decision.verdict == "anomalous") == verdicts.is_anomalous[i]
        assert decision.state in {None, card.states[verdicts.state[i]]}


def test_a_sound_that_is_rather_something_else_is_unknown(card):
    probabilities = np.full((1, 9), 0.001)
    probabilities[0, card.classes.index("other")] = 0.992

    assert judge(probabilities, card).is_unknown.all()


@given(st.integers(8_000, 200_000))
def test_windows_cover_the_whole_clip(samples):
    waveform = np.arange(samples, dtype=np.float32)
    windows = cut_windows(waveform, window_s=3.0, hop_s=1.5)

    assert windows.shape[1] == min(samples, 48_000)
    assert np.unique(windows).size == samples


def test_the_calibration_error_of_honest_and_of_boastful_confidence():
    hits = np.asarray([True] * 8 + [False] * 2)

    assert expected_calibration_error(np.full(10, 0.8), hits) == pytest.approx(0)
    assert expected_calibration_error(np.ones(10), hits) == pytest.approx(0.2)


def test_a_card_reads_as_it_was_written_and_an_incomplete_one_is_refused(card, tmp_path):
    model = tmp_path / "copy.onnx"
    write_card(card, model)
    assert read_card(model) == card

    given_card = json.loads((tmp_path / "copy.json").read_text())
    del given_card["limits"]
    (tmp_path / "copy.json").write_text(json.dumps(given_card))
    with pytest.raises(CardIncomplete, match="lacks limits"):
        read_card(model)
    with pytest.raises(CardIncomplete, match="can't be read"):
        read_card(tmp_path / "absent.onnx")
