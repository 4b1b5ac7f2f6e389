"""From recordings to a model file with its card, in one call: what `signalcraft model train` does."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from signalcraft.ml.calibration import calibrate
from signalcraft.ml.card import CITATION, DECISION, LICENCE, LIMITS, Card, write_card
from signalcraft.ml.corpus import LAST_FITTED_READING, Corpus
from signalcraft.ml.evaluation import evaluate
from signalcraft.ml.export import export_onnx
from signalcraft.ml.mel import SAMPLE_RATE_HZ
from signalcraft.ml.scoring import ModelFile
from signalcraft.ml.training import Progress, TrainingSettings, train

NAME = "air_compressor"
NORMAL_STATE = "healthy"
WINDOW_S, HOP_S = 3.0, 1.5


def train_model(
    corpus: Corpus, settings: TrainingSettings, out: Path, version: str, report: Callable[[Progress], None]
) -> Card:
    """Train, export to `out`/air_compressor.onnx, calibrate, evaluate, and write the card beside it."""
    trained = train(corpus.fitted, corpus.noises.training, settings, report)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}.onnx"
    export_onnx(trained.network, path)
    model = ModelFile(path)
    calibration = calibrate(
        model,
        trained.classes,
        NORMAL_STATE,
        corpus.calibration,
        corpus.noises.calibration,
        window_s=WINDOW_S,
        seed=settings.seed,
    )
    card = Card(
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
        training=_provenance(corpus, settings, trained.epochs),
        metrics={},
        licence=LICENCE,
        citation=CITATION,
        limits=LIMITS,
    )
    card.metrics.update(evaluate(model, card, corpus))
    write_card(card, path)
    return card


def _provenance(corpus: Corpus, settings: TrainingSettings, epochs: int) -> dict[str, Any]:
    recorded = asdict(settings) | {"epochs": epochs}
    augmentation = recorded.pop("augmentation")
    return {
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
