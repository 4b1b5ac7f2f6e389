"""How good a model is, by block of readings and by source of noise, judged exactly as the service judges."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from signalcraft.ml.card import Card, read_card
from signalcraft.ml.conditions import SNRS_DB, Condition, heard
from signalcraft.ml.corpus import Corpus
from signalcraft.ml.decision import judge
from signalcraft.ml.intervals import rate_of
from signalcraft.ml.judged import (
    Judged,
    block_of,
    clip_probabilities,
    expected_calibration_error,
    source_of,
)
from signalcraft.ml.mel import SAMPLE_RATE_HZ
from signalcraft.ml.recordings import Clip, Noise, read_noises
from signalcraft.ml.scoring import ModelFile

DURATIONS_S = (0.5, 1.0, 2.0, 10.0)
DRAWS = 3
SEED = 20161
CONDITIONS = (
    *(Condition(snr_db, elsewhere=elsewhere) for elsewhere in (False, True) for snr_db in SNRS_DB),
    *(Condition(snr_db, duration_s, elsewhere=True) for duration_s in DURATIONS_S for snr_db in SNRS_DB),
)

Report = Callable[[int, int], None]


def _silent(_done: int, _total: int) -> None:
    """Report nothing."""


def evaluate(
    model: ModelFile,
    card: Card,
    corpus: Corpus,
    foreign: Path | None = None,
    report: Report = _silent,
) -> dict[str, Any]:
    """All figures of the card: states in noise, foreign sounds, and what a clip costs.

    `report` is called after each condition with how many are done, and of how many.
    """
    sounds = {"kept_apart_noises": evaluate_foreign(model, card, corpus.noises.validation)}
    if foreign is not None:
        sounds[foreign.name] = evaluate_foreign(model, card, read_noises(foreign))
    return {
        "block_split": evaluate_states(model, card, corpus.validation, corpus.noises.validation, report),
        "foreign": sounds,
        "cpu_ms_for_3_s": cpu_ms(model),
    }


def evaluate_file(
    path: Path, corpus: Corpus, foreign: Path | None = None, report: Report = _silent
) -> dict[str, Any]:
    """The figures of a model on disk; raises CardIncomplete if its card can't be used."""
    return evaluate(ModelFile(path), read_card(path), corpus, foreign, report)


def evaluate_states(
    model: ModelFile,
    card: Card,
    clips: Sequence[Clip],
    noises: Sequence[Noise],
    report: Report = _silent,
) -> dict[str, Any]:
    """Every condition's rates, their parts at 0 dB by block and by source, and the calibration error."""
    judged = []
    for turn, condition in enumerate(CONDITIONS):
        # The draws of short and long clips are fewer, for they are many conditions.
        draws = DRAWS if condition.duration_s is None else 1
        judged.append(
            Judged.by(model, card, condition, heard(clips, noises, condition, draws=draws, seed=SEED + turn))
        )
        report(turn + 1, len(CONDITIONS))
    hardest = next(one for one in judged if one.condition == Condition(0.0, elsewhere=True))
    return {
        "clips": len(clips),
        "draws": DRAWS,
        "conditions": [_described(one.condition) | one.rates() for one in judged],
        "at_0_db_by_block": hardest.rates_by(block_of),
        "at_0_db_by_source": hardest.rates_by(source_of),
        "at_0_db_by_state": hardest.rates_by(lambda one: one.clip.state),
        **_calibration(judged),
    }


def evaluate_foreign(model: ModelFile, card: Card, sounds: Sequence[Noise]) -> dict[str, Any]:
    """The share of foreign sounds that is refused as unknown, by kind and in all; intervals over sources."""
    probabilities = np.stack([clip_probabilities(model, card, sound.waveform) for sound in sounds])
    is_refused = judge(probabilities, card).is_unknown
    sources = [(sound.kind, sound.source) for sound in sounds]
    kinds = {}
    for kind in sorted({sound.kind for sound in sounds}):
        places = [place for place, sound in enumerate(sounds) if sound.kind == kind]
        kinds[kind] = rate_of(is_refused[places], [sources[place] for place in places]).to_json()
    return {"sounds": len(sounds), "refused": rate_of(is_refused, sources).to_json(), "kinds": kinds}


def cpu_ms(model: ModelFile, *, duration_s: float = 3.0, times: int = 60) -> float:
    """Processor time to judge one clip of noise on one thread, the median of `times`."""
    waveform = np.random.default_rng(0).normal(0, 0.1, round(duration_s * SAMPLE_RATE_HZ)).astype(np.float32)
    spent = []
    for _ in range(times):
        before = time.process_time()
        model.logits(waveform, window_s=duration_s, hop_s=duration_s)
        spent.append(time.process_time() - before)
    return round(float(np.median(spent)) * 1000, 2)


def _described(condition: Condition) -> dict[str, Any]:
    return {
        "snr_db": condition.snr_db,
        "duration_s": condition.duration_s,
        "elsewhere": condition.elsewhere,
    }


def _calibration(judged: Sequence[Judged]) -> dict[str, Any]:
    """Calibration errors: of the class's probability and of the verdict's confidence, of whole and of all clips."""
    result = {}
    for name, chosen in (
        ("whole_clips", [one for one in judged if one.condition.duration_s is None]),
        ("all_lengths", [one for one in judged if one.condition.elsewhere]),
    ):
        probabilities = np.concatenate([one.probabilities for one in chosen])
        truths = np.concatenate([one.truths for one in chosen])
        sure, is_true = (
            np.concatenate(parts) for parts in zip(*(one.confidences() for one in chosen), strict=True)
        )
        result[name] = {
            "of_state": expected_calibration_error(
                probabilities.max(axis=1), probabilities.argmax(axis=1) == truths
            ),
            "of_verdict": expected_calibration_error(sure, is_true),
        }
    return {"expected_calibration_error": result}
