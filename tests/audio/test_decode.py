"""Good recordings come out as they went in; each bad one has an error of its own."""

import io
import itertools
import os
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.audio import errors
from signalcraft.audio.decode import Clip, decode
from tests.conftest import SHARED_DATA
from tests.recordings import PACKINGS, machine, opened, packed

EXACT = ("wav", "wav of floats", "wav, extensible", "flac")


def decoded(content: bytes) -> Clip:
    with opened(content) as file:
        return decode(file)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_libsndfile_writes_is_read(packing, channels):
    clip = decoded(packed(machine(channels=channels), packing=packing))

    assert clip.waveform.dtype == np.float32
    assert clip.waveform.ndim == 1
    # ADPCM fills its last block.
    assert len(clip.waveform) == pytest.approx(32_000, abs=2048 if "ADPCM" in packing else 0)
    assert (clip.facts.sample_rate_hz, clip.facts.channels) == (16_000, channels)
    assert clip.facts.duration_s == pytest.approx(2, abs=0.2)
    assert clip.facts.peak_dbfs == pytest.approx(
        20 * np.log10(np.abs(machine(channels=channels)).max()), abs=2
    )


@pytest.mark.parametrize("packing", EXACT)
def test_16_khz_mono_comes_through_unchanged(packing):
    clip = decoded(packed(machine(), packing=packing))

    assert np.allclose(clip.waveform, machine()[:, 0], atol=1 / 32_768)


def test_channels_are_averaged():
    left, right = machine()[:, 0], np.flip(machine()[:, 0])

    clip = decoded(packed(np.stack([left, right], axis=1)))

    assert np.allclose(clip.waveform, (left + right) / 2, atol=1 / 16_384)


@pytest.mark.parametrize("sample_rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_sample_rate_becomes_16_khz(sample_rate_hz):
    times_s = np.arange(round(2.5 * sample_rate_hz)) / sample_rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 1000 * times_s)

    clip = decoded(packed(tone, sample_rate_hz))

    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(40_000) / 16_000)
    assert len(clip.waveform) == pytest.approx(40_000, abs=1)
    # The ends ring, as with every band limit.
    assert np.allclose(clip.waveform[400:-400], expected[400 : len(clip.waveform) - 400], atol=2e-3)


def test_the_block_by_block_result_is_that_of_one_piece():
    long = machine(20, 44_100, channels=2)

    clip = decoded(packed(long, 44_100, "wav of floats"))

    import soxr  # noqa: PLC0415 - the reference of this test alone

    whole = soxr.resample(long.mean(axis=1).astype(np.float32), 44_100, 16_000)
    assert len(whole) == len(clip.waveform)
    assert np.allclose(whole, clip.waveform, atol=1e-5)


def test_the_files_position_is_neither_minded_nor_moved():
    with opened(packed(machine())) as file:
        os.lseek(file, 1000, os.SEEK_SET)

        first, second = decode(file), decode(file)

        assert os.lseek(file, 0, os.SEEK_CUR) == 1000
    assert np.array_equal(first.waveform, second.waveform)


def test_no_descriptor_is_left_open():
    contents = [packed(machine()), packed(machine())[:9000], b"text" * 100, b"", packed(machine(0.1))]
    before = len(os.listdir("/proc/self/fd"))

    for content in contents:
        try:
            decoded(content)
        except errors.ClipRefused:
            continue

    assert len(os.listdir("/proc/self/fd")) == before


