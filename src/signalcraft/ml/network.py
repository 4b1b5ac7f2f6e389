"""The network: log-mel to states, small enough for one core."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from signalcraft.ml.frontend import LogMel
from signalcraft.ml.mel import MelSettings


@dataclass(frozen=True)
class NetworkSettings:
    """Channels after each of the four halvings in frequency, and the width of the embedding."""

    channels: tuple[int, int, int, int] = (16, 32, 48, 96)
    embedding: int = 128
    dropout: float = 0.2


class CompressorNetwork(nn.Module):  # type: ignore[misc]
    """A residual convolutional network over the log-mel, judged at every step of time and averaged.

    Input float32 [batch, samples] at 16 kHz; output logits [batch, classes], embedding [batch, d], log-mel
    [batch, frames, bands]. It hears the spectrum twice: less the clip's mean level, so that loudness says nothing, and
    less each band's mean, so that what moves is heard whatever the microphone's response. Frequency is never averaged
    away, since a state is known by which bands change.
    """

    def __init__(self, classes: int, mel: MelSettings, settings: NetworkSettings) -> None:
        super().__init__()
        self.log_mel = LogMel(mel).float()
        first, second, third, fourth = settings.channels
        self.body = nn.Sequential(
            nn.Conv2d(2, first, 5, stride=(2, 2), padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            _Residual(first, second, stride=(1, 2)),
            _Residual(second, third, stride=(2, 2)),
            _Residual(third, fourth, stride=(2, 2)),
        )
        rows = mel.bands // 16
        self.across_bands = nn.Sequential(
            nn.Conv2d(fourth, settings.embedding, (1, rows), bias=False),
            nn.BatchNorm2d(settings.embedding),
            nn.ReLU(),
        )
        self.embed = nn.Sequential(nn.Linear(2 * settings.embedding, settings.embedding), nn.ReLU())
        self.dropout = nn.Dropout(settings.dropout)
        self.judge = nn.Linear(settings.embedding, classes)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, embedding and log-mel of each waveform."""
        log_mel = self.log_mel(waveform)
        logits, embedding = self.from_log_mel(log_mel)
        return logits, embedding, log_mel

    def from_log_mel(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and embedding of a log-mel [batch, frames, bands]."""
        steps = self.across_bands(self.body(two_views(log_mel))).squeeze(-1)
        embedding = self.embed(torch.cat([steps.mean(dim=-1), steps.amax(dim=-1)], dim=-1))
        return self.judge(self.dropout(embedding)), embedding


def two_views(log_mel: Tensor) -> Tensor:
    """The spectrum less its mean level, and less each band's mean over time; [batch, 2, frames, bands]."""
    level_free = log_mel - log_mel.mean(dim=(1, 2), keepdim=True)
    movement = log_mel - log_mel.mean(dim=1, keepdim=True)
    # Natural log of power varies by some units; halving it brings the input near unit variance.
    return torch.stack([level_free, movement], dim=1) / 2


class _Residual(nn.Module):  # type: ignore[misc]
    """Two 3 by 3 convolutions beside a shortcut of one by one."""

    def __init__(self, before: int, after: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(stride, ceil_mode=True),
            nn.Conv2d(before, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, image: Tensor) -> Tensor:
        return torch.relu(self.main(image) + self.shortcut(image))
