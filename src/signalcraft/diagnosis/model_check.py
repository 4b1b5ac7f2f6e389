"""Is a model fit to judge? Run as `python -m signalcraft.diagnosis.model_check MODEL CLIPS`; prints a JSON report.

It runs in a process of its own under limits of memory (here) and of time (`registry.checking`): a model that crashes or
never ends is found here and not by the inference processes.
"""

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from signalcraft.audio.decode import SAMPLE_RATE_HZ, Clip, decode
from signalcraft.diagnosis.card import ModelUnusableError
from signalcraft.diagnosis.engine import Engine
from signalcraft.diagnosis.judgement import Verdict

_MEMORY_LIMIT_BYTES = 1024**3
# What a reader needs to trust a model, beside what the engine needs to run it.
_CARD_FIELDS = ("created", "decision", "training", "metrics", "licence", "citation", "limits")
# In a batch a waveform may be summed in another order than alone.
_TOLERANCE = 1e-3
_DURATIONS_S = (0.5, 1.0, 2.9, 10.0)
# So many clips of each verdict at least, or nothing is known of it.
_FEWEST_CLIPS = 2


def check(model: Path, clips: Path) -> dict[str, Any]:
    """All checks of the model at `model`, in order; those that need its figures only when it gives some."""
    card: dict[str, Any] = {}
    checks = []
    try:
        engine = Engine.load(model)
        card = json.loads(model.with_suffix(".json").read_bytes())
        checks.append(_result("loads", None))
        checks.append(_result("card", _check_card(card)))
        checks.append(_result("outputs", _check_outputs(engine)))
        if checks[-1]["is_passed"]:
            checks.append(_result("front end", _check_front_end(engine, card)))
            checks.append(_result("self-test", _check_verdicts(engine, clips)))
    except ModelUnusableError as error:
        checks.append(_result("loads", str(error)))
    return {
        "name": str(card.get("name", "")),
        "version": str(card.get("version", "")),
        "card": card,
        "checks": checks,
    }


def _check_card(card: dict[str, Any]) -> str | None:
    missing = [name for name in _CARD_FIELDS if not card.get(name)]
    return f"the card lacks {', '.join(missing)}" if missing else None


def _check_outputs(engine: Engine) -> str | None:
    """Figures for clips of any length, the same alone and in a batch, also for silence and for full scale."""
    rng = np.random.default_rng(0)
    for duration_s in _DURATIONS_S:
        samples = round(duration_s * SAMPLE_RATE_HZ)
        two = rng.normal(0, 0.05, (2, samples)).astype(np.float32)
        together = engine.logits(two)
        if together.shape != (2, len(engine.card.classes)):
            return f"logits of shape {together.shape} for two clips and {len(engine.card.classes)} classes"
        if np.abs(engine.logits(two[:1]) - together[:1]).max() > _TOLERANCE:
            return f"a clip of {duration_s} s is judged differently in a batch than alone"
    for name, wave in (
        ("silence", np.zeros(48_000)),
        ("a full-scale square wave", np.sign(np.sin(np.arange(48_000)))),
    ):
        if not np.isfinite(engine.logits(wave.astype(np.float32)[np.newaxis])).all():
            return f"figures that are no numbers for {name}"
    return None


def _check_front_end(engine: Engine, card: dict[str, Any]) -> str | None:
    """The log-mel inside the file equals one that is computed here from the card's settings."""
    settings = card.get("training", {}).get("settings", {}).get("mel")
    if settings is None:
        return "the card does not tell the front end's settings (training.settings.mel)"
    from signalcraft.diagnosis.reference_mel import log_mel  # noqa: PLC0415 - only a model that loads gets here

    waveform = np.random.default_rng(1).normal(0, 0.05, 32_000).astype(np.float32)
    try:
        found = engine.log_mel(waveform)
    except ModelUnusableError as absent:
        return str(absent)
    wanted = log_mel(waveform, settings)
    if found.shape != wanted.shape:
        return f"a log-mel of shape {found.shape}, where the card's settings give {wanted.shape}"
    difference = float(np.abs(found - wanted).max())
    return f"its log-mel is off by up to {difference:.2g}" if difference > _TOLERANCE else None


def _check_verdicts(engine: Engine, folder: Path) -> str | None:
    """Clips of known states get the verdict that everybody would give them, and the state by its name."""
    counts = dict.fromkeys((Verdict.NORMAL, Verdict.ANOMALOUS), 0)
    wrong = []
    for state, name, clip in _clips(folder):
        if state not in engine.card.classes:
            continue
        wanted = Verdict.NORMAL if state == engine.card.normal_state else Verdict.ANOMALOUS
        counts[wanted] += 1
        judgement = engine.judge(clip)
        if (judgement.verdict, judgement.state) != (wanted, state):
            wrong.append(f"{state}/{name} → {judgement.verdict.value} {judgement.state or ''}".strip())
    if min(counts.values()) < _FEWEST_CLIPS:
        return f"{folder} holds too few clips of this model's states (at least {_FEWEST_CLIPS} normal and as many faulty)"
    return f"{len(wrong)} of {sum(counts.values())} clips wrong: {'; '.join(wrong[:5])}" if wrong else None


def _clips(folder: Path) -> Iterator[tuple[str, str, Clip]]:
    for path in sorted(folder.glob("*/*.flac")):
        with path.open("rb") as file:
            yield path.parent.name, path.stem, decode(file.fileno())


def _result(name: str, problem: str | None) -> dict[str, Any]:
    return {"check": name, "is_passed": problem is None, "found": problem or "as it should be"}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps(check(Path(sys.argv[1]), Path(sys.argv[2]))))  # noqa: T201 - its answer
