"""A log-mel spectrogram in plain NumPy, to compare a model's front end with; the service itself never computes one."""

from typing import Any

import numpy as np
import numpy.typing as npt

from signalcraft.audio.decode import SAMPLE_RATE_HZ, Waveform

# Slaney's mel scale: linear below 1 kHz, 200/3 Hz a mel, logarithmic above, 27 mels for a factor of 6.4.
_LINEAR_HZ_PER_MEL = 200 / 3
_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27


def log_mel(waveform: Waveform, settings: dict[str, Any]) -> npt.NDArray[np.float64]:
    """Natural log of the power in each mel band and whole frame, shape (frames, bands).

    waveform: float32, shape (samples,), 16 kHz. settings: as in a card's `training.settings.mel`.
    Source: Davis & Mermelstein 1980; filter shapes and scale as in Slaney's Auditory Toolbox (librosa's default).
    """
    size, hop = int(settings["frame_samples"]), int(settings["hop_samples"])
    frames = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), size)[::hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    mel = power @ _filters(size, int(settings["bands"]), settings["lowest_hz"], settings["highest_hz"]).T
    return np.asarray(np.log(np.maximum(mel, settings["power_floor"])))


def band_edges_hz(bands: int, lowest_hz: float, highest_hz: float) -> npt.NDArray[np.float64]:
    """Where the triangles begin, peak and end: bands + 2 frequencies in Hz."""
    return _hz(np.linspace(_mel(lowest_hz), _mel(highest_hz), bands + 2))


def _filters(size: int, bands: int, lowest_hz: float, highest_hz: float) -> npt.NDArray[np.float64]:
    """Triangles of unit area, shape (bands, size // 2 + 1)."""
    edges = band_edges_hz(bands, lowest_hz, highest_hz)
    bins_hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    rising = (bins_hz - edges[:-2, np.newaxis]) / np.diff(edges)[:-1, np.newaxis]
    falling = (edges[2:, np.newaxis] - bins_hz) / np.diff(edges)[1:, np.newaxis]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, np.newaxis])


def _mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(
        mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    )
