"""The third-octave bands that spectra are told in. Knows no numerical library: the web workers read it."""

# IEC 61260-1: centres at 1000 Hz times whole powers of 10^(1/10), edges half a step to either side.
_LOWEST, _HIGHEST = -13, 8
BAND_EDGES_HZ = tuple(1000 * 10 ** ((number - 0.5) / 10) for number in range(_LOWEST, _HIGHEST + 2))
BANDS = len(BAND_EDGES_HZ) - 1
