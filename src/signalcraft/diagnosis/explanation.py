"""Why: in which bands a recording differs from normal, and by how much.

Plain arithmetic on two dozen figures, so that the web workers can do it without a numerical library.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby
from statistics import fmean
from typing import Any

from signalcraft.audio.bands import BAND_EDGES_HZ
from signalcraft.diagnosis.judgement import Verdict
from signalcraft.diagnosis.normal_spectrum import NormalSpectrum, level_free

# A band differs when it is as far off as one clip in 300 would be by chance (three standard deviations), and by what
# an ear can tell. Of the reference machine's later healthy clips 8 % have such a band, of each fault's clips all.
_SPREADS = 3.0
_LEAST_DB = 3.0
# Few clips, or clips of one minute, may hardly differ from each other; a sensor is never that steady.
_LEAST_SPREAD_DB = 1.0
_MOST_RANGES = 3


class Compared(StrEnum):
    """What a recording was compared with, or why with nothing."""

    DEVICE = "device"
    REFERENCE = "reference"
    UNKNOWN_SOUND = "unknown_sound"
    NO_REFERENCE = "no_reference"


@dataclass(frozen=True, slots=True)
class BandDifference:
    """Neighbouring bands that differ from normal in the same direction; `difference_db` is their mean."""

    from_hz: int
    to_hz: int
    difference_db: float
    usual_spread_db: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What differs, the most striking first."""

    compared_with: Compared
    bands: tuple[BandDifference, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is stored with the diagnosis."""
        return asdict(self)


def explain(
    verdict: Verdict, spectrum_dbfs: Sequence[float], normal: NormalSpectrum | None, whose: Compared
) -> Explanation:
    """Compare a recording's spectrum with normal; loudness alone is no difference.

    normal: None where there is none. whose: the device's own or the reference machine's.
    """
    if verdict is Verdict.UNKNOWN:
        # Each sound that is no machine's differs everywhere; that says nothing of the machine.
        return Explanation(Compared.UNKNOWN_SOUND)
    if normal is None:
        return Explanation(Compared.NO_REFERENCE)
    return Explanation(whose, tuple(_ranges(differences_db(spectrum_dbfs, normal), normal)))


def differences_db(spectrum_dbfs: Sequence[float], normal: NormalSpectrum) -> list[float]:
    """How much louder each band is than normal, once both are as loud in the middle one of all bands."""
    shape = level_free(spectrum_dbfs)
    return level_free([band - usual for band, usual in zip(shape, normal.mean_db, strict=True)])


def _ranges(differences: list[float], normal: NormalSpectrum) -> list[BandDifference]:
    spreads = [max(spread, _LEAST_SPREAD_DB) for spread in normal.spread_db]
    signs = [
        0 if abs(difference) < max(_LEAST_DB, _SPREADS * spread) else 1 if difference > 0 else -1
        for difference, spread in zip(differences, spreads, strict=True)
    ]
    ranges = []
    for sign, group in groupby(range(len(signs)), key=signs.__getitem__):
        bands = list(group)
        if sign:
            ranges.append(
                BandDifference(
                    round(BAND_EDGES_HZ[bands[0]]),
                    round(BAND_EDGES_HZ[bands[-1] + 1]),
                    round(fmean(differences[band] for band in bands), 1),
                    round(fmean(spreads[band] for band in bands), 1),
                )
            )
    return sorted(ranges, key=lambda one: abs(one.difference_db), reverse=True)[:_MOST_RANGES]
