"""How a machine's spectrum usually looks. Knows no numerical library."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Self

# Fewer clips have no spread worth the name.
FEWEST_CLIPS = 5


@dataclass(frozen=True, slots=True)
class NormalSpectrum:
    """The normal third-octave spectrum less its median, and how far clips spread about it; in dB, one for each band."""

    mean_db: tuple[float, ...]
    spread_db: tuple[float, ...]

    @classmethod
    def of(cls, spectra_dbfs: Sequence[Sequence[float]]) -> Self:
        """From at least `FEWEST_CLIPS` normal clips."""
        bands = list(zip(*map(level_free, spectra_dbfs), strict=True))
        return cls(
            tuple(round(fmean(levels), 2) for levels in bands),
            tuple(round(stdev(levels), 2) for levels in bands),
        )


def level_free(levels_db: Sequence[float]) -> list[float]:
    """The levels less their median."""
    middle = median(levels_db)
    return [level - middle for level in levels_db]
