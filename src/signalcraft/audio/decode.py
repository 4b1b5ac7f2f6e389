"""A recording's file, decoded: checked from its header, then read in blocks to 16 kHz mono."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from signalcraft.audio import checks
from signalcraft.audio.containers import Container, identify
from signalcraft.audio.errors import (
    ClipTooLong,
    ClipTruncated,
    HeaderUnreadable,
    UnsupportedFormat,
)
from signalcraft.audio.facts import ClipFacts
from signalcraft.audio.mp3 import Survey
from signalcraft.audio.wholeness import require_whole_mp3, require_whole_ogg, require_whole_wav

Waveform: TypeAlias = npt.NDArray[np.float32]

# What the models hear.
SAMPLE_RATE_HZ = 16_000
# A 3 s clip of a sensor fits into one block; of the longest clip, 0.5 MB are decoded at a time.
_BLOCK_FRAMES = 65_536
# libsndfile's mark for "the header does not say" (SF_COUNT_MAX), as in a FLAC written into a pipe.
_FRAMES_UNKNOWN = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A decoded recording. waveform: float32, shape (samples,), 16 kHz mono, full scale ±1 (lossy codecs overshoot)."""

    waveform: Waveform
    facts: ClipFacts


class _Stream(soundfile.SoundFile):  # type: ignore[misc] # soundfile publishes no types
    """A sound file that is read from its beginning to its end."""

    def seekable(self) -> bool:
        # soundfile seeks after every read of a seekable file, which decodes FLAC twice and fails where it is cut off.
        return False


def decode(file: int, *, max_bytes: int = checks.MAX_BYTES) -> Clip:
    """Check and decode the open file `file`, all of it, wherever its position is; it stays open.

    Channels are averaged. Nothing is decoded before the header was found acceptable, and never more than 60 s.

    Raises:
        ClipRefused: one of its subclasses says why the recording can't be judged.
    """
    checks.check_size(file, max_bytes=max_bytes)
    container, start = identify(file)
    survey = _require_whole(file, container, start)
    # Opened anew for a position of our own: the file's is shared with everybody who has it open.
    with open(f"/proc/self/fd/{file}", "rb", buffering=0) as own:  # noqa: PTH123 - a file without a name
        try:
            stream = _Stream(own.fileno(), closefd=False)
        except soundfile.LibsndfileError:
            raise HeaderUnreadable(container=container) from None
        with stream:
            _check_header(stream, container)
            return _decode(stream, container, survey)


def _decode(stream: _Stream, container: Container, survey: Survey | None) -> Clip:
    decoding = _Decoding(stream.samplerate)
    try:
        decoding.read(stream)
    except soundfile.LibsndfileError:
        raise ClipTruncated(container=container) from None
    _require_all(decoding.frames, stream.frames, container, survey)
    checks.check_duration(decoding.frames / stream.samplerate)
    levels, waveform = decoding.finish()
    checks.check_levels(levels)
    return Clip(
        waveform=waveform,
        facts=ClipFacts(
            duration_s=round(decoding.frames / stream.samplerate, 3),
            sample_rate_hz=stream.samplerate,
            channels=stream.channels,
            peak_dbfs=checks.dbfs(levels.peak),
        ),
    )


def _require_whole(file: int, container: Container, start: int) -> Survey | None:
    match container:
        case Container.WAV:
            require_whole_wav(file, start)
        case Container.OGG:
            require_whole_ogg(file, start)
        case Container.MP3:
            return require_whole_mp3(file, start, limit_s=checks.LONGEST_S)
        case Container.FLAC:
            pass  # Its header counts the samples, and each frame has a checksum: decoding shows what is missing.
    return None


def _check_header(stream: _Stream, container: Container) -> None:
    if stream.format.removesuffix("EX") != container or (
        stream.subtype.startswith("MPEG") and container is not Container.MP3
    ):
        raise UnsupportedFormat(found=f"{stream.subtype} in {stream.format}")
    checks.check_shape(stream.samplerate, stream.channels)
    if stream.frames != _FRAMES_UNKNOWN and container is not Container.MP3:
        checks.check_duration(stream.frames / stream.samplerate)


def _require_all(decoded: int, promised: int, container: Container, survey: Survey | None) -> None:
    if survey is None:
        if decoded < promised != _FRAMES_UNKNOWN:
            raise ClipTruncated(container=container)
    elif survey.is_tagged:
        if decoded < promised - survey.samples_per_frame:
            raise ClipTruncated(container=container)
    elif decoded < survey.samples - 3 * survey.samples_per_frame:
        # libsndfile guessed the length from the first frame and stopped there; the rest would go unheard.
        raise UnsupportedFormat(found="an MP3 of variable bit rate without a Xing header")


class _Decoding:
    """The blocks of one recording on their way to one waveform, measured as they pass."""

    def __init__(self, sample_rate_hz: int) -> None:
        self.frames = 0
        self._limit_frames = int(checks.LONGEST_S * sample_rate_hz)
        self._resampler = (
            None
            if sample_rate_hz == SAMPLE_RATE_HZ
            else soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
        )
        self._pieces: list[Waveform] = []
        self._samples = 0
        self._clipped = 0
        self._peak = 0.0
        self._mean_low, self._mean_high = np.inf, -np.inf

    def read(self, stream: _Stream) -> None:
        """Decode up to the end, or up to the limit: headers lie."""
        while len(block := stream.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
            self.frames += len(block)
            if self.frames > self._limit_frames:
                raise ClipTooLong(limit_s=checks.LONGEST_S)
            self._add(block)

    def finish(self) -> tuple[checks.Levels, Waveform]:
        """What was measured, and the waveform at 16 kHz."""
        if self._resampler is not None:
            self._pieces.append(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))
        waveform = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        # Sound that lies above 8 kHz only, and is lost in resampling, is silence to the model; so is a constant offset.
        swing = min(float(self._mean_high - self._mean_low) / 2, float(np.abs(waveform).max()))
        return checks.Levels(self._peak, swing, self._clipped / self._samples), waveform

    def _add(self, block: Waveform) -> None:
        magnitude = np.abs(block)
        peak = float(magnitude.max())  # NaN where one of the samples is
        checks.check_peak(peak)
        self._peak = max(self._peak, peak)
        self._samples += block.size
        self._clipped += int(np.count_nonzero(magnitude >= checks.FULL_SCALE))
        mono: Waveform = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
        self._mean_low = min(self._mean_low, mono.min())
        self._mean_high = max(self._mean_high, mono.max())
        self._pieces.append(mono if self._resampler is None else self._resampler.resample_chunk(mono))
