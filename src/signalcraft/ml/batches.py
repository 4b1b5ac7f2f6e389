"""Training batches: machine clips as a bad place would record them, and foreign sounds beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.ml.augmentation import (
    apply_response,
    change_level,
    change_speed,
    mix_at_snr,
    random_crop,
    random_response,
)
from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform
from signalcraft.ml.recordings import Clip, Noise, level_dbfs
from signalcraft.ml.synthesis import foreign_sound

OTHER = "other"


@dataclass(frozen=True)
class AugmentationSettings:
    """How hard training makes it; the card records these."""

    batch_clips: int = 64
    other_share: float = 0.22
    clean_share: float = 0.12
    snr_db_lowest: float = -9.0
    snr_db_highest: float = 22.0
    level_dbfs_lowest: float = -44.0
    level_dbfs_highest: float = -8.0
    duration_s_shortest: float = 0.5
    duration_s_longest: float = 3.0
    # Most batches have the length at which recordings are judged.
    short_share: float = 0.5
    # Synthetic sounds are made as they are needed until there are so many, and then used again.
    synthetic_sounds: int = 400
    # Beyond this change of speed, up or down, the same recording counts as another machine.
    foreign_speed_factor: float = 1.3


class TrainingBatches:
    """An endless, reproducible stream of batches: each state as often as any other, every batch of one length."""

    def __init__(
        self, clips: Sequence[Clip], noises: Sequence[Noise], settings: AugmentationSettings, seed: int
    ) -> None:
        self.settings = settings
        self.states = sorted({clip.state for clip in clips})
        self.classes = [*self.states, OTHER]
        self._by_state = [[clip for clip in clips if clip.state == state] for state in self.states]
        self._noises = [noise for noise in noises if level_dbfs(noise.waveform) > -60]  # noqa: PLR2004 – audible
        self._synthetic: list[Waveform] = []
        self._rng = np.random.default_rng(seed)

    def next(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Waveforms [batch, samples] and their classes [batch]."""
        rng, settings = self._rng, self.settings
        samples = self._samples()
        others = round(settings.batch_clips * settings.other_share)
        turn = int(rng.integers(len(self.states)))
        labels = [(turn + i) % len(self.states) for i in range(settings.batch_clips - others)]
        waveforms = [self._machine(label, samples) for label in labels]
        waveforms += [self._foreign(samples) for _ in range(others)]
        labels += [len(self.states)] * others
        return np.stack([self._recorded(waveform) for waveform in waveforms]), np.asarray(labels, np.int64)

    def _samples(self) -> int:
        settings = self.settings
        duration_s = settings.duration_s_longest
        if self._rng.random() < settings.short_share:
            duration_s = self._rng.uniform(settings.duration_s_shortest, settings.duration_s_longest)
        # Whole tenths of a second: so few lengths that the responses' grids stay cached.
        return round(duration_s * 10) * SAMPLE_RATE_HZ // 10

    def _machine(self, label: int, samples: int) -> Waveform:
        rng, settings = self._rng, self.settings
        waveform = random_crop(self._any_clip(label).waveform, samples, rng)
        if rng.random() < settings.clean_share:
            return waveform
        snr_db = rng.uniform(settings.snr_db_lowest, settings.snr_db_highest)
        return mix_at_snr(waveform, self._background(samples), snr_db)

    def _foreign(self, samples: int) -> Waveform:
        rng = self._rng
        choice = rng.random()
        if choice < 0.5:  # noqa: PLR2004 – half of the foreign sounds are real
            return self._background(samples)
        if choice < 0.85:  # noqa: PLR2004 – a third are synthetic
            return self._synthetic_sound(samples)
        return self._another_machine(samples)

    def _another_machine(self, samples: int) -> Waveform:
        """The compressor at a speed that it never has, which no state of it sounds like."""
        rng = self._rng
        factor = rng.uniform(self.settings.foreign_speed_factor, 2.2) ** rng.choice([-1, 1])
        clip = self._any_clip(int(rng.integers(len(self.states))))
        waveform = random_crop(change_speed(clip.waveform, factor), samples, rng)
        return apply_response(waveform, random_response(samples, rng, spread_db=8))

    def _background(self, samples: int) -> Waveform:
        """Noise as it may be met: real at another speed or backwards, two at once, or synthetic."""
        rng = self._rng
        if rng.random() < 0.15:  # noqa: PLR2004 – real noise is worth more
            noise = self._synthetic_sound(samples)
        else:
            noise = self._real_noise(samples)
            if rng.random() < 0.2:  # noqa: PLR2004 – two at once are rarer
                noise = noise + 10 ** rng.uniform(-1, 0) * self._real_noise(samples)
        if level_dbfs(noise) < -90:  # noqa: PLR2004 – nothing there that could be made louder
            noise = rng.normal(0, 0.01, samples).astype(np.float32)
        return apply_response(noise, random_response(samples, rng))

    def _real_noise(self, samples: int) -> Waveform:
        rng = self._rng
        waveform = self._noises[rng.integers(len(self._noises))].waveform
        waveform = random_crop(waveform, min(waveform.size, int(samples * 1.3)), rng)
        if rng.random() < 0.5:  # noqa: PLR2004 – half as they are
            waveform = change_speed(waveform, rng.uniform(0.75, 1.3))
        if rng.random() < 0.3:  # noqa: PLR2004 – backwards is a new sound to a network
            waveform = waveform[::-1]
        return random_crop(waveform, samples, rng)

    def _synthetic_sound(self, samples: int) -> Waveform:
        rng = self._rng
        if len(self._synthetic) < self.settings.synthetic_sounds:
            self._synthetic.append(
                foreign_sound(2 * round(self.settings.duration_s_longest * SAMPLE_RATE_HZ), rng)
            )
            return random_crop(self._synthetic[-1], samples, rng)
        return random_crop(self._synthetic[rng.integers(len(self._synthetic))], samples, rng)

    def _recorded(self, waveform: Waveform) -> Waveform:
        """At any level, through any microphone, in 16 bits."""
        rng, settings = self._rng, self.settings
        loud = level_dbfs(waveform)
        if loud < -90:  # noqa: PLR2004 – silence stays silence at any level
            return waveform
        waveform = apply_response(waveform, random_response(waveform.size, rng))
        target = rng.uniform(settings.level_dbfs_lowest, settings.level_dbfs_highest)
        return (np.round(change_level(waveform, target - loud) * 32767) / 32767).astype(np.float32)

    def _any_clip(self, label: int) -> Clip:
        clips = self._by_state[label]
        return clips[self._rng.integers(len(clips))]
