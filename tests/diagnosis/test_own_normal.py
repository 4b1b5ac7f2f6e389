"""The verdict by a machine's own normal, from a deviation alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.audio.facts import ClipFacts
from signalcraft.diagnosis.judgement import Basis, Judgement, ModelIdentity, SecondOpinion, Verdict
from signalcraft.diagnosis.learning import LearningTask, Learnt
from signalcraft.diagnosis.normal_spectrum import NormalSpectrum
from signalcraft.diagnosis.own_normal import Opinion, anomaly_score, by_baseline


def reference(verdict: Verdict = Verdict.UNKNOWN, state: str | None = None) -> Judgement:
    return Judgement(
        verdict=verdict,
        state=state,
        probabilities={"healthy": 0.1, "bearing": 0.9},
        confidence=0.9,
        anomaly_score=0.9,
        threshold=0.5,
        message="",
        decisive_s=(0.0, 1.0),
        model=ModelIdentity("m", "1"),
        audio=ClipFacts(1.0, 16_000, 1, -10.0),
        inference_ms=1.0,
        spectrum_dbfs=(-20.0, -30.0),
        normal=NormalSpectrum((1.0, -1.0), (2.0, 2.0)),
        embedding=b"\x00\xff",
        embedding_version=1,
    )


@given(st.floats(-1e3, 1e3), st.floats(1, 100))
def test_score_and_threshold_tell_the_verdict(deviation, limit):
    judged = by_baseline(reference(), Opinion(deviation, limit, None))

    assert judged.basis is Basis.BASELINE
    assert (judged.verdict is Verdict.ANOMALOUS) == (deviation >= limit)
    if abs(deviation - limit) > 1e-3:
        assert (judged.anomaly_score >= judged.threshold) == (deviation >= limit)
    assert 0 <= judged.anomaly_score <= 1
    assert 0.5 <= judged.confidence <= 1
    assert judged.message.endswith(".")


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, unique_by=lambda one: round(one, 1)))
def test_the_scale_never_stops_rising(deviations):
    scores = [anomaly_score(one) for one in sorted(deviations)]

    assert scores == sorted(set(scores))
    assert anomaly_score(1) == 0.5


def test_the_reference_model_is_heard_only_where_it_knows_the_sound():
    faulty = Opinion(3.0, 1.0, "run")

    unknown = by_baseline(reference(), faulty)
    agreeing = by_baseline(reference(Verdict.ANOMALOUS, "bearing"), faulty)
    contradicting = by_baseline(reference(Verdict.NORMAL, "healthy"), faulty)

    assert (unknown.second_opinion, unknown.state) == (None, None)
    assert agreeing.state == "bearing"
    assert "bearing" in agreeing.message
    assert contradicting.state is None
    assert contradicting.second_opinion == SecondOpinion(Verdict.NORMAL, "healthy", 0.9)
    assert {one.operating_state for one in (unknown, agreeing, contradicting)} == {"run"}


@pytest.mark.parametrize(
    "judgement", [reference(), by_baseline(reference(Verdict.NORMAL, "x"), Opinion(0, 1, "a"))]
)
def test_it_travels_as_it_is(judgement):
    assert Judgement.from_json(judgement.to_json()) == judgement


@given(
    clips=st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=5),
    named=st.dictionaries(
        st.text(min_size=1), st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=3)
    ),
    screened=st.booleans(),
)
def test_what_is_to_be_learnt_travels_as_it_is(clips, named, screened):
    task = LearningTask(0.01, clips, named, screened=screened)

    assert LearningTask.from_bytes(task.to_bytes()) == task


def test_what_was_learnt_travels_as_it_is():
    learnt = Learnt(b"machine", [1, 2], {"clips": 18})

    assert Learnt.of(learnt.told(), b"machine") == learnt
