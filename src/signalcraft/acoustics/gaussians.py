"""Gaussians of few samples in many dimensions: shrunk, and kept as a few axes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.acoustics.embedding import Vectors

# Towards uncorrelated features, as 40 clips can't tell the covariance of 250. Of 0.01 to 0.6 the best from 20 clips; from
# 40, anything from 0.3 on was as good.
SHRINKAGE = 0.5
# A feature that hardly moved while learning may still move by that much.
LEAST_DEVIATION_DB = 0.5
# Axes of larger variance that are kept; along all others the variance is taken as equal.
_AXES = 48
# How many `arrays` there are.
PARTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Gaussian:
    """A Gaussian over features, shape (features,).

    axes: float32, shape (axes, features), orthonormal in features divided by `deviation`; variances: shape (axes,);
    rest_variance: along everything else; log_volume: the logarithm of the covariance's determinant.
    """

    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    axes: npt.NDArray[np.float32]
    variances: npt.NDArray[np.float32]
    rest_variance: float
    log_volume: float

    @classmethod
    def fit(
        cls,
        features: Vectors,
        *,
        shrinkage: float = SHRINKAGE,
        least_deviation_db: float = LEAST_DEVIATION_DB,
    ) -> "Gaussian":
        """Fit to features, shape (samples, features).

        shrinkage: 0 takes the covariance as it was seen, 1 only its diagonal. least_deviation_db: each moves at least so much.
        """
        samples, count = features.shape
        mean = features.mean(axis=0)
        deviation = np.sqrt(features.var(axis=0) + least_deviation_db**2)
        _, singular, axes = np.linalg.svd((features - mean) / deviation, full_matrices=False)
        variances = (1 - shrinkage) * singular**2 / samples + shrinkage
        kept = min(_AXES, len(variances))
        left_out = count - kept
        remaining = variances[kept:].sum() + shrinkage * (count - len(variances))
        rest_variance = float(remaining / left_out) if left_out else shrinkage
        return cls(
            mean=mean.astype(np.float32),
            deviation=deviation.astype(np.float32),
            axes=axes[:kept].astype(np.float32),
            variances=variances[:kept].astype(np.float32),
            rest_variance=rest_variance,
            log_volume=float(
                np.log(variances[:kept]).sum()
                + left_out * np.log(rest_variance)
                + 2 * np.log(deviation).sum()
            ),
        )

    def arrays(self) -> list[npt.NDArray[np.float32]]:
        """All of it, to be packed."""
        rest = np.array([self.rest_variance, self.log_volume], np.float32)
        return [self.mean, self.deviation, self.axes, self.variances, rest]

    @classmethod
    def of_arrays(cls, arrays: Sequence[npt.NDArray[np.float32]]) -> "Gaussian":
        """The reverse of `arrays`."""
        mean, deviation, axes, variances, (rest_variance, log_volume) = arrays
        return cls(mean, deviation, axes, variances, float(rest_variance), float(log_volume))

    def surprise(self, features: Vectors) -> Vectors:
        """Twice the negative log-likelihood of each row, up to a constant: shape (samples,)."""
        standard = (features - self.mean) / self.deviation
        along = standard @ self.axes.T
        # What lies along no kept axis; rounding may leave it a little below zero.
        beside = np.maximum((standard**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        distance = (along**2 / self.variances).sum(axis=1) + beside / self.rest_variance
        return np.asarray(distance + self.log_volume)
