"""How good baselines are on machines whose faults are known, fitted and judged exactly as the service does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signalcraft.acoustics.embedding import Vectors, embed
from signalcraft.acoustics.machine import Machine, learn
from signalcraft.ml.augmentation import mix_at_snr
from signalcraft.ml.conditions import audible_noise
from signalcraft.ml.intervals import rate_of
from signalcraft.ml.mel import Waveform
from signalcraft.ml.recordings import CorpusUnusable, Noise, level_dbfs, read_waveform

SNRS_DB: tuple[float | None, ...] = (None, 20.0, 10.0, 5.0, 0.0)
SEED = 597
# Quieter is refused by the service (`audio.checks`).
_SILENCE_DBFS = -80.0


@dataclass(frozen=True)
class EvaluatedMachine:
    """A machine's normal clips in order of time, and those of each of its faults."""

    name: str
    normal: Sequence[Waveform]
    faults: Mapping[str, Sequence[Waveform]]


def read_machines(folder: Path, normal: str | None = None) -> list[EvaluatedMachine]:
    """The states below `folder`/<state>/*.flac, in order of their names, which is taken for that of time.

    normal: the state that is the machine's normal; by default each is once the normal of a pretend machine, and all
    others are its faults. Raises CorpusUnusable if there are no two states, or not the one that is named.
    """
    states = {
        one.name: [
            waveform
            for path in sorted(one.glob("*.flac"))
            if level_dbfs(waveform := read_waveform(path)) > _SILENCE_DBFS
        ]
        for one in sorted(folder.iterdir())
        if one.is_dir()
    }
    names = list(states) if normal is None else [normal]
    if len(states) < 2 or not set(names) <= set(states):  # noqa: PLR2004 - a normal and a fault
        raise CorpusUnusable(f"{folder} holds no two folders of recordings, or none is called {normal}")
    return [
        EvaluatedMachine(
            f"{folder.name}/{name}", states[name], {other: states[other] for other in states if other != name}
        )
        for name in names
    ]


def evaluate_baselines(
    machines: Sequence[EvaluatedMachine],
    noises: Sequence[Noise],
    *,
    learnt: int = 40,
    skipped: int = 0,
    false_alarm_rate: float = 0.01,
) -> dict[str, Any]:
    """Each machine's figures, and their means over machines.

    noises: of kept-apart sources. learnt: so many of the first normal clips are learnt, in quiet. skipped: so many after
    them are left out; the rest are later normal clips.
    """
    by_machine = {
        machine.name: _evaluate_machine(machine, noises, learnt, skipped, false_alarm_rate)
        for machine in machines
        if len(machine.normal) > learnt + skipped
    }
    conditions = [_name(snr_db) for snr_db in SNRS_DB]
    means = {
        condition: {
            figure: round(float(np.mean([one[condition][figure] for one in by_machine.values()])), 4)
            for figure in ("auc", "false_alarms", "found")
        }
        for condition in conditions
        if by_machine
    }
    return {
        "learnt": learnt,
        "false_alarm_rate": false_alarm_rate,
        "machines": by_machine,
        "mean": means,
    }


def area_under_curve(normal: Vectors, faulty: Vectors) -> float:
    """The probability that a faulty clip scores higher than a normal one; ties count half (Mann and Whitney 1947)."""
    higher = np.searchsorted(np.sort(normal), faulty, side="left")
    equal = np.searchsorted(np.sort(normal), faulty, side="right") - higher
    return float((higher + equal / 2).mean() / len(normal))


def _evaluate_machine(
    machine: EvaluatedMachine, noises: Sequence[Noise], learnt: int, skipped: int, false_alarm_rate: float
) -> dict[str, Any]:
    vectors = np.stack([embed(clip) for clip in machine.normal[:learnt]])
    fitted, outliers = learn(vectors, {}, false_alarm_rate=false_alarm_rate, screened=True)
    rng = np.random.default_rng(SEED)
    figures: dict[str, Any] = {"outliers_left_out": int(outliers.sum())}
    for snr_db in SNRS_DB:
        figures[_name(snr_db)] = _under(fitted, machine, noises, snr_db, first=learnt + skipped, rng=rng)
    return figures


def _under(
    fitted: Machine,
    machine: EvaluatedMachine,
    noises: Sequence[Noise],
    snr_db: float | None,
    *,
    first: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    def scores(clips: Sequence[Waveform]) -> tuple[Vectors, Any]:
        found = fitted.baseline.score(np.stack([embed(_heard(clip, noises, snr_db, rng)) for clip in clips]))
        return found.deviation, found.deviation >= found.limit

    later, alarms = scores(machine.normal[first:])
    by_fault = {name: scores(clips) for name, clips in machine.faults.items()}
    areas = {name: round(area_under_curve(later, one), 4) for name, (one, _) in by_fault.items()}
    return {
        "auc": round(float(np.mean(list(areas.values()))), 4),
        "auc_by_fault": areas,
        "false_alarms": round(float(alarms.mean()), 4),
        "false_alarms_interval": rate_of(alarms, range(len(alarms))).to_json(),
        "found": round(float(np.mean([found.mean() for _, found in by_fault.values()])), 4),
    }


def _heard(
    clip: Waveform, noises: Sequence[Noise], snr_db: float | None, rng: np.random.Generator
) -> Waveform:
    if snr_db is None:
        return clip
    _, noise = audible_noise(noises, clip.size, rng)
    return np.clip(mix_at_snr(clip, noise, snr_db), -1, 1)


def _name(snr_db: float | None) -> str:
    return "clean" if snr_db is None else f"{snr_db:.0f} dB"
