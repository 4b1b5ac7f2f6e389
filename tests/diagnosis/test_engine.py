"""The shipped model judges the shipped recordings, by the rule that it was calibrated with."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import signalcraft.diagnosis
from signalcraft.audio.decode import Clip, decode
from signalcraft.audio.facts import ClipFacts
from signalcraft.diagnosis import engine as engine_rule
from signalcraft.diagnosis.card import ModelCard, ModelUnusableError
from signalcraft.diagnosis.engine import Engine, cut_windows, decide, softmax
from signalcraft.diagnosis.judgement import Judgement, Verdict
from signalcraft.ml import card as training_card
from signalcraft.ml import decision as training_rule
from signalcraft.ml import scoring
from tests.conftest import SAMPLES
from tests.recordings import machine, opened, packed

SHIPPED = Path(signalcraft.diagnosis.__file__).parent / "model" / "air_compressor.onnx"
CLIPS = sorted(SAMPLES.glob("*/*.flac"))
CARD = ModelCard(
    name="test",
    version="1",
    sample_rate_hz=16_000,
    window_s=3.0,
    hop_s=1.5,
    classes=("bearing", "healthy", "piston_ring", "other"),
    normal_state="healthy",
    temperature=1.0,
    thresholds={"anomaly": 0.5, "unknown_confidence": 0.4, "other": 0.6},
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


def clip_at(path: Path) -> Clip:
    with path.open("rb") as file:
        return decode(file.fileno())


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_samples_are_told_apart(engine, path):
    judgement = engine.judge(clip_at(path))

    is_healthy = path.parent.name == "healthy"
    assert judgement.verdict is (Verdict.NORMAL if is_healthy else Verdict.ANOMALOUS)
    assert judgement.probabilities.keys() == set(engine.card.classes) - {"other"}
    assert judgement.confidence > 0.5
    assert (judgement.anomaly_score >= judgement.threshold) is not is_healthy
    assert judgement.inference_ms > 0
    assert judgement.model.name == engine.card.name


def test_a_judgement_survives_its_way_to_the_web_worker(engine):
    judgement = engine.judge(clip_at(CLIPS[0]))

    assert Judgement.from_json(judgement.to_json()) == judgement


def test_the_same_recording_is_judged_the_same(engine):
    first, second = (engine.judge(clip_at(CLIPS[0])) for _ in range(2))

    assert replace(first, inference_ms=0) == replace(second, inference_ms=0)


@pytest.mark.parametrize("duration_s", [0.5, 3.0, 3.01, 17.3, 60.0])
def test_any_allowed_length_is_judged(engine, duration_s):
    with opened(packed(machine(duration_s))) as file:
        judgement = engine.judge(decode(file))

    assert sum(judgement.probabilities.values()) <= 1.001
    assert all(0 <= p <= 1 for p in judgement.probabilities.values())


def test_a_long_recording_is_judged_by_all_of_its_windows(engine):
    short = clip_at(CLIPS[0]).waveform[:45_000]
    other = clip_at(CLIPS[-1]).waveform[:45_000]
    long = np.concatenate([short, np.zeros(3000, np.float32)] * 6 + [other, np.zeros(3000, np.float32)] * 6)
    windows = cut_windows(long, window_s=engine.card.window_s, hop_s=engine.card.hop_s)

    together = engine.probabilities(long)

    # 23 windows: more than one batch, and the last batch not full.
    assert len(windows) == 23
    assert np.allclose(
        together, np.mean([engine.probabilities(window) for window in windows], axis=0), atol=1e-6
    )


def test_the_answer_says_which_seconds_were_decisive(engine):
    bearing, healthy = (clip_at(next(p for p in CLIPS if p.parent.name == s)) for s in ("bearing", "healthy"))
    silence = np.zeros(60_000, np.float32)
    late = np.concatenate([silence, silence, bearing.waveform])

    judgement = engine.judge(replace(bearing, waveform=late))
    short = engine.judge(healthy)

    start_s, end_s = judgement.decisive_s
    assert end_s - start_s == engine.card.window_s
    if judgement.verdict is Verdict.UNKNOWN:
        assert end_s <= 7.5
    else:
        assert (start_s, end_s) == (pytest.approx(late.size / 16_000 - 3), pytest.approx(late.size / 16_000))
    assert short.decisive_s == (0.0, 2.85)


def test_the_decisive_window_speaks_most_for_the_verdict():
    of_windows = np.array([[0.1, 0.7, 0.1, 0.1], [0.6, 0.2, 0.1, 0.1], [0.0, 0.1, 0.0, 0.9]])

    def decided(state):
        return engine_rule.Decision(Verdict.UNKNOWN if state is None else Verdict.ANOMALOUS, state, 1, 1)

    assert engine_rule.decisive_window(of_windows, CARD, decided("healthy")) == 0
    assert engine_rule.decisive_window(of_windows, CARD, decided("bearing")) == 1
    assert engine_rule.decisive_window(of_windows, CARD, decided(None)) == 2


@given(
    samples=st.integers(8_000, 200_000),
    window_s=st.sampled_from([1.0, 3.0]),
    hop_s=st.sampled_from([0.5, 1.5]),
)
def test_windows_are_those_of_the_training(samples, window_s, hop_s):
    waveform = np.arange(samples, dtype=np.float32)

    ours = cut_windows(waveform, window_s=window_s, hop_s=hop_s)

    assert np.array_equal(np.stack(ours), scoring.cut_windows(waveform, window_s=window_s, hop_s=hop_s))
    assert ours[-1][-1] == samples - 1


class Silent:
    """A session whose figures are no numbers."""

    def run(self, _outputs, inputs):
        return [np.full((len(inputs["waveform"]), len(CARD.classes)), np.nan, np.float32)]


def test_figures_that_are_no_numbers_are_no_verdict():
    clip = Clip(np.zeros(16_000, np.float32), ClipFacts(1.0, 16_000, 1, -20.0))

    with pytest.raises(ModelUnusableError):
        Engine(Silent(), CARD).judge(clip)


@pytest.mark.parametrize(
    ("p", "verdict", "state", "confidence"),
    [
        ([0.05, 0.90, 0.05, 0.00], Verdict.NORMAL, "healthy", 0.9),
        ([0.80, 0.10, 0.10, 0.00], Verdict.ANOMALOUS, "bearing", 0.9),
        # The fault is named even where the normal state is the likeliest single one.
        ([0.25, 0.45, 0.30, 0.00], Verdict.ANOMALOUS, "piston_ring", 0.55),
        ([0.30, 0.05, 0.05, 0.60], Verdict.UNKNOWN, None, 0.6),
        ([0.30, 0.35, 0.35, 0.00], Verdict.UNKNOWN, None, 0.65),
        # A sound that may be no machine's counts for neither side.
        ([0.00, 0.45, 0.00, 0.55], Verdict.NORMAL, "healthy", 1.0),
    ],
)
def test_the_rule_of_the_card(p, verdict, state, confidence):
    decision = decide(np.array(p), CARD)

    assert (decision.verdict, decision.state) == (verdict, state)
    assert decision.confidence == pytest.approx(confidence)


LOGITS = st.lists(st.floats(-1000, 1000, width=32), min_size=9, max_size=9)


@given(logits=LOGITS)
def test_the_service_decides_as_the_training_did(logits):
    ours, theirs = ModelCard.read(SHIPPED.with_suffix(".json")), training_card.read_card(SHIPPED)
    p = softmax(np.array([logits], np.float32), temperature=ours.temperature)
    if p[0, [i for i, name in enumerate(ours.classes) if name != "other"]].sum() == 0:
        return  # Their score divides by it; ours is pinned below.

    decision = decide(p[0], ours)

    verdicts = training_rule.judge(p, theirs)
    assert (decision.verdict is Verdict.UNKNOWN) == verdicts.is_unknown[0]
    assert (decision.verdict is Verdict.ANOMALOUS) == verdicts.is_anomalous[0]
    if decision.state is not None:
        assert decision.state == theirs.states[verdicts.state[0]]
    assert 0 <= decision.confidence <= 1
    assert math.isfinite(decision.anomaly_score)


def test_a_sound_that_is_certainly_no_machines_is_unknown():
    decision = decide(np.array([0.0, 0.0, 0.0, 1.0]), CARD)

    assert (decision.verdict, decision.state, decision.confidence) == (Verdict.UNKNOWN, None, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"thresholds": {"anomaly": 0.5, "unknown_confidence": 0.1}},
        {"normal_state": "fine"},
        {"temperature": 0},
        {"hop_s": 0},
        {"classes": None},
        {"sample_rate_hz": 44_100},
    ],
)
def test_a_card_that_does_not_fit_stops_the_start(tmp_path, change):
    card = json.loads(SHIPPED.with_suffix(".json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(card | change))
    (tmp_path / "model.onnx").write_bytes(SHIPPED.read_bytes())

    with pytest.raises(ModelUnusableError, match=r"model\."):
        Engine.load(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_broken_model_stops_the_start(tmp_path, content):
    (tmp_path / "model.json").write_bytes(SHIPPED.with_suffix(".json").read_bytes())
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(ModelUnusableError, match=r"model\.onnx"):
        Engine.load(tmp_path / "model.onnx")
