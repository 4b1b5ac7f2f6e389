"""What the front end computes: log-mel spectrograms, as settings that the card records."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True)
class MelSettings:
    """Frames, bands and floor of the log-mel spectrogram; in librosa's terms `center=False` and `htk=False`."""

    bands: int = 64
    frame_samples: int = 1024
    hop_samples: int = 256
    lowest_hz: float = 50.0
    # The air compressor holds little above 2 kHz; what lies above 4 kHz is noise, and absent from an 8 kHz recording.
    highest_hz: float = 4000.0
    # Below the quantisation noise of a 16-bit recording, so that only digital silence meets it.
    power_floor: float = 1e-10

    def frames(self, samples: int) -> int:
        """How many whole frames fit into that many samples."""
        return max(0, 1 + (samples - self.frame_samples) // self.hop_samples)
