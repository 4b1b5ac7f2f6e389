"""The picture of a recording: its spectrogram beside its spectrum and what is normal. Drawn in an inference process.

Pillow draws it: 10 MB and a third of the time that a plotting library takes to be loaded.
"""

import io
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from signalcraft.audio.bands import BAND_EDGES_HZ
from signalcraft.audio.decode import SAMPLE_RATE_HZ, Clip, Waveform
from signalcraft.audio.spectrum import level_free, third_octaves_dbfs
from signalcraft.diagnosis.explanation import differences_db
from signalcraft.diagnosis.picture_request import PictureRequest

Scale: TypeAlias = Callable[[float], float]
Box: TypeAlias = tuple[int, int, int, int]
Colour: TypeAlias = tuple[int, int, int]

_SIZE = (1080, 540)
# Left, top, right, bottom.
_LEFT: Box = (64, 84, 680, 480)
_RIGHT: Box = (790, 84, 1060, 480)
_BAR: Box = (692, 84, 706, 480)
_LOWEST_HZ, _HIGHEST_HZ = BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1]
_TICKS_HZ = (63, 125, 250, 500, 1000, 2000, 4000)
_FRAME = 2048
# What lies further below the loudest is black: a microphone's own noise.
_RANGE_DB = 70.0
_POWER_FLOOR = 1e-14
# Seven colours of viridis (CC0), which stays readable in grey and for the colour-blind.
_COLOURS = np.array(
    [
        (68, 1, 84),
        (68, 57, 131),
        (49, 104, 142),
        (33, 145, 140),
        (53, 183, 121),
        (143, 215, 68),
        (253, 231, 37),
    ]
)
_INK, _GREY, _SHADE = (30, 30, 30), (150, 150, 150), (205, 222, 240)
_NORMAL, _CLIP, _MARK = (40, 90, 160), (190, 40, 30), (240, 120, 20)


def draw(clip: Clip, request: PictureRequest) -> bytes:
    """A PNG: time and frequency on the left, level and frequency on the right, differing bands marked in both."""
    image = Image.new("RGB", _SIZE, "white")
    levels_db, top_db = _spectrogram(clip.waveform)
    width, height = _LEFT[2] - _LEFT[0], _LEFT[3] - _LEFT[1]
    image.paste(_coloured(levels_db, top_db).resize((width, height), Image.Resampling.BILINEAR), _LEFT[:2])
    canvas = _Canvas(image)
    canvas.text((_LEFT[0], 10), request.title, size=17)
    canvas.text((_LEFT[0], 36), request.subtitle, size=13)
    _frame_spectrogram(canvas, clip.waveform.size / SAMPLE_RATE_HZ, request.decisive_s)
    _frame_colours(canvas, top_db)
    _frame_spectrum(canvas, clip.waveform, request)
    for low_hz, high_hz, difference_db in request.bands:
        _mark(canvas, low_hz, high_hz, difference_db)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


class _Canvas:
    """Lines and words on the image."""

    def __init__(self, image: Image.Image) -> None:
        self.lines = ImageDraw.Draw(image)

    def text(
        self, at: tuple[float, float], words: str, *, size: int = 12, anchor: str = "la", fill: Colour = _INK
    ) -> None:
        self.lines.text(at, words, font=ImageFont.load_default(size), anchor=anchor, fill=fill)


def _spectrogram(waveform: Waveform) -> tuple[npt.NDArray[np.float64], float]:
    """Levels in dB, shape (rows, columns), rows from high to low in even steps of pitch; and the level on top."""
    columns, rows = _LEFT[2] - _LEFT[0], _LEFT[3] - _LEFT[1]
    frames = np.lib.stride_tricks.sliding_window_view(waveform, _FRAME)
    # No more than one frame for each column of pixels, however long the clip.
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, columns).astype(int))]
    window = np.hanning(_FRAME + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 * 2 / ((window**2).sum() * _FRAME)
    decibels = 10 * np.log10(np.maximum(power, _POWER_FLOOR))
    pitches_hz = np.geomspace(_HIGHEST_HZ, _LOWEST_HZ, rows)
    bins = np.clip(np.round(pitches_hz / (SAMPLE_RATE_HZ / _FRAME)).astype(int), 0, _FRAME // 2)
    return decibels[:, bins].T, float(np.percentile(decibels, 99.9))


def _coloured(levels_db: npt.NDArray[np.float64], top_db: float) -> Image.Image:
    share = np.clip((levels_db - top_db) / _RANGE_DB + 1, 0, 1) * (len(_COLOURS) - 1)
    places = np.arange(len(_COLOURS))
    colours = np.stack([np.interp(share, places, _COLOURS[:, channel]) for channel in range(3)], axis=-1)
    return Image.fromarray(colours.astype(np.uint8))


def _frame_spectrogram(canvas: _Canvas, duration_s: float, decisive_s: tuple[float, float] | None) -> None:
    left, top, right, bottom = _LEFT
    _axes(canvas, _LEFT, "Hz")
    along: Scale = lambda second: left + (right - left) * second / duration_s  # noqa: E731 - a scale, as the others
    step_s = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10) if duration_s / step <= 8 or step == 10)  # noqa: PLR2004
    for tick in range(int(duration_s / step_s + 1e-9) + 1):
        x = along(tick * step_s)
        canvas.lines.line((x, bottom, x, bottom + 5), fill=_INK)
        canvas.text((x, bottom + 8), f"{tick * step_s:g}", anchor="ma")
    canvas.text(((left + right) / 2, bottom + 26), "time in s", anchor="ma")
    if decisive_s is not None:
        start, end = along(decisive_s[0]), along(min(decisive_s[1], duration_s))
        canvas.lines.line((start, top - 7, end, top - 7), fill=_MARK, width=4)
        canvas.text(((start + end) / 2, top - 26), "decisive seconds", anchor="ma", fill=_MARK)


