"""Under which conditions a model is tried: clips in noise at given ratios, at random levels and microphones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from signalcraft.ml.augmentation import (
    apply_response,
    change_level,
    mix_at_snr,
    random_crop,
    random_response,
)
from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform
from signalcraft.ml.recordings import Clip, Noise, level_dbfs

SNRS_DB: tuple[float | None, ...] = (None, 20.0, 10.0, 5.0, 0.0, -5.0)


@dataclass(frozen=True)
class Heard:
    """A clip as it was heard, and the noise that it was heard in; None where it was clean."""

    clip: Clip
    waveform: Waveform
    noise: Noise | None


@dataclass(frozen=True)
class Condition:
    """One way to hear a clip: `snr_db` None is clean; `duration_s` None is the whole clip, a longer one repeats it.

    `elsewhere` adds a level within ±12 dB and another microphone's response.
    """

    snr_db: float | None
    duration_s: float | None = None
    elsewhere: bool = False

    def hear(self, clip: Clip, noises: Sequence[Noise], rng: np.random.Generator) -> Heard:
        """The clip under this condition, in one of the noises."""
        waveform, noise = clip.waveform, None
        if self.duration_s is not None:
            waveform = random_crop(waveform, round(self.duration_s * SAMPLE_RATE_HZ), rng)
        if self.snr_db is not None:
            noise, crop = audible_noise(noises, waveform.size, rng)
            waveform = mix_at_snr(waveform, crop, self.snr_db)
        if self.elsewhere:
            waveform = apply_response(waveform, random_response(waveform.size, rng))
            waveform = change_level(waveform, rng.uniform(-12, 12))
        return Heard(clip, np.clip(waveform, -1, 1), noise)


def audible_noise(noises: Sequence[Noise], samples: int, rng: np.random.Generator) -> tuple[Noise, Waveform]:
    """A random source, and a crop of it: sources with many slices count no more than others."""
    sources = sorted({(noise.kind, noise.source) for noise in noises})
    while True:
        chosen = sources[rng.integers(len(sources))]
        takes = [noise for noise in noises if (noise.kind, noise.source) == chosen]
        noise = takes[rng.integers(len(takes))]
        crop = random_crop(noise.waveform, samples, rng)
        if level_dbfs(crop) > -80:  # noqa: PLR2004 – a pause can't be brought to any ratio
            return noise, crop


def heard(
    clips: Sequence[Clip], noises: Sequence[Noise], condition: Condition, *, draws: int, seed: int
) -> Iterator[Heard]:
    """Every clip under the condition, `draws` times with other noise; the same for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        for clip in clips:
            yield condition.hear(clip, noises, rng)
