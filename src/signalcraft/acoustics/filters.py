"""Triangular filters over the frequencies of a discrete Fourier transform."""

import numpy as np
import numpy.typing as npt


def triangles(corners_hz: npt.ArrayLike, *, fft_samples: int, sample_rate_hz: int) -> npt.NDArray[np.float32]:
    """Triangles that rise from one corner to the next and fall to the one after it, of height 1.

    Returns float32, shape (fft_samples // 2 + 1, corners - 2). A triangle narrower than two frequencies of the transform
    is widened to them, so that none is empty.
    """
    corners = np.asarray(corners_hz, dtype=np.float64)
    frequencies = np.fft.rfftfreq(fft_samples, 1 / sample_rate_hz)[:, np.newaxis]
    step_hz = sample_rate_hz / fft_samples
    middle = corners[1:-1]
    low, high = np.minimum(corners[:-2], middle - step_hz), np.maximum(corners[2:], middle + step_hz)
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), dtype=np.float32)


def combined(filters: npt.NDArray[np.float32], neighbours: int) -> npt.NDArray[np.float32]:
    """Each `neighbours` filters as one, their sum: broader, and flat in its middle."""
    return np.asarray(filters.reshape(len(filters), -1, neighbours).sum(axis=2))


def mel_corners(lowest_hz: float, highest_hz: float, bands: int) -> npt.NDArray[np.float64]:
    """Corners of `bands` triangles, evenly spaced in mel.

    Source: O'Shaughnessy 1987, mel = 2595 log10(1 + f / 700).
    """
    lowest, highest = 2595 * np.log10(1 + np.array([lowest_hz, highest_hz]) / 700)
    return np.asarray(700 * (10 ** (np.linspace(lowest, highest, bands + 2) / 2595) - 1))


def spaced_corners(
    lowest_hz: float, highest_hz: float, *, least_hz: float, ratio: float
) -> npt.NDArray[np.float64]:
    """Corners that are `ratio` of their frequency apart (0.06 is a twelfth of an octave), but at least `least_hz`."""
    corners = [lowest_hz]
    while corners[-1] < highest_hz:
        corners.append(corners[-1] + max(least_hz, ratio * corners[-1]))
    return np.asarray(corners)
