"""The recordings in their kept-apart parts.

Neighbouring readings come from the same minute and two slices of one noise from the same take, so nothing is ever
split at random: clips part by reading number, noises by source.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from signalcraft.ml.recordings import Clip, Noise, read_clips, read_noises

# Of the training readings 1-150 the last tenth chooses temperature and thresholds.
LAST_FITTED_READING = 135


@dataclass(frozen=True)
class NoiseSplit:
    """Noises kept apart by source: no take is in two of the parts."""

    training: list[Noise]
    calibration: list[Noise]
    validation: list[Noise]


@dataclass(frozen=True)
class Corpus:
    """Everything that is read from disk, in its kept-apart parts."""

    fitted: list[Clip]
    calibration: list[Clip]
    validation: list[Clip]
    noises: NoiseSplit

    @classmethod
    def read(cls, clips: Path, noises: Path, labelled: Path | None = None) -> "Corpus":
        """Read `clips`/train, `clips`/validation and the noises; raises CorpusUnusable if a part is empty.

        labelled: further clips, `train`/<state>/…_<number>.flac, and foreign sounds, `background`/…; all of them are
        only learnt, so that the thresholds and the figures rest on what they always rested on.
        """
        fitted, calibration = clips_up_to(read_clips(clips / "train"), LAST_FITTED_READING)
        noise_split = split_noises(read_noises(noises))
        if labelled is not None:
            fitted += read_clips(labelled / "train") if (labelled / "train").is_dir() else []
            if (labelled / "background").is_dir():
                noise_split.training.extend(read_noises(labelled / "background"))
        return cls(fitted, calibration, read_clips(clips / "validation"), noise_split)

    def hash(self) -> str:
        """SHA-256 of everything that training and calibration hear."""
        return corpus_hash([*self.fitted, *self.calibration, *self.noises.training, *self.noises.calibration])


def clips_up_to(clips: Iterable[Clip], last_reading: int) -> tuple[list[Clip], list[Clip]]:
    """Part clips by reading number: those up to `last_reading`, and the later ones."""
    clips = list(clips)
    return (
        [clip for clip in clips if clip.reading <= last_reading],
        [clip for clip in clips if clip.reading > last_reading],
    )


def split_noises(noises: Sequence[Noise]) -> NoiseSplit:
    """Part noises by source within each kind: of eight sources two validate, one calibrates and five train."""
    order: dict[str, dict[str, int]] = {}
    for noise in noises:
        sources = order.setdefault(noise.kind, {})
        sources.setdefault(noise.source, len(sources))
    turn = {id(noise): order[noise.kind][noise.source] % 8 for noise in noises}
    return NoiseSplit(
        training=[noise for noise in noises if turn[id(noise)] not in {0, 2, 4}],
        calibration=[noise for noise in noises if turn[id(noise)] == 2],  # noqa: PLR2004 – see the docstring
        validation=[noise for noise in noises if turn[id(noise)] in {0, 4}],
    )


def corpus_hash(recordings: Iterable[Clip | Noise]) -> str:
    """SHA-256 over every recording's file name and samples, in a fixed order."""
    digest = hashlib.sha256()
    for recording in sorted(recordings, key=lambda one: (one.path.parent.name, one.path.name)):
        digest.update(f"{recording.path.parent.name}/{recording.path.name}\0".encode())
        digest.update(recording.waveform.tobytes())
    return digest.hexdigest()