REFUSED = {
    "nothing": (b"", errors.ClipEmpty),
    "text": (b"This is not a recording. " * 100, errors.NotAudio),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(5000), errors.NotAudio),
    "an ID3 tag of nothing": (b"ID3\x04\0\0\0\0\0\x0a" + bytes(5000), errors.NotAudio),
    "too large": (b"RIFF" + bytes(10 * 1024**2), errors.ClipTooLarge),
    "aiff": (b"FORM\0\0\0\0AIFF" + bytes(5000), errors.UnsupportedFormat),
    "m4a": (b"\0\0\0\x20ftypM4A " + bytes(5000), errors.UnsupportedFormat),
    "aac": (b"\xff\xf1\x50\x80" + bytes(5000), errors.UnsupportedFormat),
    "mp2": (b"\xff\xfd\x88\xc4" + bytes(5000), errors.UnsupportedFormat),
    "speex in ogg": (b"OggS\0\x02" + bytes(20) + b"\x01\x50Speex   " + bytes(500), errors.UnsupportedFormat),
    "a wav header and no chunk": (packed(machine())[:14], errors.ClipTruncated),
    "a wav of a codec that nobody knows": (
        packed(machine())[:20] + b"\x99\x99" + packed(machine())[22:],
        errors.HeaderUnreadable,
    ),
    "half a flac header": (packed(machine(), packing="flac")[:20], errors.HeaderUnreadable),
    "no samples": (packed(machine(0)), errors.ClipTooShort),
    "too short": (packed(machine(0.49)), errors.ClipTooShort),
    "too long": (packed(machine(60.1, 8_000), 8_000), errors.ClipTooLong),
    "too long, as mp3": (packed(machine(61, 8_000), 8_000, "mp3"), errors.ClipTooLong),
    "a low sample rate": (packed(machine(2, 4_000), 4_000), errors.UnsupportedSampleRate),
    "a high sample rate": (packed(machine(2, 192_000), 192_000), errors.UnsupportedSampleRate),
    "three channels": (packed(machine(channels=3)), errors.UnsupportedChannels),
    "NaN": (packed(np.full(32_000, np.nan), packing="wav of floats"), errors.ClipNotFinite),
    "one NaN": (
        packed(np.r_[machine()[:, 0], np.nan, machine(9)[:, 0]], packing="wav of floats"),
        errors.ClipNotFinite,
    ),
    "infinite": (packed(np.r_[machine()[:, 0], -np.inf], packing="wav of floats"), errors.ClipNotFinite),
    "integers written as floats": (
        packed(machine() * 32_768, packing="wav of floats"),
        errors.ClipOutOfScale,
    ),
    "digital silence": (packed(np.zeros(32_000)), errors.ClipSilent),
    "rounding noise": (packed(machine(level=3e-5)), errors.ClipSilent),
    "a constant offset": (packed(np.full(32_000, -0.4)), errors.ClipSilent),
    "a constant offset at 44.1 kHz": (packed(np.full(88_200, 1.0), 44_100), errors.ClipSilent),
    "nothing below 8 kHz": (
        packed(np.hanning(96_000) * np.sin(2.6 * np.arange(96_000)), 48_000, "wav of floats"),
        errors.ClipSilent,
    ),
    "opposite channels": (packed(machine() * [1, -1]), errors.ClipSilent),
    "a square wave": (packed(np.sign(machine()) * 1.0), errors.ClipClipped),
    "clipped by 40 dB": (packed((machine() * 100).clip(-1, 1)), errors.ClipClipped),
    "clipped, of 8 bits": (packed(np.sign(machine()) * 0.993), errors.ClipClipped),
}


@pytest.mark.parametrize("what", REFUSED)
def test_each_bad_recording_has_its_own_error(what):
    content, error = REFUSED[what]

    with pytest.raises(errors.ClipRefused) as refused:
        decoded(content)

    assert type(refused.value) is error, refused.value
    assert 400 <= error.status < 500
    assert str(refused.value).endswith(".")
    assert "{" not in str(refused.value)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("part", [0.05, 0.3, 0.7, 0.97])
def test_a_recording_that_breaks_off_is_not_judged_by_its_beginning(packing, part):
    whole = packed(machine(4), packing=packing)

    with pytest.raises(errors.ClipTruncated):
        decoded(whole[: round(len(whole) * part)])


@pytest.mark.parametrize("packing", ["flac", "ogg vorbis", "ogg opus"])
def test_damage_in_the_middle_is_found(packing):
    content = bytearray(packed(machine(4), packing=packing))
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)

    with pytest.raises(errors.ClipTruncated):
        decoded(bytes(content))


OGG = {packing: packed(machine(4), packing=packing) for packing in ("ogg vorbis", "ogg opus")}


def ogg_pages(content: bytes) -> list[bytes]:
    starts = [found.start() for found in re.finditer(b"OggS\\0", content)]
    return [content[start:end] for start, end in itertools.pairwise([*starts, len(content)])]


