"""Which operating state a clip is of: running, resting, off, as an engineer has named them with a few clips."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from signalcraft.acoustics.embedding import Vectors
from signalcraft.acoustics.gaussians import PARTS, Gaussian
from signalcraft.acoustics.noise import heard_in_noise
from signalcraft.acoustics.packing import pack, unpack
from signalcraft.acoustics.views import levels, lines

# The named clips are also heard in noise.
_NOISE_SNR_DB = (6.0, 30.0)
_NOISY_CLIPS = 60
# A clip is taken as heard in noise only where that explains it better by so much for each feature: from a handful of
# clips, a state that varies much would else explain another one as itself in noise. Of 0, 2, 5, 10 and 20 the best.
_NOISE_EVIDENCE = 20.0
# A state that hardly varies is known by that. Of 0.2, 0.3, 0.4, 0.5 and 1 dB the best over all states together.
_LEAST_DEVIATION_DB = 0.3
_SHRINKAGE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class OperatingStates:
    """A Gaussian for each state in quiet and in noise (quadratic discriminant): states differ in how much they vary."""

    names: tuple[str, ...]
    quiet: tuple[Gaussian, ...]
    noisy: tuple[Gaussian, ...]

    @classmethod
    def fit(cls, named: Mapping[str, Vectors], profiles: Vectors) -> "OperatingStates":
        """Fit to the vectors of each state's clips, each of shape (clips, SIZE)."""
        quiet, noisy = [], []
        for vectors in named.values():
            copies = -(-_NOISY_CLIPS // len(vectors))
            quiet.append(_gaussian(vectors))
            in_noise = heard_in_noise(vectors, profiles, snr_db=_NOISE_SNR_DB, copies=copies)
            noisy.append(_gaussian(in_noise))
        return cls(tuple(named), tuple(quiet), tuple(noisy))

    def of(self, vectors: Vectors) -> list[str]:
        """The most likely state of each clip."""
        features = _features(vectors)
        quiet = np.stack([gaussian.surprise(features) for gaussian in self.quiet])
        noisy = np.stack([gaussian.surprise(features) for gaussian in self.noisy])
        evidence = (quiet.min(axis=0) - noisy.min(axis=0)) / features.shape[1]
        places = np.where(evidence > _NOISE_EVIDENCE, noisy.argmin(axis=0), quiet.argmin(axis=0))
        return [self.names[place] for place in places]

    def to_bytes(self) -> bytes:
        """As it is stored."""
        gaussians = (*self.quiet, *self.noisy)
        return pack({"names": self.names}, [array for one in gaussians for array in one.arrays()])

    @classmethod
    def from_bytes(cls, stored: bytes) -> "OperatingStates":
        """The reverse of `to_bytes`.

        Raises:
            ValueError: it is damaged.
        """
        header, arrays = unpack(stored)
        gaussians = tuple(
            Gaussian.of_arrays(arrays[start : start + PARTS]) for start in range(0, len(arrays), PARTS)
        )
        count = len(header["names"])
        return cls(tuple(header["names"]), gaussians[:count], gaussians[count:])


def _gaussian(vectors: Vectors) -> Gaussian:
    return Gaussian.fit(_features(vectors), shrinkage=_SHRINKAGE, least_deviation_db=_LEAST_DEVIATION_DB)


def _features(vectors: Vectors) -> Vectors:
    return np.concatenate([levels(vectors), lines(vectors)], axis=1)
