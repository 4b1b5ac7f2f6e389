"""Fitting the network: reproducible by its seed, averaged over the last steps, going on after a stop."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from signalcraft.ml.batches import AugmentationSettings, TrainingBatches
from signalcraft.ml.checkpoint import Checkpoint, CheckpointOfAnother
from signalcraft.ml.continuation import adopt_weights
from signalcraft.ml.mel import MelSettings
from signalcraft.ml.network import CompressorNetwork, NetworkSettings
from signalcraft.ml.recordings import Clip, Noise

# A stop costs at most so much of the work.
CHECKPOINT_EVERY_S = 60.0
# Enough to use the other core whenever it is free.
BATCHES_AHEAD = 12


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides what comes out, beside the recordings."""

    seed: int = 1
    epochs: int = 600
    # When set, the pace of the first epochs decides how many fit; the card records how many they were.
    minutes: float | None = None
    learning_rate: float = 2e-3
    falling_share: float = 0.35
    weight_decay: float = 0.02
    label_smoothing: float = 0.02
    masked_bands: int = 8
    masked_frames: int = 12
    averaged_steps: int = 1000
    # Convolutions in bfloat16, weights in float32: half the time where the processor has instructions for it.
    bfloat16: bool = True
    # Of two cores the other one prepares the next batches; more threads also wait for each other on a busy machine.
    threads: int = 1
    mel: MelSettings = field(default_factory=MelSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)


@dataclass(frozen=True)
class Progress:
    """Where training stands after an epoch; `loss` is the epoch's mean, `elapsed_s` counts what came before a stop."""

    epoch: int
    epochs: int
    loss: float
    elapsed_s: float


@dataclass(frozen=True)
class Trained:
    """The averaged network, its classes in the order of its logits, and the epochs and seconds it took."""

    network: CompressorNetwork
    classes: list[str]
    epochs: int
    elapsed_s: float


