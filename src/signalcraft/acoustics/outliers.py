"""Clips that don't belong to what was heard while learning: a door, a voice, a hand on the microphone."""

import numpy as np
import numpy.typing as npt

from signalcraft.acoustics.embedding import Vectors
from signalcraft.acoustics.views import levels, lines

# A clip needs company: the distance to the nearest others. Two, so that an accident that happened twice is one.
_NEIGHBOURS = 2
# As a robust z-score of the logarithm of distances (Iglewicz and Hoaglin 1993), and as a multiple of the usual distance.
# Of (3.5, 1.5), (5, 1.8), (6, 2.2) and (8, 2.5): the first two leave out so much of 20 clips that later ones seem strange, the
# last misses half of the disturbed ones on the machine that varies most.
_MODIFIED_Z = 6.0
_MULTIPLE = 2.2
# The usual movement of a feature is at least that.
_LEAST_DEVIATION_DB = 0.5
# One wild feature says no more than a clearly deviant one.
_WILDEST = 10.0
# If more stand apart, they are another way of running and no accident.
MOST = 0.25


def outlying(vectors: Vectors) -> npt.NDArray[np.bool_]:
    """Which clips stand apart from all others, shape (clips,); never more than a quarter of them."""
    features = np.concatenate([levels(vectors), lines(vectors)], axis=1)
    centre = np.median(features, axis=0)
    deviation = np.maximum(1.4826 * np.median(np.abs(features - centre), axis=0), _LEAST_DEVIATION_DB)
    standard = (features - centre) / deviation
    distances = np.stack([np.minimum(np.abs(standard - one), _WILDEST).mean(axis=1) for one in standard])
    np.fill_diagonal(distances, np.inf)
    company = np.sort(distances, axis=1)[:, :_NEIGHBOURS].mean(axis=1)
    logarithm = np.log(np.maximum(company, np.finfo(np.float64).tiny))
    usual = np.median(logarithm)
    spread = max(1.4826 * float(np.median(np.abs(logarithm - usual))), np.finfo(np.float64).tiny)
    apart = ((logarithm - usual) / spread > _MODIFIED_Z) & (logarithm - usual > np.log(_MULTIPLE))
    if apart.mean() > MOST:
        return np.zeros(len(vectors), dtype=np.bool_)
    return np.asarray(apart)
