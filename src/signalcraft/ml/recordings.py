"""The recordings on disk: machine clips by state and reading number, noises by source."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from signalcraft.core.operator_error import OperatorError
from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform

# Two clips of the air compressor hold nothing but a silent cable; what can't be heard can't be learnt.
SILENCE_DBFS = -50.0


class CorpusUnusable(OperatorError):
    """The recordings can't be used; the message says which and why."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One reading of the machine in a known state."""

    path: Path
    state: str
    reading: int
    waveform: Waveform


@dataclass(frozen=True, eq=False)
class Noise:
    """One recording of something else; `source` is shared by all slices of the same take."""

    path: Path
    kind: str
    source: str
    waveform: Waveform


def read_clips(folder: Path) -> list[Clip]:
    """All audible readings below `folder`/<state>/…_<number>.flac, ordered by state and number.

    Raises CorpusUnusable if there are none, or if a file is not mono at 16 kHz.
    """
    paths = sorted(folder.glob("*/*.flac"))
    if not paths:
        raise CorpusUnusable(f"{folder} holds no recordings of the form <state>/<name>_<number>.flac")
    clips = [Clip(path, path.parent.name, _reading_number(path), read_waveform(path)) for path in paths]
    return [clip for clip in clips if level_dbfs(clip.waveform) > SILENCE_DBFS]


def read_noises(folder: Path) -> list[Noise]:
    """All noises below `folder`/…/<source>-<slice>.flac or <source>_<slice>.flac, ordered by kind and source.

    Raises CorpusUnusable if there are none, or if a file is not mono at 16 kHz.
    """
    paths = sorted(folder.rglob("*.flac"))
    if not paths:
        raise CorpusUnusable(f"{folder} holds no recordings (*.flac)")
    return [Noise(path, path.parent.name, _source(path), read_waveform(path)) for path in paths]


def read_waveform(path: Path) -> Waveform:
    """One file as float32, shape (samples,), full scale ±1; raises CorpusUnusable unless mono at 16 kHz."""
    waveform, sample_rate_hz = soundfile.read(path, dtype="float32")
    if sample_rate_hz != SAMPLE_RATE_HZ or waveform.ndim != 1:
        raise CorpusUnusable(f"{path} is not mono at {SAMPLE_RATE_HZ} Hz")
    return np.asarray(waveform, dtype=np.float32)


def level_dbfs(waveform: Waveform) -> float:
    """Root mean square in dB of full scale; -200 for digital silence."""
    power = float(np.dot(waveform, waveform)) / max(waveform.size, 1)
    return 10 * float(np.log10(max(power, 1e-20)))


def _reading_number(path: Path) -> int:
    number = path.stem.rpartition("_")[2]
    if not number.isdecimal():
        raise CorpusUnusable(f"{path} does not end in a reading number (reading_007.flac)")
    return int(number)


def _source(path: Path) -> str:
    """The take's name: the file's without its last part (1-17367-A → 1-17367, vacuuming_0_3 → vacuuming_0)."""
    stem = path.stem
    return stem[: max(stem.rfind("-"), stem.rfind("_"), 0)] or stem
