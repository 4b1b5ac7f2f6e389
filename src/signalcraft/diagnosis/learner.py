"""Learning a machine's normal in an inference process, and judging by it."""

import os
from dataclasses import replace
from typing import Any

import numpy as np

from signalcraft.acoustics import embedding
from signalcraft.acoustics.machine import Machine, learn
from signalcraft.acoustics.version import EMBEDDING_VERSION
from signalcraft.audio.decode import Waveform
from signalcraft.diagnosis.judgement import Judgement
from signalcraft.diagnosis.learning import LearningTask, Learnt
from signalcraft.diagnosis.own_normal import Opinion, by_baseline


def learn_from(file: int) -> bytes:
    """Learn what the open file tells, put the baseline in its place, and return what else there is to say of it."""
    task = LearningTask.from_bytes(read_whole(file))
    vectors = embedding.from_bytes(b"".join(task.embeddings))
    named = {name: embedding.from_bytes(b"".join(clips)) for name, clips in task.named.items()}
    machine, outliers = learn(vectors, named, false_alarm_rate=task.false_alarm_rate, screened=task.screened)
    os.ftruncate(file, 0)
    os.pwrite(file, machine.to_bytes(), 0)
    found = [int(place) for place in np.flatnonzero(outliers)]
    return Learnt(b"", found, _quality(machine, vectors[~outliers])).told()


def with_embedding(judgement: Judgement, waveform: Waveform, baseline: bytes | None) -> Judgement:
    """The judgement with the clip's statistics, and by the device's own normal where there is one.

    Raises:
        ValueError: the baseline is of another version, or damaged.
    """
    vector = embedding.embed(waveform)
    judgement = replace(judgement, embedding=embedding.to_bytes(vector), embedding_version=EMBEDDING_VERSION)
    if baseline is None:
        return judgement
    machine = Machine.from_bytes(baseline)
    vectors = vector[np.newaxis]
    scores = machine.baseline.score(vectors)
    state = None if machine.states is None else machine.states.of(vectors)[0]
    return by_baseline(judgement, Opinion(float(scores.deviation[0]), float(scores.limit[0]), state))


def read_whole(file: int) -> bytes:
    """The content of an open file, wherever its position is."""
    return os.pread(file, os.fstat(file).st_size, 0)


def _quality(machine: Machine, vectors: embedding.Vectors) -> dict[str, Any]:
    levels_dbfs = 10 * np.log10(np.maximum(embedding.total_power(vectors), 1e-12))
    quiet = machine.baseline.thresholds[0]
    return {
        "clips": len(vectors),
        "level_dbfs": round(float(np.median(levels_dbfs)), 1),
        "level_spread_db": round(float(np.subtract(*np.percentile(levels_dbfs, [90, 10]))), 1),
        "counted_false_alarm_rate": round(quiet.counted_rate, 4),
    }