def train(
    clips: Sequence[Clip],
    noises: Sequence[Noise],
    settings: TrainingSettings,
    report: Callable[[Progress], None],
    *,
    checkpoint: Checkpoint | None = None,
    earlier: Path | None = None,
) -> Trained:
    """Train a network on `clips` in `noises`; `report` is called after every epoch.

    It begins with the weights of the model file `earlier`, where one is given, which must have the same classes. Goes on where `checkpoint` was left, and raises CheckpointOfAnother if that is another training's.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    batches = TrainingBatches(clips, noises, settings.augmentation, settings.seed)
    network = CompressorNetwork(len(batches.classes), settings.mel, settings.network)
    if earlier is not None:
        adopt_weights(network, earlier, torch.from_numpy(batches.batch(0)[0]))
    network.to(memory_format=torch.channels_last)
    machines = settings.augmentation.batch_clips * (1 - settings.augmentation.other_share)
    fitting = _Fitting(network, batches, settings, steps_an_epoch=math.ceil(len(clips) / machines))
    fitting.run(report, checkpoint)
    averaged = fitting.averaged.module.eval()
    return Trained(averaged, batches.classes, fitting.epochs, fitting.elapsed_s)


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
        self.network, self.batches, self.settings = network, batches, settings
        self.steps_an_epoch = steps_an_epoch
        self.epoch, self.epochs, self.elapsed_s = 0, settings.epochs, 0.0
        self.averaged = AveragedModel(network, avg_fn=_average_of(settings.averaged_steps), use_buffers=True)
        self.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
        self.loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)

    def run(self, report: Callable[[Progress], None], checkpoint: Checkpoint | None) -> None:
        """All epochs that are left."""
        if checkpoint is not None and (state := checkpoint.load()) is not None:
            self._restore(state)
        before_s, started, saved = self.elapsed_s, time.monotonic(), time.monotonic()
        with ThreadPoolExecutor(1) as executor:
            made = self._batches(executor)
            while self.epoch < self.epochs:
                losses = [self._step(step, *next(made)) for step in self._steps()]
                self.epoch += 1
                self.elapsed_s = before_s + time.monotonic() - started
                self._fit_epochs_to_time()
                report(Progress(self.epoch, self.epochs, float(np.mean(losses)), self.elapsed_s))
                if checkpoint is not None and time.monotonic() - saved >= CHECKPOINT_EVERY_S:
                    checkpoint.save(self._state())
                    saved = time.monotonic()
        if checkpoint is not None:
            checkpoint.save(self._state())

    def _steps(self) -> range:
        return range(self.epoch * self.steps_an_epoch, (self.epoch + 1) * self.steps_an_epoch)

    def _batches(
        self, executor: ThreadPoolExecutor
    ) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Made ahead while others are learnt: the Fourier transforms let go of the interpreter."""
        step = self.epoch * self.steps_an_epoch
        ahead: deque[Future[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]] = deque()
        while True:
            while len(ahead) < BATCHES_AHEAD:
                ahead.append(executor.submit(self.batches.batch, step))
                step += 1
            yield ahead.popleft().result()

    def _fit_epochs_to_time(self) -> None:
        """After the first few epochs, which also make the sounds that are kept, the pace is known."""
        measured = 5
        if self.settings.minutes is not None and self.epoch == measured:
            self.epochs = max(measured + 1, int(self.settings.minutes * 60 / self.elapsed_s * measured))

    def _rate(self, epoch: float) -> float:
        """Rise through the first epoch, stay, and fall by a half cosine to nothing in the last share of the epochs.

        Until it falls it doesn't depend on how many epochs there are, so that a longer or shorter run can go on from
        the same checkpoint. Source: Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training
        Durations, 2024.
        """
        if epoch < 1:
            return self.settings.learning_rate * epoch
        falling = self.settings.falling_share * self.epochs
        share = min(1.0, max(0.0, (epoch - self.epochs + falling) / falling))
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))

    def _step(self, step: int, waveforms: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
        torch.manual_seed(self.settings.seed * 1_000_003 + step)
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(step / self.steps_an_epoch)
        with torch.no_grad():
            # A few clips at a time stay in the processor's cache: it takes a third less time than all at once.
            few = torch.from_numpy(waveforms).split(8)
            log_mel = self._masked(torch.cat([self.network.log_mel(some) for some in few]))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16):
            logits, _ = self.network.from_log_mel(log_mel)
        loss = self.loss(logits.float(), torch.from_numpy(labels))
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
        longest = min(self.settings.masked_frames, frames // 4)
        hidden = hidden | _stretch(clips, frames, longest)[:, :, None]
        return torch.where(hidden, log_mel.mean(dim=(1, 2), keepdim=True), log_mel)

    def _state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "epochs": self.epochs,
            "elapsed_s": self.elapsed_s,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`, also to another number of epochs as long as the rate has not begun to fall."""
        self.epoch, self.elapsed_s = state["epoch"], state["elapsed_s"]
        if self.settings.minutes is not None:
            self.epochs = state["epochs"]
        shorter = min(self.epochs, state["epochs"])
        if self.epochs != state["epochs"] and self.epoch > (1 - self.settings.falling_share) * shorter:
            raise CheckpointOfAnother(
                f"The stopped training was to have {state['epochs']} epochs, and its rate is falling already; go on with "
                f"--epochs {state['epochs']}, or delete the checkpoint to start over"
            )
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])


def _average_of(steps: int) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A running average over about the last third of a short run, and the last `steps` of a long one."""

    def averaged(average: Tensor, latest: Tensor, done: Tensor) -> Tensor:
        share = max(1 / steps, 3 / (3 + float(done)))
        return average + share * (latest - average)

    return averaged


def _stretch(clips: int, length: int, longest: int) -> Tensor:
    """For each clip a random stretch of up to `longest` places, as booleans [clips, length]."""
    start = torch.rand(clips, 1) * length
    end = start + torch.rand(clips, 1) * longest
    places = torch.arange(length)[None]
    return (places >= start.floor()) & (places < end.floor())