def _frame_colours(canvas: _Canvas, top_db: float) -> None:
    left, top, right, bottom = _BAR
    for y in range(top, bottom):
        share = (bottom - y) / (bottom - top) * (len(_COLOURS) - 1)
        colour = [int(np.interp(share, range(len(_COLOURS)), _COLOURS[:, channel])) for channel in range(3)]
        canvas.lines.line((left, y, right, y), fill=(colour[0], colour[1], colour[2]))
    for step in range(0, int(_RANGE_DB) + 1, 10):
        place = top + (bottom - top) * step / _RANGE_DB
        canvas.text((right + 5, place), f"{top_db - step:.0f}", anchor="lm", size=11)
    canvas.text((left, top - 18), "dBFS", size=11)


def _frame_spectrum(canvas: _Canvas, waveform: Waveform, request: PictureRequest) -> None:
    """The clip's third-octave levels over the normal ones, on the axis of pitch."""
    left, _, right, bottom = _RIGHT
    _axes(canvas, _RIGHT, "Hz")
    clip = level_free(third_octaves_dbfs(waveform)).tolist()
    normal = request.normal
    if normal is not None:
        # As loud as normal on the whole, as the marked differences are.
        apart = differences_db(clip, normal)
        clip = [usual + difference for usual, difference in zip(normal.mean_db, apart, strict=True)]
    known = [*clip, *(normal.mean_db if normal else ())]
    lowest, highest = 10 * np.floor(min(known) / 10), 10 * np.ceil(max(known) / 10)
    along: Scale = lambda level: left + (right - left) * (level - lowest) / (highest - lowest)  # noqa: E731 - as above
    for level in np.arange(lowest, highest + 1, 20 if highest - lowest > 50 else 10):  # noqa: PLR2004
        canvas.lines.line((along(level), bottom, along(level), bottom + 5), fill=_INK)
        canvas.text((along(level), bottom + 8), f"{level:+.0f}" if level else "0", anchor="ma")
    canvas.text(
        ((left + right) / 2, bottom + 26), "third-octave level in dB, matched in loudness", anchor="ma"
    )
    if normal is not None:
        for band, (mean, spread) in enumerate(zip(normal.mean_db, normal.spread_db, strict=True)):
            ends = np.clip([along(mean - 2 * spread), along(mean + 2 * spread)], left, right)
            canvas.lines.rectangle((ends[0], _y(band + 1) + 1, ends[1], _y(band)), fill=_SHADE)
        _steps(canvas, normal.mean_db, along, _NORMAL)
        canvas.text((left - 40, 36), f"{request.normal_name}, ± 2 standard deviations", fill=_NORMAL, size=11)
    else:
        canvas.text((left - 40, 36), "no normal is known to compare with", fill=_GREY, size=11)
    _steps(canvas, clip, along, _CLIP)
    canvas.text((left - 40, 52), "this recording", fill=_CLIP, size=11)


def _steps(canvas: _Canvas, levels_db: Sequence[float], along: Scale, colour: Colour) -> None:
    points = [(along(level), y) for band, level in enumerate(levels_db) for y in (_y(band), _y(band + 1))]
    canvas.lines.line(points, fill=colour, width=2)


def _mark(canvas: _Canvas, low_hz: float, high_hz: float, difference_db: float) -> None:
    top, bottom = _pitch(min(high_hz, _HIGHEST_HZ)), _pitch(max(low_hz, _LOWEST_HZ))
    for left, _, right, _ in (_LEFT, _RIGHT):
        canvas.lines.rectangle((left, top, right, bottom), outline=_MARK, width=2)
    canvas.text(
        (_RIGHT[2] - 5, (top + bottom) / 2), f"{difference_db:+.1f} dB", anchor="rm", fill=_MARK, size=13
    )


def _axes(canvas: _Canvas, box: Box, unit: str) -> None:
    left, top, right, bottom = box
    canvas.lines.rectangle((left, top, right, bottom), outline=_INK)
    for tick in _TICKS_HZ:
        y = _pitch(tick)
        canvas.lines.line((left - 5, y, left, y), fill=_INK)
        canvas.text((left - 8, y), f"{tick}", anchor="rm")
    canvas.text((left - 8, top - 4), unit, anchor="rs")


def _pitch(hz: float) -> float:
    """Where a frequency lies, in both plots."""
    _, top, _, bottom = _LEFT
    return float(bottom - (bottom - top) * np.log(hz / _LOWEST_HZ) / np.log(_HIGHEST_HZ / _LOWEST_HZ))


def _y(edge: int) -> float:
    return _pitch(BAND_EDGES_HZ[edge])
