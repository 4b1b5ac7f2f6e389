"""Fitting the network: reproducible by its seed, averaged over the last steps, within a time if one is set."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from signalcraft.ml.batches import AugmentationSettings, TrainingBatches
from signalcraft.ml.mel import MelSettings
from signalcraft.ml.network import CompressorNetwork, NetworkSettings
from signalcraft.ml.recordings import Clip, Noise


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides what comes out, beside the recordings."""

    seed: int = 1
    epochs: int = 100
    # When set, the first epoch's pace decides how many epochs fit; the card records how many they were.
    minutes: float | None = None
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.03
    masked_bands: int = 8
    masked_frames: int = 12
    # Of two cores the other one prepares the next batch; more threads also wait for each other on a busy machine.
    threads: int = 1
    mel: MelSettings = field(default_factory=MelSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)


@dataclass(frozen=True)
class Progress:
    """Where training stands after an epoch; `loss` is the epoch's mean."""

    epoch: int
    epochs: int
    loss: float
    elapsed_s: float


@dataclass(frozen=True)
class Trained:
    """The averaged network, its classes in the order of its logits, and the epochs it took."""

    network: CompressorNetwork
    classes: list[str]
    epochs: int


def train(
    clips: Sequence[Clip],
    noises: Sequence[Noise],
    settings: TrainingSettings,
    report: Callable[[Progress], None],
) -> Trained:
    """Train a network on `clips` in `noises`; `report` is called after every epoch."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    batches = TrainingBatches(clips, noises, settings.augmentation, settings.seed)
    network = CompressorNetwork(len(batches.classes), settings.mel, settings.network)
    network.to(memory_format=torch.channels_last)
    machines = settings.augmentation.batch_clips * (1 - settings.augmentation.other_share)
    fitting = _Fitting(network, batches, settings, steps_an_epoch=math.ceil(len(clips) / machines))
    epochs = fitting.run(report)
    return Trained(fitting.averaged.module.eval(), batches.classes, epochs)


class _Fitting:
    """One run: optimiser, schedule and the running average of the weights."""

    def __init__(
        self,
        network: CompressorNetwork,
        batches: TrainingBatches,
        settings: TrainingSettings,
        *,
        steps_an_epoch: int,
    ) -> None:
        self.network, self.batches, self.settings, self.steps_an_epoch = (
            network,
            batches,
            settings,
            steps_an_epoch,
        )
        self.averaged = AveragedModel(network, avg_fn=_averaged, use_buffers=True)
        self.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
        self.loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)

    def run(self, report: Callable[[Progress], None]) -> int:
        """All epochs; returns how many there were."""
        started, epochs, epoch = time.monotonic(), self.settings.epochs, 0
        # The next batch is made while this one is learnt: the Fourier transforms let go of the interpreter.
        with ThreadPoolExecutor(1) as ahead:
            batch = ahead.submit(self.batches.next)
            while epoch < epochs:
                losses = []
                for step in range(self.steps_an_epoch):
                    waveforms, labels = batch.result()
                    batch = ahead.submit(self.batches.next)
                    self._set_rate(epoch + step / self.steps_an_epoch, epochs)
                    losses.append(self._step(torch.from_numpy(waveforms), torch.from_numpy(labels)))
                epoch += 1
                elapsed_s = time.monotonic() - started
                if epoch == 1 and self.settings.minutes is not None:
                    epochs = max(2, int(self.settings.minutes * 60 / elapsed_s))
                report(Progress(epoch, epochs, sum(losses) / len(losses), elapsed_s))
        return epochs

    def _set_rate(self, epoch: float, epochs: int) -> None:
        """Rise through the first epoch, then a half cosine down to nothing."""
        rate = self.settings.learning_rate * (
            epoch if epoch < 1 else 0.5 * (1 + math.cos(math.pi * (epoch - 1) / max(epochs - 1, 1)))
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def _step(self, waveforms: Tensor, labels: Tensor) -> float:
        self.network.train()
        with torch.no_grad():
            # A few clips at a time stay in the processor's cache: it takes a third less time than all at once.
            log_mel = self._masked(torch.cat([self.network.log_mel(few) for few in waveforms.split(8)]))
        logits, _ = self.network.from_log_mel(log_mel)
        loss = self.loss(logits, labels)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.network)
        return float(loss.detach())

    def _masked(self, log_mel: Tensor) -> Tensor:
        """Hide a stretch of bands and one of frames behind the clip's mean (SpecAugment, Park et al. 2019)."""
        clips, frames, bands = log_mel.shape
        hidden = _stretch(clips, bands, self.settings.masked_bands)[:, None, :]
        hidden = hidden | _stretch(clips, frames, self.settings.masked_frames)[:, :, None]
        return torch.where(hidden, log_mel.mean(dim=(1, 2), keepdim=True), log_mel)


def _averaged(average: Tensor, latest: Tensor, steps: Tensor) -> Tensor:
    """A running average over about the last third of a short run, and the last 500 steps of a long one."""
    share = max(0.002, 3 / (3 + float(steps)))
    return average + share * (latest - average)


def _stretch(clips: int, length: int, longest: int) -> Tensor:
    """For each clip a random stretch of up to `longest` places, as booleans [clips, length]."""
    start = torch.rand(clips, 1) * length
    end = start + torch.rand(clips, 1) * longest
    places = torch.arange(length)[None]
    return (places >= start.floor()) & (places < end.floor())
