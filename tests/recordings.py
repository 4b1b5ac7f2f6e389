"""Recordings for the tests: made, packed and spoiled."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile

# What libsndfile writes of the four containers: container, subtype, largest sample rate of its codec.
PACKINGS = {
    "wav": ("WAV", "PCM_16"),
    "wav of floats": ("WAV", "FLOAT"),
    "wav, extensible": ("WAVEX", "PCM_24"),
    "wav, ADPCM": ("WAV", "MS_ADPCM"),
    "flac": ("FLAC", "PCM_16"),
    "ogg vorbis": ("OGG", "VORBIS"),
    "ogg opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def machine(
    duration_s: float = 2.0, sample_rate_hz: int = 16_000, channels: int = 1, level: float = 0.1
) -> np.ndarray:
    """A hum with noise, shape (samples, channels), the same each time."""
    times_s = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    noise = np.random.default_rng(1).normal(0, level / 2, (len(times_s), channels))
    return (noise + level * np.sin(2 * np.pi * 120 * times_s)[:, np.newaxis]).clip(-1, 1)


def packed(samples: np.ndarray, sample_rate_hz: int = 16_000, packing: str = "wav") -> bytes:
    """The samples as a file."""
    container, subtype = PACKINGS[packing]
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, format=container, subtype=subtype)
    return file.getvalue()


@contextmanager
def opened(content: bytes) -> Iterator[int]:
    """The content as an open file without a name, as an upload is."""
    file = os.memfd_create("recording")
    try:
        os.write(file, content)
        yield file
    finally:
        os.close(file)
