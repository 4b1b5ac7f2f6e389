"""A machine's baseline: fitted to its own normal clips, with a threshold from clips held out by time."""

from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.acoustics.embedding import Vectors
from signalcraft.acoustics.gaussians import PARTS, Gaussian
from signalcraft.acoustics.normality import NOISE_SNR_DB, NormalSound, heard_as
from signalcraft.acoustics.packing import pack, unpack
from signalcraft.acoustics.thresholds import Threshold, threshold_of

# Held out one after the other; in order of time, since neighbours sound alike.
_BLOCKS = 5
# Held-out clips are also heard in noise, at least so many copies, for the thresholds in noise.
_NOISY_HELD_OUT = 100
# Fewer held-out scores than that say nothing about an amount of noise; then the one for quiet holds.
_FEWEST_SCORES = 10
# A view whose held-out scores are all equal has no spread to divide by.
_LEAST_SPREAD = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a baseline says of clips.

    deviation: shape (clips,), 0 as usual, 1 at the threshold for quiet; anomalous from `limit` on, which is larger where
    the clip is heard in noise.
    """

    deviation: Vectors
    limit: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The normal sound, the usual surprise of each view, and a threshold for each amount of noise.

    centre, spread: shape (views,), by which surprises become comparable.
    """

    normal: NormalSound
    centre: Vectors
    spread: Vectors
    thresholds: tuple[Threshold, ...]

    @classmethod
    def fit(cls, vectors: Vectors, profiles: Vectors, *, false_alarm_rate: float) -> "Baseline":
        """Fit to the vectors of normal clips in order of time, shape (clips, SIZE)."""
        surprises, noise = _held_out(vectors, profiles)
        quiet = surprises[0]
        centre = np.median(quiet, axis=1)
        spread = np.maximum(1.4826 * np.median(np.abs(quiet.T - centre), axis=0), _LEAST_SPREAD)
        scores = [((one.T - centre) / spread).mean(axis=1) for one in surprises]
        in_quiet = threshold_of(scores[0], false_alarm_rate)
        thresholds = [in_quiet]
        everything, amounts = np.concatenate(scores), np.concatenate(noise)
        for amount in range(1, len(NOISE_SNR_DB)):
            found = everything[amounts == amount]
            if len(found) < _FEWEST_SCORES:
                thresholds.append(in_quiet)
            else:
                noisy = threshold_of(found, false_alarm_rate)
                thresholds.append(max(in_quiet, noisy, key=lambda one: one.limit))
        return cls(NormalSound.fit(vectors, profiles), centre, spread, tuple(thresholds))

    def to_bytes(self) -> bytes:
        """As it is stored."""
        gaussians = [gaussian for of_view in self.normal.gaussians for gaussian in of_view]
        return pack(
            {"thresholds": [astuple(threshold) for threshold in self.thresholds]},
            [self.centre, self.spread, *(array for gaussian in gaussians for array in gaussian.arrays())],
        )

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Baseline":
        """The reverse of `to_bytes`.

        Raises:
            ValueError: it is damaged.
        """
        header, (centre, spread, *parts) = unpack(stored)
        gaussians = [
            Gaussian.of_arrays(parts[start : start + PARTS]) for start in range(0, len(parts), PARTS)
        ]
        amounts = len(NOISE_SNR_DB)
        by_view = tuple(
            tuple(gaussians[first : first + amounts]) for first in range(0, len(gaussians), amounts)
        )
        thresholds = tuple(Threshold(*figures) for figures in header["thresholds"])
        return cls(NormalSound(by_view), centre.astype(np.float64), spread.astype(np.float64), thresholds)

    def score(self, vectors: Vectors) -> Scores:
        """How far each clip is from normal."""
        surprises, noise = self.normal.surprises(vectors)
        score = ((surprises.T - self.centre) / self.spread).mean(axis=1)
        quiet = self.thresholds[0]
        unit = quiet.limit - quiet.centre
        limits = np.array([threshold.limit for threshold in self.thresholds])[noise]
        return Scores((score - quiet.centre) / unit, (limits - quiet.centre) / unit)


def _held_out(vectors: Vectors, profiles: Vectors) -> tuple[list[Vectors], list[npt.NDArray[np.intp]]]:
    """Surprises (views, clips) of clips by baselines that have not learnt them, and the noise that explains them.

    One entry for each amount of noise that the held-out clips are heard in.
    """
    surprises: list[list[Vectors]] = [[] for _ in NOISE_SNR_DB]
    noise: list[list[npt.NDArray[np.intp]]] = [[] for _ in NOISE_SNR_DB]
    for block in np.array_split(np.arange(len(vectors)), _BLOCKS):
        normal = NormalSound.fit(np.delete(vectors, block, axis=0), profiles)
        for place, snr_db in enumerate(NOISE_SNR_DB):
            heard = heard_as(vectors[block], profiles, snr_db, _NOISY_HELD_OUT // _BLOCKS)
            found, explained = normal.surprises(heard)
            surprises[place].append(found)
            noise[place].append(explained)
    return [np.concatenate(one, axis=1) for one in surprises], [np.concatenate(one) for one in noise]
