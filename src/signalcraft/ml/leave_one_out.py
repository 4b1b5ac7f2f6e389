"""Faults that training never heard: one network for each fault, trained without it, hears it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from signalcraft.ml.card import Card
from signalcraft.ml.conditions import Condition, Heard, heard
from signalcraft.ml.corpus import Corpus
from signalcraft.ml.decision import Probabilities, judge
from signalcraft.ml.evaluation import SEED
from signalcraft.ml.export import export_onnx
from signalcraft.ml.intervals import rate_of
from signalcraft.ml.judged import clip_probabilities
from signalcraft.ml.recordings import CorpusUnusable
from signalcraft.ml.scoring import ModelFile
from signalcraft.ml.training import Progress, TrainingSettings, train
from signalcraft.ml.workflow import NORMAL_STATE, calibrated_card

DRAWS = 4
SNRS_DB = (None, 10.0)


def leave_one_out(
    corpus: Corpus,
    settings: TrainingSettings,
    report: Callable[[str, Progress], None],
    faults: list[str] | None = None,
) -> dict[str, Any]:
    """For each fault: how often its kept-apart readings are called anomalous, unknown or normal.

    faults: all but the normal state if none are given. Weights of an earlier model would know the fault, so each
    network starts from nothing.

    Raises CorpusUnusable if there are fewer than two faults: without the only one there is nothing to tell apart.
    """
    states = sorted({clip.state for clip in corpus.fitted} - {NORMAL_STATE})
    if len(states) < 2:  # noqa: PLR2004 – see the docstring
        raise CorpusUnusable("Leaving a fault out needs recordings of at least two faults")
    results = {}
    for fault in faults or states:
        fitted = [clip for clip in corpus.fitted if clip.state != fault]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            trained = train(fitted, corpus.noises.training, settings, partial(report, fault))
            export_onnx(trained.network, path)
            model = ModelFile(path)
        card = calibrated_card(
            model,
            trained,
            corpus,
            seed=settings.seed,
            version=f"without {fault}",
            provenance={"settings": {}},
        )
        results[fault] = _unheard(model, card, corpus, fault)
    return {"epochs": settings.epochs, "draws": DRAWS, "faults": results}


def _unheard(model: ModelFile, card: Card, corpus: Corpus, fault: str) -> dict[str, Any]:
    clips = [clip for clip in corpus.validation if clip.state == fault]
    healthy = [clip for clip in corpus.validation if clip.state == NORMAL_STATE]
    result = {}
    for snr_db in SNRS_DB:
        condition = Condition(snr_db, elsewhere=True)
        name = "clean" if snr_db is None else f"{snr_db:.0f}_db"
        ones = [*heard(clips, corpus.noises.validation, condition, draws=DRAWS, seed=SEED)]
        verdicts = judge(_probabilities(model, card, ones), card)
        readings = [one.clip.reading for one in ones]
        is_normal = ~verdicts.is_unknown & ~verdicts.is_anomalous
        normal = [*heard(healthy, corpus.noises.validation, condition, draws=DRAWS, seed=SEED)]
        of_healthy = judge(_probabilities(model, card, normal), card)
        result[name] = {
            "anomalous": rate_of(verdicts.is_anomalous, readings).to_json(),
            "unknown": rate_of(verdicts.is_unknown, readings).to_json(),
            "normal": rate_of(is_normal, readings).to_json(),
            "healthy_not_called_normal": rate_of(
                of_healthy.is_anomalous | of_healthy.is_unknown, [one.clip.reading for one in normal]
            ).to_json(),
        }
    return result


def _probabilities(model: ModelFile, card: Card, ones: list[Heard]) -> Probabilities:
    return np.stack([clip_probabilities(model, card, one.waveform) for one in ones])
