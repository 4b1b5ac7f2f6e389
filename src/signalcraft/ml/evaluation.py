"""How good a model is, by block of readings and by source of noise, judged exactly as the service judges."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from signalcraft.ml.card import Card, read_card
from signalcraft.ml.conditions import SNRS_DB, Condition, heard
from signalcraft.ml.corpus import Corpus
from signalcraft.ml.decision import Probabilities, judge, softmax
from signalcraft.ml.mel import SAMPLE_RATE_HZ
from signalcraft.ml.recordings import Clip, Noise, read_noises
from signalcraft.ml.scoring import ModelFile

DURATIONS_S = (0.5, 1.0, 2.0)
SEED = 20161


@dataclass(frozen=True)
class ConditionResult:
    """Rates between 0 and 1 over `clips` judged clips; a clip refused as unknown counts as wrong."""

    snr_db: float | None
    duration_s: float | None
    elsewhere: bool
    clips: int
    state_accuracy: float
    refused: float
    healthy_called_anomalous: float
    faulty_called_normal: float


def evaluate(model: ModelFile, card: Card, corpus: Corpus, foreign: Path | None = None) -> dict[str, Any]:
    """All figures of the card: states in noise, foreign sounds, and what a clip costs."""
    sounds = {"kept_apart_noises": evaluate_foreign(model, card, corpus.noises.validation)}
    if foreign is not None:
        sounds[foreign.name] = evaluate_foreign(model, card, read_noises(foreign))
    return {
        "block_split": evaluate_states(model, card, corpus.validation, corpus.noises.validation),
        "foreign": sounds,
        "cpu_ms_for_3_s": cpu_ms(model),
    }


def evaluate_file(path: Path, corpus: Corpus, foreign: Path | None = None) -> dict[str, Any]:
    """The figures of a model on disk; raises CardIncomplete if its card can't be used."""
    return evaluate(ModelFile(path), read_card(path), corpus, foreign)


def evaluate_states(
    model: ModelFile, card: Card, clips: Sequence[Clip], noises: Sequence[Noise], *, draws: int = 3
) -> dict[str, Any]:
    """Every condition's rates, and the calibration error over all whole clips in noise."""
    conditions = [Condition(snr_db, elsewhere=elsewhere) for elsewhere in (False, True) for snr_db in SNRS_DB]
    conditions += [Condition(10.0, duration_s=duration_s) for duration_s in DURATIONS_S]
    results, all_probabilities, all_truths = [], [], []
    for turn, condition in enumerate(conditions):
        probabilities, truths = _probabilities(
            model, card, clips, noises, condition, draws=draws, seed=SEED + turn
        )
        results.append(asdict(_rates(condition, probabilities, truths, card)))
        if condition.duration_s is None:
            all_probabilities.append(probabilities)
            all_truths.append(truths)
    error = expected_calibration_error(np.concatenate(all_probabilities), np.concatenate(all_truths))
    return {"clips": len(clips), "draws": draws, "conditions": results, "expected_calibration_error": error}


def evaluate_foreign(model: ModelFile, card: Card, sounds: Sequence[Noise]) -> dict[str, Any]:
    """The share of foreign sounds that is refused as unknown, by kind and in all."""
    verdicts: dict[str, list[bool]] = {}
    for sound in sounds:
        logits = model.logits(sound.waveform, window_s=card.window_s, hop_s=card.hop_s)
        refused = judge(_averaged(logits, card), card).is_unknown[0]
        verdicts.setdefault(sound.kind, []).append(bool(refused))
    by_kind = {kind: {"sounds": len(ones), "refused": _rate(ones)} for kind, ones in sorted(verdicts.items())}
    return {
        "sounds": len(sounds),
        "refused": _rate([one for ones in verdicts.values() for one in ones]),
        "kinds": by_kind,
    }


def cpu_ms(model: ModelFile, *, duration_s: float = 3.0, times: int = 30) -> float:
    """Processor time to judge one clip of noise on one thread, the median of `times`."""
    waveform = np.random.default_rng(0).normal(0, 0.1, round(duration_s * SAMPLE_RATE_HZ)).astype(np.float32)
    spent = []
    for _ in range(times):
        before = time.process_time()
        model.logits(waveform, window_s=duration_s, hop_s=duration_s)
        spent.append(time.process_time() - before)
    return round(float(np.median(spent)) * 1000, 2)


def expected_calibration_error(
    probabilities: Probabilities, truths: npt.NDArray[np.int64], *, bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over equally wide bins of the largest probability.

    Source: Naeini, Cooper and Hauskrecht 2015.
    """
    confidences, hits = probabilities.max(axis=1), probabilities.argmax(axis=1) == truths
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = [abs(confidences[places == i].sum() - hits[places == i].sum()) for i in range(bins)]
    return round(float(sum(gaps)) / len(truths), 4)


def _probabilities(
    model: ModelFile,
    card: Card,
    clips: Sequence[Clip],
    noises: Sequence[Noise],
    condition: Condition,
    *,
    draws: int,
    seed: int,
) -> tuple[Probabilities, npt.NDArray[np.int64]]:
    probabilities, truths = [], []
    for clip, waveform in heard(clips, noises, condition, draws=draws, seed=seed):
        probabilities.append(
            _averaged(model.logits(waveform, window_s=card.window_s, hop_s=card.hop_s), card)
        )
        truths.append(card.classes.index(clip.state))
    return np.concatenate(probabilities), np.asarray(truths)


def _averaged(logits: npt.NDArray[np.float32], card: Card) -> Probabilities:
    """The clip's probabilities [1, classes] from its windows' logits."""
    return np.asarray(softmax(logits, card.temperature).mean(axis=0, keepdims=True))


def _rates(
    condition: Condition, probabilities: Probabilities, truths: npt.NDArray[np.int64], card: Card
) -> ConditionResult:
    verdicts = judge(probabilities, card)
    named = np.asarray([card.classes.index(state) for state in card.states])[verdicts.state]
    is_healthy = truths == card.classes.index(card.normal_state)
    is_normal = ~verdicts.is_unknown & ~verdicts.is_anomalous
    return ConditionResult(
        snr_db=condition.snr_db,
        duration_s=condition.duration_s,
        elsewhere=condition.elsewhere,
        clips=len(truths),
        state_accuracy=_rate((named == truths) & ~verdicts.is_unknown),
        refused=_rate(verdicts.is_unknown),
        healthy_called_anomalous=_rate(verdicts.is_anomalous[is_healthy]),
        faulty_called_normal=_rate(is_normal[~is_healthy]),
    )


def _rate(truths: npt.ArrayLike) -> float:
    return round(float(np.mean(np.asarray(truths, dtype=float))), 4)
