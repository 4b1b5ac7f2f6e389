"""What else is heard beside the machine: real noises, changed ones, synthetic ones, and hybrids of them."""

from collections.abc import Callable, Sequence

import numpy as np

from signalcraft.ml.augmentation import apply_response, change_speed, random_crop, random_responses
from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform
from signalcraft.ml.recordings import Noise, level_dbfs
from signalcraft.ml.synthesis import foreign_sound, hybrid

# Twice the longest clip, so that crops of one made sound differ.
MADE_SAMPLES = 6 * SAMPLE_RATE_HZ


class Backgrounds:
    """Crops of noise for a generator given; what is made once is kept, and depends on the seed alone."""

    def __init__(
        self, noises: Sequence[Noise], seed: int, *, kept: int, synthetic_share: float, hybrid_share: float
    ) -> None:
        self._real = [noise.waveform for noise in noises if level_dbfs(noise.waveform) > -60]  # noqa: PLR2004 – audible
        self._seed, self._kept = seed, kept
        self._synthetic_share, self._hybrid_share = synthetic_share, hybrid_share
        self._made: dict[tuple[str, int], Waveform] = {}

    def audible(self, count: int, samples: int, rng: np.random.Generator) -> Waveform:
        """Noises [count, samples] as they may be met, at times two at once, each through a random response."""
        noises = np.stack([self._one(samples, rng) for _ in range(count)])
        for place in range(count):
            if rng.random() < 0.2:  # noqa: PLR2004 – two at once are rarer
                noises[place] += np.float32(10 ** rng.uniform(-1, 0)) * self._one(samples, rng)
            if level_dbfs(noises[place]) < -90:  # noqa: PLR2004 – nothing there that could be made louder
                noises[place] = rng.normal(0, 0.01, samples)
        return apply_response(noises, random_responses(rng.uniform(2, 10, count), samples, rng))

    def synthetic(self, samples: int, rng: np.random.Generator) -> Waveform:
        """A crop of a synthetic sound."""
        return random_crop(self._kept_sound("synthetic", rng, foreign_sound), samples, rng)

    def _one(self, samples: int, rng: np.random.Generator) -> Waveform:
        choice = rng.random()
        if choice < self._synthetic_share:
            return self.synthetic(samples, rng)
        if choice < self._synthetic_share + self._hybrid_share:
            made = self._kept_sound("hybrid", rng, lambda length, own: hybrid(length, own, self._real))
            return random_crop(made, samples, rng)
        return self._real_noise(samples, rng)

    def _real_noise(self, samples: int, rng: np.random.Generator) -> Waveform:
        waveform = self._real[rng.integers(len(self._real))]
        waveform = random_crop(waveform, min(waveform.size, int(samples * 1.6)), rng)
        if rng.random() < 0.5:  # noqa: PLR2004 – half as they are
            waveform = change_speed(waveform, np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
        if rng.random() < 0.3:  # noqa: PLR2004 – backwards is a new sound to a network
            waveform = waveform[::-1]
        return random_crop(waveform, samples, rng)

    def _kept_sound(
        self,
        kind: str,
        rng: np.random.Generator,
        make: Callable[[int, np.random.Generator], Waveform],
    ) -> Waveform:
        number = int(rng.integers(self._kept))
        if (kind, number) not in self._made:
            own = np.random.default_rng([self._seed, number, len(kind)])
            self._made[kind, number] = make(MADE_SAMPLES, own)
        return self._made[kind, number]
