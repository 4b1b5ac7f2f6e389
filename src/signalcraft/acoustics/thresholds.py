"""From which score on a clip is no longer normal, at a stated rate of false alarms."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from signalcraft.acoustics.embedding import Vectors

# A held-out score far beyond the others is no reason to raise the threshold to it: the spread is taken from the
# middle of the scores and their upper half.
_UPPER = 84.13


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score from which on a clip is anomalous.

    centre: the middle of held-out normal scores. counted_rate: the smallest false-alarm rate that the number of scores
    supports by counting alone; below it, the threshold is extrapolated.
    """

    centre: float
    limit: float
    counted_rate: float


def threshold_of(held_out: Vectors, false_alarm_rate: float) -> Threshold:
    """The threshold from scores of normal clips that were not used to fit, shape (clips,).

    With n scores, the ⌈(n+1)(1-α)⌉-th smallest keeps the rate α for a next one like them (conformal prediction: Vovk,
    Gammerman and Shafer 2005), if there is such a one; with 20 scores that is a rate of 4.8 %. For less, the tail is
    extrapolated as that of Student's distribution for the next sample of a normal one, which widens it for few scores
    (Hahn and Meeker 1991, prediction intervals).
    """
    scores = np.sort(held_out)
    count = len(scores)
    centre = float(np.median(scores))
    rank = math.ceil((count + 1) * (1 - false_alarm_rate))
    if rank <= count:
        limit = float(scores[rank - 1])
    else:
        spread = max(float(np.percentile(scores, _UPPER)) - centre, float(scores.std(ddof=1)))
        widening = stdtrit(count - 1, 1 - false_alarm_rate) * math.sqrt(1 + 1 / count)
        limit = max(centre + widening * spread, float(scores[-1]))
    return Threshold(centre, limit, 1 / (count + 1))
