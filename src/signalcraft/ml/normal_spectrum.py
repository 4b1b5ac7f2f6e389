"""The normal state's third-octave spectrum, for the card: what explanations compare a recording with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from signalcraft.audio.spectrum import level_free, third_octaves_dbfs
from signalcraft.ml.recordings import Clip


def normal_spectrum(clips: Sequence[Clip], normal_state: str) -> dict[str, Any]:
    """Mean and standard deviation in dB of each band over the clips of that state, each less its median level."""
    spectra = level_free(
        np.stack([third_octaves_dbfs(clip.waveform) for clip in clips if clip.state == normal_state])
    )
    return {
        "clips": len(spectra),
        "mean_db": [round(float(level), 2) for level in spectra.mean(axis=0)],
        "spread_db": [round(float(level), 2) for level in spectra.std(axis=0, ddof=1)],
    }
