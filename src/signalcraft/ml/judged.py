"""What a model said of many clips, beside what they were: the ground of every figure."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from signalcraft.ml.card import Card
from signalcraft.ml.conditions import Condition, Heard
from signalcraft.ml.decision import Probabilities, anomaly_scores, judge, softmax
from signalcraft.ml.intervals import rate_of
from signalcraft.ml.mel import Waveform
from signalcraft.ml.scoring import ModelFile

# Neighbouring readings come from the same minute; so many are one block.
BLOCK_READINGS = 5


@dataclass(frozen=True)
class Judged:
    """Clips under one condition, each with the model's probabilities of the card's classes [clips, classes]."""

    condition: Condition
    heard: Sequence[Heard]
    probabilities: Probabilities
    card: Card

    @classmethod
    def by(cls, model: ModelFile, card: Card, condition: Condition, clips: Iterable[Heard]) -> "Judged":
        """Judge `clips` as the service does; their waveforms are not kept."""
        kept, probabilities = [], []
        for one in clips:
            probabilities.append(clip_probabilities(model, card, one.waveform))
            kept.append(Heard(one.clip, np.zeros(0, np.float32), one.noise))
        return cls(condition, kept, np.stack(probabilities), card)

    @property
    def truths(self) -> npt.NDArray[np.int64]:
        """The true class of each clip."""
        return np.asarray([self.card.classes.index(one.clip.state) for one in self.heard])

    def rates(self, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """Rates with intervals over readings, of all clips or of the `chosen`; a refused clip counts as wrong."""
        chosen = np.ones(len(self.heard), bool) if chosen is None else chosen
        verdicts, truths = judge(self.probabilities, self.card), self.truths
        named = np.asarray([self.card.classes.index(state) for state in self.card.states])[verdicts.state]
        is_healthy = truths == self.card.classes.index(self.card.normal_state)
        is_right = (named == truths) & ~verdicts.is_unknown
        is_normal = ~verdicts.is_unknown & ~verdicts.is_anomalous
        readings = [(one.clip.state, one.clip.reading) for one in self.heard]

        def rate(hits: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> dict[str, Any]:
            places = np.flatnonzero(among & chosen)
            return rate_of(hits[places], [readings[place] for place in places]).to_json()

        everywhere = np.ones(len(truths), bool)
        return {
            "state_accuracy": rate(is_right, everywhere),
            "refused": rate(verdicts.is_unknown, everywhere),
            "healthy_called_anomalous": rate(verdicts.is_anomalous, is_healthy),
            "faulty_called_normal": rate(is_normal, ~is_healthy),
        }

    def rates_by(self, part: Callable[[Heard], Hashable]) -> dict[str, dict[str, Any]]:
        """The rates of each part, in the order of the parts' names."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(self.heard):
            places[str(part(one))].append(place)
        result = {}
        for name in sorted(places):
            chosen = np.zeros(len(self.heard), bool)
            chosen[places[name]] = True
            result[name] = self.rates(chosen)
        return result

    def confidences(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """How sure the service would be of each verdict, and whether that verdict is true."""
        verdicts = judge(self.probabilities, self.card)
        scores = anomaly_scores(self.probabilities, self.card.classes, self.card.normal_state)
        is_healthy = self.truths == self.card.classes.index(self.card.normal_state)
        sure = np.where(verdicts.is_anomalous, scores, 1 - scores)
        judged = ~verdicts.is_unknown
        return sure[judged], (verdicts.is_anomalous != is_healthy)[judged]


def block_of(one: Heard) -> str:
    """The readings that the clip's reading belongs to, such as 151-155."""
    first = (one.clip.reading - 1) // BLOCK_READINGS * BLOCK_READINGS + 1
    return f"{first}-{first + BLOCK_READINGS - 1}"


def source_of(one: Heard) -> str:
    """The take that the clip was heard in, such as rain/1-17367."""
    return "clean" if one.noise is None else f"{one.noise.kind}/{one.noise.source}"


def clip_probabilities(model: ModelFile, card: Card, waveform: Waveform) -> npt.NDArray[np.float64]:
    """The clip's probabilities [classes], averaged over its windows."""
    logits = model.logits(waveform, window_s=card.window_s, hop_s=card.hop_s)
    return np.asarray(softmax(logits, card.temperature).mean(axis=0))


def expected_calibration_error(
    confidences: npt.NDArray[np.float64], hits: npt.NDArray[np.bool_], *, bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over equally wide bins of confidence.

    Source: Naeini, Cooper and Hauskrecht 2015.
    """
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = [abs(confidences[places == i].sum() - hits[places == i].sum()) for i in range(bins)]
    return round(float(sum(gaps)) / len(hits), 4)