@pytest.mark.parametrize("packing", OGG)
@given(data=st.data())
def test_any_flipped_bit_of_an_ogg_is_found(packing, data):
    content = bytearray(OGG[packing])
    first_page = len(ogg_pages(OGG[packing])[0])
    content[data.draw(st.integers(first_page, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(errors.ClipTruncated):
        decoded(bytes(content))


@pytest.mark.parametrize("packing", OGG)
def test_any_missing_page_of_an_ogg_is_found(packing):
    pages = ogg_pages(OGG[packing])
    assert len(pages) > 4

    for missing in range(1, len(pages)):
        with pytest.raises(errors.ClipTruncated):
            decoded(b"".join(pages[:missing] + pages[missing + 1 :]))


def test_an_ogg_whose_header_fills_several_pages_is_read():
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 16_000, 1, format="OGG", subtype="VORBIS") as stream:
        stream.comment = "Compressor 3, east wall. " * 4_000
        stream.write(machine())
    assert len(ogg_pages(file.getvalue())[1]) > 60_000

    assert decoded(file.getvalue()).facts.duration_s == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("packing", OGG)
@pytest.mark.parametrize("duration_s", [0.6, 1, 5, 30, 59])
@pytest.mark.parametrize("sample_rate_hz", [8_000, 48_000])
def test_an_ogg_of_any_length_is_whole(packing, duration_s, sample_rate_hz):
    container, subtype = PACKINGS[packing]
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", sample_rate_hz, 1, format=container, subtype=subtype) as stream:
        for second in range(0, round(duration_s * 10), 10):  # libvorbis has no room for a minute at once
            stream.write(machine(min(1, duration_s - second / 10), sample_rate_hz))

    assert decoded(file.getvalue()).facts.duration_s == pytest.approx(duration_s, abs=0.2)


@pytest.mark.parametrize("length", [0x7FFF_F000, 0xFFFF_FFFF])
def test_a_wav_whose_writer_did_not_come_to_know_its_length_is_read(length):
    content = bytearray(packed(machine()))
    content[4:8] = content[40:44] = struct.pack("<I", length)

    assert len(decoded(bytes(content)).waveform) == 32_000


def test_a_wav_whose_recorder_was_switched_off_is_not_called_short():
    content = bytearray(packed(machine()))
    content[4:8] = content[40:44] = bytes(4)

    with pytest.raises(errors.ClipTruncated):
        decoded(bytes(content))


def test_a_flac_from_a_pipe_which_does_not_know_its_length_is_read():
    # STREAMINFO's number of samples is the lower 36 bits of its bytes 13 to 17; 0 is "unknown".
    content = bytearray(packed(machine(), packing="flac"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)

    assert len(decoded(bytes(content)).waveform) == 32_000


def test_a_flac_from_a_pipe_is_not_decoded_beyond_the_limit():
    content = bytearray(packed(machine(70, 8_000), 8_000, "flac"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)

    with pytest.raises(errors.ClipTooLong):
        decoded(bytes(content))


def test_an_mp3_behind_an_id3_tag_is_read():
    tag = b"ID3\x04\0\0\0\0\x01\x00" + bytes(128)

    assert len(decoded(tag + packed(machine(), packing="mp3")).waveform) == 32_000


def test_an_mp3_without_a_length_is_read_where_its_bit_rate_is_constant():
    first, *others = mp3_frames(constant=True)
    assert b"Info" in first

    clip = decoded(b"".join(others))

    # The encoder's delay and padding are no longer known, so they are heard.
    assert 2 <= clip.facts.duration_s < 2.2


def test_an_mp3_of_which_libsndfile_would_play_a_part_is_refused():
    first, *others = mp3_frames(constant=False)
    assert b"Xing" in first

    with pytest.raises(errors.UnsupportedFormat, match="Xing"):
        decoded(b"".join(others))


def mp3_frames(*, constant: bool) -> list[bytes]:
    """The frames of an MP3, silent first and loud later, so that a variable bit rate varies."""
    samples = np.concatenate([machine(0.5, level=1e-4), machine(1.5, level=0.9)])
    file = io.BytesIO()
    soundfile.write(
        file,
        samples,
        16_000,
        format="MP3",
        bitrate_mode="CONSTANT" if constant else "VARIABLE",
        compression_level=0.3,
    )
    content, frames = file.getvalue(), []
    while content:
        kbit_s = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[content[2] >> 4]
        size = 72 * kbit_s * 1000 // 16_000 + (content[2] >> 1 & 1)
        frames.append(content[:size])
        content = content[size:]
    return frames


def test_a_wav_of_a_million_chunks_is_refused_quickly():
    content = packed(machine())[:12] + b"junk\0\0\0\0" * 1_000_000

    with pytest.raises(errors.ClipRefused):
        decoded(content)


def test_the_longest_recording_takes_little_memory():
    program = """
import resource, sys
from signalcraft.audio.decode import decode
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as file:
    clip = decode(file.fileno())
print(len(clip.waveform), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    longest = packed(np.tile(machine(1, 96_000, 2, level=1e-3), (60, 1)), 96_000, "flac")
    with opened(longest) as file:
        printed = subprocess.run(
            [sys.executable, "-c", program, f"/proc/{os.getpid()}/fd/{file}"],
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        ).stdout
    samples, grown_kib = map(int, printed.split())
    assert samples == 960_000
    assert grown_kib < 40 * 1024


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the recordings in ../shared/data are not here")
def test_the_real_recordings_are_accepted():
    clips = sorted((SHARED_DATA / "air_compressor" / "validation").glob("*/*.flac"))[::7]
    assert clips
    for path in clips:
        with path.open("rb") as file:
            assert decode(file.fileno()).facts.duration_s > 2
