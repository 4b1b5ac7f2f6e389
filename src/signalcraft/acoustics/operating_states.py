"""Which operating state a clip is of: running, resting, off, as an engineer has named them with a few clips."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.acoustics.embedding import Vectors
from signalcraft.acoustics.gaussians import PARTS, Gaussian
from signalcraft.acoustics.noise import heard_in_noise
from signalcraft.acoustics.packing import pack, unpack
from signalcraft.acoustics.views import levels, lines

# The named clips are also heard in noise, so that noise moves no clip into another state.
_NOISE_SNR_DB = (10.0, 40.0)
_NOISY_CLIPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class OperatingStates:
    """The states' middles, shape (states, features), and how clips scatter around their own (linear discriminant)."""

    names: tuple[str, ...]
    middles: npt.NDArray[np.float32]
    scatter: Gaussian

    @classmethod
    def fit(cls, named: Mapping[str, Vectors], profiles: Vectors) -> "OperatingStates":
        """Fit to the vectors of each state's clips, each of shape (clips, SIZE)."""
        middles, residuals = [], []
        for vectors in named.values():
            features = _features(vectors)
            noisy = heard_in_noise(
                vectors, profiles, snr_db=_NOISE_SNR_DB, copies=-(-_NOISY_CLIPS // len(vectors))
            )
            middle = features.mean(axis=0)
            middles.append(middle)
            residuals += [features - middle, _features(noisy) - middle]
        scatter = Gaussian.fit(np.concatenate(residuals))
        return cls(tuple(named), np.stack(middles).astype(np.float32), scatter)

    def of(self, vectors: Vectors) -> list[str]:
        """The most likely state of each clip."""
        features = _features(vectors)
        # The scatter's own mean is where noise moves clips on average; it is the same for all states.
        surprises = np.stack([self.scatter.surprise(features - middle) for middle in self.middles])
        return [self.names[place] for place in surprises.argmin(axis=0)]

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return pack({"names": self.names}, [self.middles, *self.scatter.arrays()])

    @classmethod
    def from_bytes(cls, stored: bytes) -> "OperatingStates":
        """The reverse of `to_bytes`."""
        header, arrays = unpack(stored)
        return cls(tuple(header["names"]), arrays[0], Gaussian.of_arrays(arrays[1 : 1 + PARTS]))


def _features(vectors: Vectors) -> Vectors:
    return np.concatenate([levels(vectors), lines(vectors)], axis=1)
