"""Three ways to look at a clip's statistics, in decibels. Each sees faults that the others miss."""

from collections.abc import Callable

import numpy as np

from signalcraft.acoustics.embedding import (
    BEAT_LEVELS,
    BEAT_RATES_HZ,
    BEATS,
    LEVELS,
    LINE_LEVELS,
    Vectors,
    total_power,
)

# Far below the rounding noise of 16 bits in one band: what is nothing at all becomes a figure.
_POWER_FLOOR = 1e-12
# A thousandth of the squared level: weaker swelling is chance.
_BEAT_FLOOR = 1e-3

View = Callable[[Vectors], Vectors]


def levels(vectors: Vectors) -> Vectors:
    """Level, and level over time in each band, both absolute and relative to the clip's."""
    total = _decibels(total_power(vectors))[:, np.newaxis]
    bands = _decibels(vectors[:, LEVELS])
    return np.concatenate([total, bands, bands - total], axis=1)


def lines(vectors: Vectors) -> Vectors:
    """The clip's level, and its spectrum relative to it in narrow bands."""
    total = _decibels(total_power(vectors))[:, np.newaxis]
    return np.concatenate([total, _decibels(vectors[:, LINE_LEVELS]) - total], axis=1)


def beat(vectors: Vectors) -> Vectors:
    """The clip's level, and how strongly its bands swell at each rate, relative to the bands' own level."""
    total = _decibels(total_power(vectors))[:, np.newaxis]
    squared = np.tile(vectors[:, BEAT_LEVELS] ** 2, len(BEAT_RATES_HZ))
    swelling = vectors[:, BEATS] / np.maximum(squared, _POWER_FLOOR**2)
    return np.concatenate([total, 10 * np.log10(swelling + _BEAT_FLOOR)], axis=1)


# Their number and order are part of a stored baseline.
VIEWS: tuple[View, ...] = (levels, lines, beat)


def _decibels(power: Vectors) -> Vectors:
    return np.asarray(10 * np.log10(power + _POWER_FLOOR))
