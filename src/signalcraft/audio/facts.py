"""What is told about a recording besides what it means."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """A recording as it was sent, before it was resampled.

    `duration_s` and `peak_dbfs` are measured on the decoded samples, not read from the header; `peak_dbfs` is the
    largest absolute sample of all channels in dB relative to full scale (±1).
    """

    duration_s: float
    sample_rate_hz: int
    channels: int
    peak_dbfs: float
