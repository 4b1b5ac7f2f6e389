"""The verdict by a machine's own normal. Knows no numerical library."""

from dataclasses import dataclass, replace

from signalcraft.core.language import Language
from signalcraft.diagnosis.judgement import Basis, Judgement, SecondOpinion, Verdict
from signalcraft.diagnosis.wording import message


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a baseline says of a clip.

    deviation: 0 as the machine usually sounds, 1 at the threshold in quiet. limit: anomalous from here on; above 1 where
    the clip is heard in noise. operating_state: None until states are named.
    """

    deviation: float
    limit: float
    operating_state: str | None


def by_baseline(reference: Judgement, opinion: Opinion) -> Judgement:
    """The baseline's verdict; the reference model's is a second opinion, if it knows the sound at all."""
    verdict = Verdict.ANOMALOUS if opinion.deviation >= opinion.limit else Verdict.NORMAL
    score, threshold = anomaly_score(opinion.deviation), anomaly_score(opinion.limit)
    second = (
        None
        if reference.verdict is Verdict.UNKNOWN
        else SecondOpinion(reference.verdict, reference.state, reference.confidence)
    )
    # Where the two disagree, the reference model's name for the state would contradict the verdict.
    state = reference.state if reference.verdict is verdict else None
    confidence = round(_confidence(score, threshold), 6)
    return replace(
        reference,
        basis=Basis.BASELINE,
        verdict=verdict,
        state=state,
        confidence=confidence,
        anomaly_score=score,
        threshold=threshold,
        message=message(Language.ENGLISH, verdict, state, confidence, Basis.BASELINE),
        second_opinion=second,
        operating_state=opinion.operating_state,
        deviation=round(opinion.deviation, 6),
    )


def anomaly_score(deviation: float) -> float:
    """A deviation on a scale from 0 to 1 that has 0.5 at the threshold in quiet, and never stops rising."""
    beyond = deviation - 1
    return round(0.5 + 0.5 * beyond / (1 + abs(beyond)), 9)


def _confidence(score: float, threshold: float) -> float:
    """0.5 at the threshold, 1 at either end of the scale: a distance, as no faults were heard to learn odds from."""
    if score >= threshold:
        return 0.5 + 0.5 * (score - threshold) / (1 - threshold)
    return 0.5 + 0.5 * (threshold - score) / threshold
