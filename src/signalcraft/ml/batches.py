"""Training batches: machine clips as a bad place would record them, and foreign sounds beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.ml.augmentation import (
    apply_response,
    change_speed,
    mean_power,
    random_crop,
    random_responses,
)
from signalcraft.ml.backgrounds import Backgrounds
from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform
from signalcraft.ml.recordings import Clip, Noise

OTHER = "other"
# Of a 16-bit recording.
FULL_SCALE = 32767


@dataclass(frozen=True)
class AugmentationSettings:
    """How hard training makes it; the card records these."""

    batch_clips: int = 64
    other_share: float = 0.2
    clean_share: float = 0.1
    snr_db_lowest: float = -10.0
    snr_db_highest: float = 20.0
    level_dbfs_lowest: float = -44.0
    level_dbfs_highest: float = -6.0
    duration_s_shortest: float = 0.5
    duration_s_longest: float = 3.0
    # The rest is shorter, half of it below 1.2 s: short clips are the hardest, and cost the least.
    long_share: float = 0.2
    response_spread_db_highest: float = 8.0
    # A compressor's motor turns a little slower under load and at another voltage.
    warp_share: float = 0.0
    warp_highest: float = 0.015
    # Made as they are needed, and kept: so many synthetic sounds, and as many hybrids of the real ones.
    synthetic_sounds: int = 400
    synthetic_share: float = 0.2
    hybrid_share: float = 0.25
    # Beyond this change of speed, up or down, the same recording counts as another machine.
    foreign_speed_factor: float = 1.3


class TrainingBatches:
    """A reproducible series of batches: each state as often as any other, every batch of one length.

    Batch `step` depends on the seed and on `step` alone, so that training can go on after a stop as if there was none.
    """

    def __init__(
        self, clips: Sequence[Clip], noises: Sequence[Noise], settings: AugmentationSettings, seed: int
    ) -> None:
        self.settings = settings
        self.states = sorted({clip.state for clip in clips})
        self.classes = [*self.states, OTHER]
        self._by_state = [[clip for clip in clips if clip.state == state] for state in self.states]
        self._backgrounds = Backgrounds(
            noises,
            seed,
            kept=settings.synthetic_sounds,
            synthetic_share=settings.synthetic_share,
            hybrid_share=settings.hybrid_share,
        )
        self._seed = seed

    def batch(self, step: int) -> tuple[Waveform, npt.NDArray[np.int64]]:
        """Waveforms [batch, samples] and their classes [batch]."""
        rng, settings = np.random.default_rng([self._seed, step]), self.settings
        samples = self._samples(rng)
        others = round(settings.batch_clips * settings.other_share)
        turn = int(rng.integers(len(self.states)))
        labels = [(turn + i) % len(self.states) for i in range(settings.batch_clips - others)]
        machines = np.stack([self._machine(label, samples, rng) for label in labels])
        sounds = np.concatenate([self._in_noise(machines, rng), self._foreign(others, samples, rng)])
        labels += [len(self.states)] * others
        return self._recorded(sounds, rng), np.asarray(labels, np.int64)

    def _samples(self, rng: np.random.Generator) -> int:
        settings = self.settings
        duration_s = settings.duration_s_longest
        if rng.random() >= settings.long_share:
            duration_s = np.exp(
                rng.uniform(np.log(settings.duration_s_shortest), np.log(settings.duration_s_longest))
            )
        # Whole tenths of a second: so few lengths that the responses' grids stay cached.
        return round(duration_s * 10) * SAMPLE_RATE_HZ // 10

    def _machine(self, label: int, samples: int, rng: np.random.Generator) -> Waveform:
        settings = self.settings
        waveform = self._any_clip(label, rng).waveform
        if rng.random() < settings.warp_share:
            waveform = change_speed(waveform, 1 + rng.uniform(-settings.warp_highest, settings.warp_highest))
        return random_crop(waveform, samples, rng)

    def _in_noise(self, machines: Waveform, rng: np.random.Generator) -> Waveform:
        """`machines` [clips, samples], each with a noise of its own at its own ratio, but for the clean ones."""
        settings = self.settings
        noises = self._backgrounds.audible(len(machines), machines.shape[1], rng)
        snr_db = rng.uniform(settings.snr_db_lowest, settings.snr_db_highest, len(machines))
        gains = np.sqrt(mean_power(machines) / mean_power(noises) / 10 ** (snr_db / 10))
        gains[rng.random(len(machines)) < settings.clean_share] = 0
        return machines + gains[:, np.newaxis].astype(np.float32) * noises

    def _foreign(self, count: int, samples: int, rng: np.random.Generator) -> Waveform:
        """Sounds of no known state: half of them noises, a third synthetic, the rest another machine."""
        sounds = self._backgrounds.audible(count, samples, rng)
        for sound in sounds[count // 2 :]:
            is_synthetic = rng.random() < 0.7  # noqa: PLR2004 – see the docstring
            sound[:] = (
                self._backgrounds.synthetic(samples, rng)
                if is_synthetic
                else self._another_machine(samples, rng)
            )
        return sounds

    def _another_machine(self, samples: int, rng: np.random.Generator) -> Waveform:
        """The compressor at a speed that it never has, which no state of it sounds like."""
        factor = rng.uniform(self.settings.foreign_speed_factor, 2.2) ** rng.choice([-1, 1])
        clip = self._any_clip(int(rng.integers(len(self.states))), rng)
        return random_crop(change_speed(clip.waveform, factor), samples, rng)

    def _recorded(self, sounds: Waveform, rng: np.random.Generator) -> Waveform:
        """At any level, through any microphone, in 16 bits; silence stays silence at any level."""
        settings = self.settings
        spread_db = rng.uniform(1, settings.response_spread_db_highest, len(sounds))
        heard = apply_response(sounds, random_responses(spread_db, sounds.shape[1], rng))
        loud_dbfs = 10 * np.log10(np.maximum(mean_power(heard), 1e-20))
        target_dbfs = rng.uniform(settings.level_dbfs_lowest, settings.level_dbfs_highest, len(sounds))
        gains = np.where(loud_dbfs < -90, 1, 10 ** ((target_dbfs - loud_dbfs) / 20))  # noqa: PLR2004 – silence
        heard *= gains[:, np.newaxis].astype(np.float32) * np.float32(FULL_SCALE)
        return np.round(np.clip(heard, -FULL_SCALE, FULL_SCALE, out=heard), out=heard) / np.float32(
            FULL_SCALE
        )

    def _any_clip(self, label: int, rng: np.random.Generator) -> Clip:
        clips = self._by_state[label]
        return clips[rng.integers(len(clips))]
