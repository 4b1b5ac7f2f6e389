"""From recordings to a model file with its card, in one call: what `signalcraft model train` does."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from signalcraft.ml.calibration import calibrate
from signalcraft.ml.card import CITATION, DECISION, LICENCE, LIMITS, Card, read_card, write_card
from signalcraft.ml.checkpoint import Checkpoint
from signalcraft.ml.corpus import LAST_FITTED_READING, Corpus
from signalcraft.ml.evaluation import evaluate
from signalcraft.ml.export import export_onnx
from signalcraft.ml.mel import SAMPLE_RATE_HZ
from signalcraft.ml.normal_spectrum import normal_spectrum
from signalcraft.ml.scoring import ModelFile
from signalcraft.ml.training import Progress, Trained, TrainingSettings, train

NAME = "air_compressor"
NORMAL_STATE = "healthy"
WINDOW_S, HOP_S = 3.0, 1.5
CHECKPOINT = "training.checkpoint"


def train_model(
    corpus: Corpus,
    settings: TrainingSettings,
    out: Path,
    *,
    version: str,
    report: Callable[[Progress], None],
    earlier: Path | None = None,
) -> Card:
    """Train, export to `out`/air_compressor.onnx, calibrate, evaluate, and write the card beside it.

    A training that was stopped in `out` is gone on with. `earlier` is a model file, its card beside it, whose weights
    are gone on from.

    Raises CheckpointOfAnother if the training in `out` is another one.
    """
    provenance = _provenance(corpus, settings, earlier)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(out / CHECKPOINT, identity(provenance))
    trained = train(
        corpus.fitted, corpus.noises.training, settings, report, checkpoint=checkpoint, earlier=earlier
    )
    path = out / f"{NAME}.onnx"
    export_onnx(trained.network, path)
    model = ModelFile(path)
    card = calibrated_card(model, trained, corpus, seed=settings.seed, version=version, provenance=provenance)
    card.metrics.update(evaluate(model, card, corpus))
    write_card(card, path)
    checkpoint.remove()
    return card


def calibrated_card(
    model: ModelFile,
    trained: Trained,
    corpus: Corpus,
    *,
    seed: int,
    version: str,
    provenance: dict[str, Any],
) -> Card:
    """A card with temperature and thresholds, and without figures yet."""
    clips = [clip for clip in corpus.calibration if clip.state in trained.classes]
    noises = corpus.noises.calibration
    calibration = calibrate(model, trained.classes, NORMAL_STATE, clips, noises, window_s=WINDOW_S, seed=seed)
    took = {"epochs": trained.epochs, "minutes": round(trained.elapsed_s / 60, 1)}
    return Card(
        name=NAME,
        version=version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sample_rate_hz=SAMPLE_RATE_HZ,
        window_s=WINDOW_S,
        hop_s=HOP_S,
        classes=trained.classes,
        normal_state=NORMAL_STATE,
        temperature=calibration.temperature,
        thresholds=calibration.thresholds,
        decision=DECISION,
        training=provenance | {"settings": provenance["settings"] | took},
        metrics={},
        licence=LICENCE,
        citation=CITATION,
        limits=LIMITS,
        normal_spectrum=normal_spectrum(corpus.fitted, NORMAL_STATE),
    )


def identity(provenance: dict[str, Any]) -> str:
    """What two trainings must share for one to go on where the other stopped: all but their length."""
    settings = {
        name: value for name, value in provenance["settings"].items() if name not in {"epochs", "minutes"}
    }
    text = json.dumps(provenance | {"settings": settings}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _provenance(corpus: Corpus, settings: TrainingSettings, earlier: Path | None) -> dict[str, Any]:
    recorded = asdict(settings)
    augmentation = recorded.pop("augmentation")
    provenance: dict[str, Any] = {
        "data": {
            "clips": len(corpus.fitted),
            "readings": f"1-{LAST_FITTED_READING} of each state",
            "calibration_clips": len(corpus.calibration),
            "noises": len(corpus.noises.training),
            "noise_split": "by source within each kind: of eight, two validate, one calibrates, five train",
        },
        "hash": corpus.hash(),
        "seed": settings.seed,
        "settings": recorded,
        "augmentation": augmentation,
    }
    if earlier is not None:
        card = read_card(earlier)
        provenance["earlier"] = {
            "version": card.version,
            "sha256": hashlib.sha256(earlier.read_bytes()).hexdigest(),
            "training": card.training,
        }
    return provenance
