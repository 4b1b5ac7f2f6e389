"""From logits to verdicts, for many clips at once: the card's rule, as the service follows it clip by clip."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.ml.card import Card

Probabilities = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Verdicts:
    """One entry a clip: refused as unknown, called anomalous, and the state named (an index into the card's states)."""

    is_unknown: Truths
    is_anomalous: Truths
    state: npt.NDArray[np.int64]


def softmax(logits: npt.NDArray[np.floating], temperature: float) -> Probabilities:
    """Probabilities [clips, classes]."""
    scaled = np.asarray(logits, np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def anomaly_scores(probabilities: Probabilities, classes: list[str], normal_state: str) -> Scores:
    """One minus the share of the normal state in all states, [clips]; one where nothing is left to the states."""
    of_states = probabilities[:, [i for i, name in enumerate(classes) if name != "other"]].sum(axis=1)
    of_normal = probabilities[:, classes.index(normal_state)]
    return np.asarray(1 - np.divide(of_normal, of_states, out=np.zeros_like(of_states), where=of_states > 0))


def judge(probabilities: Probabilities, card: Card) -> Verdicts:
    """Apply the card's thresholds to the clips' probabilities [clips, classes]."""
    of_states = probabilities[:, [card.classes.index(name) for name in card.states]]
    is_unknown = of_states.max(axis=1) < card.thresholds["unknown_confidence"]
    if "other" in card.classes:
        is_unknown |= probabilities[:, card.classes.index("other")] >= card.thresholds["other"]
    is_anomalous = (
        anomaly_scores(probabilities, card.classes, card.normal_state) >= card.thresholds["anomaly"]
    )
    normal = card.states.index(card.normal_state)
    faults_only = of_states.copy()
    faults_only[:, normal] = -1
    state = np.where(is_anomalous, faults_only.argmax(axis=1), normal)
    return Verdicts(is_unknown, is_anomalous & ~is_unknown, state)
