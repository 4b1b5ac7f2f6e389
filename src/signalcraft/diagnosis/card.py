"""The JSON card beside a model: what the engine must know to judge with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from signalcraft.audio.bands import BANDS
from signalcraft.diagnosis.normal_spectrum import NormalSpectrum

SHIPPED_MODEL = "air_compressor.onnx"
# The class of sounds that are no machine's.
OTHER = "other"
_THRESHOLDS = ("anomaly", "unknown_confidence")


class ModelUnusableError(Exception):
    """A model or its card can't be used; the message says which file and why."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The part of the card that judging needs; the rest of it is for people.

    classes: in the order of the logits; with or without `other`. window_s, hop_s: a longer clip is judged in windows.
    normal: the normal state's spectrum; None where the card does not tell it. thresholds: `anomaly`, `unknown_confidence` and, where there is a class `other`, `other`; all are probabilities.
    """

    name: str
    version: str
    sample_rate_hz: int
    window_s: float
    hop_s: float
    classes: tuple[str, ...]
    normal_state: str
    temperature: float
    thresholds: dict[str, float]
    normal: NormalSpectrum | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The card at `path`.

        Raises:
            ModelUnusableError: it can't be read, or something is missing in it.
        """
        try:
            return cls._of(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelUnusableError(f"{path} is no usable model card: {error!r}") from error

    @classmethod
    def _of(cls, given: dict[str, Any]) -> Self:
        card = cls(
            name=str(given["name"]),
            version=str(given["version"]),
            sample_rate_hz=int(given["sample_rate_hz"]),
            window_s=float(given["window_s"]),
            hop_s=float(given["hop_s"]),
            classes=tuple(given["classes"]),
            normal_state=str(given["normal_state"]),
            temperature=float(given["temperature"]),
            thresholds={name: float(value) for name, value in given["thresholds"].items()},
            normal=_normal(given.get("normal_spectrum")),
        )
        needed = _THRESHOLDS + ((OTHER,) if OTHER in card.classes else ())
        missing = [name for name in needed if name not in card.thresholds]
        if missing:
            raise ValueError(f"thresholds lack {', '.join(missing)}")
        if card.normal_state not in card.classes:
            raise ValueError(f"the classes lack the normal state {card.normal_state}")
        if not (card.window_s > 0 and card.hop_s > 0 and card.temperature > 0):
            raise ValueError("window_s, hop_s and temperature must be above 0")
        return card


def _normal(given: dict[str, Any] | None) -> NormalSpectrum | None:
    if given is None:
        return None
    normal = NormalSpectrum(
        tuple(float(level) for level in given["mean_db"]),
        tuple(float(spread) for spread in given["spread_db"]),
    )
    if {len(normal.mean_db), len(normal.spread_db)} != {BANDS}:
        raise ValueError(f"normal_spectrum must have {BANDS} bands")
    return normal
