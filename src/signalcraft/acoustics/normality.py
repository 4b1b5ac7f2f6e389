"""How far a clip is from a machine's normal sound, in quiet and in noise."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.acoustics.embedding import Vectors
from signalcraft.acoustics.gaussians import Gaussian
from signalcraft.acoustics.noise import heard_in_noise
from signalcraft.acoustics.views import VIEWS

# How the learnt clips are heard when the Gaussians are fitted: as they are, in a little noise, and in much.
NOISE_SNR_DB: tuple[tuple[float, float] | None, ...] = (None, (20.0, 40.0), (6.0, 20.0))
# In noise, so many copies of the learnt clips in all: enough for the features' covariance.
_NOISY_CLIPS = 400


@dataclass(frozen=True, slots=True, eq=False)
class NormalSound:
    """A Gaussian for each view and each amount of noise: a clip is as normal as the likeliest one makes it.

    gaussians: by view, by amount of noise as in `NOISE_SNR_DB`.
    """

    gaussians: tuple[tuple[Gaussian, ...], ...]

    @classmethod
    def fit(cls, vectors: Vectors, profiles: Vectors) -> "NormalSound":
        """Fit to the vectors of normal clips, shape (clips, SIZE), foreseeing noises of these profiles."""
        heard = [heard_as(vectors, profiles, snr_db, _NOISY_CLIPS) for snr_db in NOISE_SNR_DB]
        return cls(tuple(tuple(Gaussian.fit(view(one)) for one in heard) for view in VIEWS))

    def surprises(self, vectors: Vectors) -> tuple[Vectors, npt.NDArray[np.intp]]:
        """How unlikely each clip is in each view, shape (views, clips), and which amount of noise explains it best."""
        by_noise = np.stack(
            [
                np.stack([gaussian.surprise(view(vectors)) for gaussian in gaussians])
                for view, gaussians in zip(VIEWS, self.gaussians, strict=True)
            ]
        )
        return np.asarray(by_noise.min(axis=1)), np.asarray(by_noise.sum(axis=0).argmin(axis=0))


def heard_as(vectors: Vectors, profiles: Vectors, snr_db: tuple[float, float] | None, clips: int) -> Vectors:
    """The vectors as they are, or at least `clips` copies of them in noise."""
    if snr_db is None:
        return vectors
    return heard_in_noise(vectors, profiles, snr_db=snr_db, copies=-(-clips // len(vectors)))
