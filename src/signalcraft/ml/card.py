"""The card beside a model: all that the service needs to judge with it, and all that a reader needs to trust it."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from signalcraft.core.operator_error import OperatorError

DECISION = (
    "p = mean over windows of softmax(logits / temperature). "
    "If p[other] >= thresholds.other, or the largest p of a state < thresholds.unknown_confidence: unknown. "
    "Else anomaly_score = 1 - p[normal_state] / (sum of p over the states); "
    "anomalous when anomaly_score >= thresholds.anomaly, otherwise normal."
)
LICENCE = (
    "The model was trained on the air compressor dataset, Copyright 2016 Nishchal K. Verma, R. K. Sevakula, S. Dixit "
    "and A. Salour, whose notice ships beside it (LICENSE-air-compressor-dataset.txt), and on noises of ESC-10 "
    "(K. J. Piczak, CC BY 3.0) and of CC0 recordings."
)
CITATION = (
    "Nishchal K. Verma, R. K. Sevakula, S. Dixit and A. Salour, Intelligent Condition Based Monitoring using Acoustic "
    "Signals for Air Compressors, IEEE Transactions on Reliability, vol. 65, no. 1, pp. 291-309, 2016."
)
LIMITS = (
    "One reciprocating air compressor, played through a loudspeaker and recorded again by one small microphone; each "
    "state was probably recorded in a session of its own, so the model may know sessions as well as states. A state "
    "of another machine, or of this one elsewhere, may be named wrongly: on another machine trust a baseline of its "
    "own, not this model. Nothing was learnt of refrigeration compressors."
)


class CardIncomplete(OperatorError):
    """The model's card lacks something; the message names it."""


@dataclass(frozen=True)
class Card:
    """The JSON beside `<name>.onnx`; `decision` says in words how the thresholds are used."""

    name: str
    version: str
    created: str
    sample_rate_hz: int
    window_s: float
    hop_s: float
    classes: list[str]
    normal_state: str
    temperature: float
    thresholds: dict[str, float]
    decision: str
    training: dict[str, Any]
    metrics: dict[str, Any]
    licence: str
    citation: str
    limits: str
    normal_spectrum: dict[str, Any]

    @property
    def states(self) -> list[str]:
        """The classes that are states of the machine, in the order of the logits."""
        return [name for name in self.classes if name != "other"]


def card_path(model: Path) -> Path:
    """Where the card of `model` stands."""
    return model.with_suffix(".json")


def read_card(model: Path) -> Card:
    """The card beside `model`; raises CardIncomplete if it is absent or lacks a field."""
    path = card_path(model)
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CardIncomplete(f"{path} can't be read as a model's card: {error}") from error
    names = [one.name for one in fields(Card)]
    missing = [name for name in names if name not in given]
    if missing:
        raise CardIncomplete(f"{path} lacks {', '.join(missing)}")
    return Card(**{name: given[name] for name in names})


def write_card(card: Card, model: Path) -> None:
    """Write `card` beside `model`."""
    card_path(model).write_text(
        json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
