"""Rates with 95 % intervals that know that one reading judged in three noises is not three readings."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Rate:
    """A share of `count` judgements, 0 to 1, with its interval; all None where there were none."""

    rate: float | None
    low: float | None
    high: float | None
    count: int

    def to_json(self) -> dict[str, Any]:
        """As it stands in a card or a report."""
        return {"rate": self.rate, "interval": [self.low, self.high], "count": self.count}


def rate_of(hits: npt.ArrayLike, clusters: Sequence[Hashable]) -> Rate:
    """The share of true `hits`, one for each judgement, whose reading or source `clusters` names.

    The interval is a percentile bootstrap over whole clusters (Field and Welsh, Bootstrapping Clustered Data, 2007).
    Where all clusters are all true or all false there is nothing to resample; then it is Clopper and Pearson's exact
    one with each cluster counted once.
    """
    truths = np.asarray(hits, float)
    if truths.size == 0:
        return Rate(None, None, None, 0)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    members = np.asarray([numbers[name] for name in clusters])
    sizes = np.bincount(members).astype(float)
    sums = np.bincount(members, weights=truths)
    rate = float(truths.mean())
    if rate in {0.0, 1.0}:
        certain = ((1 - LEVEL) / 2) ** (1 / sizes.size)
        low, high = (certain, 1.0) if rate == 1 else (0.0, 1 - certain)
    else:
        drawn = np.random.default_rng(0).multinomial(
            sizes.size, np.full(sizes.size, 1 / sizes.size), size=RESAMPLES
        )
        shares = drawn @ sums / (drawn @ sizes)
        low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Rate(round(rate, 4), round(float(low), 4), round(float(high), 4), truths.size)
