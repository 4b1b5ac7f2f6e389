"""Sounds that no machine of the corpus made, for the class `other`: what the network must not take for a compressor.

Each maker returns float32, shape (samples,), 16 kHz, peak at most 1.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft

from signalcraft.ml.augmentation import apply_response, random_response
from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform


def coloured_noise(samples: int, rng: np.random.Generator) -> Waveform:
    """Stationary noise of a random slope (-8 to +3 dB an octave) and a random smooth response."""
    frequencies_hz = np.maximum(fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 20.0)
    slope = (frequencies_hz / 1000) ** rng.uniform(-1.3, 0.5)
    white = rng.standard_normal(samples).astype(np.float32)
    return _at_peak(
        apply_response(white, slope.astype(np.float32) * random_response(samples, rng, spread_db=8))
    )


def swelling_noise(samples: int, rng: np.random.Generator) -> Waveform:
    """Coloured noise whose level swings at 0.3 to 30 Hz: waves, wind, a fan, steam."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    swing = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(0.3, 30) * time_s + rng.random()))
    return _at_peak(coloured_noise(samples, rng) * swing ** rng.uniform(0.5, 4))


def tones(samples: int, rng: np.random.Generator) -> Waveform:
    """One to six steady tones: whistles, mains hum, alarms."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    total = np.zeros(samples)
    for _ in range(int(rng.integers(1, 7))):
        pitch_hz = np.exp(rng.uniform(np.log(40), np.log(6000)))
        total += rng.random() * np.sin(2 * np.pi * (pitch_hz * time_s + rng.random()))
    return _at_peak(total)


def chirps(samples: int, rng: np.random.Generator) -> Waveform:
    """Sweeps from one pitch to another, repeated: birds, sirens, switching supplies."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    phase = (time_s * rng.uniform(0.2, 8) + rng.random()) % 1
    low_hz, high_hz = np.exp(rng.uniform(np.log(100), np.log(6000), 2))
    pitch_hz = low_hz * (high_hz / low_hz) ** phase
    return _at_peak(np.sin(2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ) * (phase < rng.uniform(0.2, 1)))


def voice(samples: int, rng: np.random.Generator) -> Waveform:
    """Syllables: a gliding harmonic voice through three formants, with breaths and pauses between."""
    total = np.zeros(samples, np.float32)
    start = 0
    while start < samples:
        length = int(rng.uniform(0.08, 0.4) * SAMPLE_RATE_HZ)
        total[start : start + length] += _syllable(length, rng)[: samples - start]
        start += length + int(rng.choice([0, 0.03, 0.3]) * SAMPLE_RATE_HZ)
    return _at_peak(total)


def music(samples: int, rng: np.random.Generator) -> Waveform:
    """Chords of decaying harmonic notes on a beat, at times with a drum."""
    total = np.zeros(samples, np.float32)
    beat = int(rng.uniform(0.15, 0.6) * SAMPLE_RATE_HZ)
    root_hz = rng.uniform(80, 400)
    for start in range(0, samples, beat):
        length = samples - start
        time_s = np.arange(length) / SAMPLE_RATE_HZ
        for step in rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 16, 19], int(rng.integers(1, 4))):
            pitch_hz = root_hz * 2 ** (step / 12)
            note = sum(
                np.sin(2 * np.pi * n * pitch_hz * time_s) / n ** rng.uniform(1, 2) for n in range(1, 6)
            )
            total[start:] += (note * np.exp(-time_s * rng.uniform(1, 8))).astype(np.float32)
        if rng.random() < 0.5:  # noqa: PLR2004 – half of the beats
            total[start:] += (rng.standard_normal(length) * np.exp(-time_s * 40)).astype(np.float32)
    return _at_peak(total)


def knocks(samples: int, rng: np.random.Generator) -> Waveform:
    """Decaying bursts at regular or random times: clocks, footsteps, doors, crackling."""
    total = np.zeros(samples, np.float32)
    period = rng.uniform(0.03, 1.0) * SAMPLE_RATE_HZ
    decay, pitch_hz = rng.uniform(20, 400), np.exp(rng.uniform(np.log(80), np.log(5000)))
    jitter = rng.choice([0.0, 0.05, 0.5])
    position = rng.uniform(0, period)
    while position < samples:
        time_s = np.arange(samples - int(position)) / SAMPLE_RATE_HZ
        ring = np.sin(2 * np.pi * pitch_hz * time_s) + rng.uniform(0, 1) * rng.standard_normal(time_s.size)
        total[int(position) :] += (rng.uniform(0.5, 1) * ring * np.exp(-decay * time_s)).astype(np.float32)
        position += max(period * (1 + jitter * rng.standard_normal()), 0.01 * SAMPLE_RATE_HZ)
    return _at_peak(total)


def engine(samples: int, rng: np.random.Generator) -> Waveform:
    """Another machine: harmonics of a shaft's turning, noise that swells with it, a random casing."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    turning_hz = np.exp(rng.uniform(np.log(4), np.log(150))) * (1 + rng.uniform(-0.03, 0.03) * time_s)
    phase = np.cumsum(turning_hz) / SAMPLE_RATE_HZ
    orders = np.arange(1, int(rng.integers(3, 40)))
    strengths = rng.random(orders.size) * orders ** rng.uniform(-1.5, 0)
    total = sum(
        a * np.sin(2 * np.pi * (n * phase + rng.random())) for n, a in zip(orders, strengths, strict=True)
    )
    swing = 0.5 + 0.5 * np.sin(2 * np.pi * phase * rng.integers(1, 4))
    hiss = coloured_noise(samples, rng) * swing ** rng.uniform(0, 6)
    sound = _at_peak(_at_peak(total) + rng.uniform(0, 2) * hiss)
    return _at_peak(apply_response(sound, random_response(samples, rng, spread_db=10)))


def rain(samples: int, rng: np.random.Generator) -> Waveform:
    """Many small hits, each short and bright, over a hiss: rain, frying, gravel, a shower."""
    hits = np.zeros(samples, np.float32)
    places = rng.integers(0, samples, int(samples * np.exp(rng.uniform(np.log(0.001), np.log(0.1)))))
    hits[places] = rng.standard_normal(places.size) * rng.exponential(1.0, places.size) ** 2
    decay = np.exp(-np.arange(800) / rng.uniform(5, 200)) * rng.standard_normal(800)
    heard = _at_peak(fft.irfft(fft.rfft(hits, samples + 800) * fft.rfft(decay, samples + 800))[:samples])
    return _at_peak(heard + rng.uniform(0, 0.3) * coloured_noise(samples, rng))


def hum(samples: int, rng: np.random.Generator) -> Waveform:
    """Mains hum with its harmonics, buzzing as a transformer, a choke or a bad ground does, over some hiss."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    mains_hz = rng.choice([50.0, 60.0]) * (1 + rng.uniform(-0.003, 0.003))
    steepness, total = rng.uniform(0, 2), np.zeros(samples)
    for order in range(1, int(rng.integers(4, 40))):
        strength = rng.random() / order**steepness * (1.0 if order % 2 == 0 else rng.random())
        total += strength * np.sin(2 * np.pi * (order * mains_hz * time_s + rng.random()))
    return _at_peak(_at_peak(total) + rng.uniform(0, 0.3) * coloured_noise(samples, rng))


def babble(samples: int, rng: np.random.Generator) -> Waveform:
    """Several voices at once: a shop, a canteen."""
    voices = (rng.uniform(0.2, 1) * voice(samples, rng) for _ in range(int(rng.integers(2, 6))))
    return _at_peak(np.sum([*voices], axis=0))


def gusts(samples: int, rng: np.random.Generator) -> Waveform:
    """Noise whose level wanders at random over tens of dB: wind, passing cars, a tap turned on and off."""
    steps = np.arange(0, samples + SAMPLE_RATE_HZ, int(rng.uniform(0.05, 0.8) * SAMPLE_RATE_HZ))
    levels = np.interp(np.arange(samples), steps, rng.normal(0, rng.uniform(3, 12), steps.size))
    return _at_peak(coloured_noise(samples, rng) * 10 ** (levels / 20))


def hybrid(samples: int, rng: np.random.Generator, noises: Sequence[Waveform]) -> Waveform:
    """A noise that never was: one noise's fine structure in another's spectrum, swelling as a third does.

    noises: at least one, each audible. The spectrum's envelope is taken over a third of an octave or more.
    """
    excitation, colour, swell = (
        np.resize(noises[int(rng.integers(len(noises)))], samples).astype(np.float32) for _ in range(3)
    )
    if rng.random() < 0.3:  # noqa: PLR2004 – as many with a featureless excitation
        excitation = rng.standard_normal(samples).astype(np.float32)
    width = int(np.exp(rng.uniform(np.log(50), np.log(400))) * samples / SAMPLE_RATE_HZ)
    spectrum = fft.rfft(excitation)
    envelopes = [_running_mean(np.abs(one), width) + 1e-9 for one in (spectrum, fft.rfft(colour))]
    sound = fft.irfft(spectrum / envelopes[0] * envelopes[1], n=samples)
    if rng.random() < 0.6:  # noqa: PLR2004 – the others keep their own swelling
        width = int(rng.uniform(0.02, 0.2) * SAMPLE_RATE_HZ)
        swelling = np.sqrt(_running_mean(swell**2, width) / (_running_mean(sound**2, width) + 1e-12))
        sound = sound * np.minimum(swelling, 30 * np.median(swelling) + 1e-6)
    return _at_peak(sound)


def near_silence(samples: int, rng: np.random.Generator) -> Waveform:
    """A cable with nothing on it: exact zeros, or noise of the last bits."""
    if rng.random() < 0.3:  # noqa: PLR2004 – exact silence is the rarer
        return np.zeros(samples, np.float32)
    return (rng.standard_normal(samples) * 10 ** rng.uniform(-5, -3)).astype(np.float32)


MAKERS: tuple[Callable[[int, np.random.Generator], Waveform], ...] = (
    coloured_noise,
    swelling_noise,
    tones,
    chirps,
    voice,
    music,
    knocks,
    engine,
    rain,
    hum,
    babble,
    gusts,
    near_silence,
)


def foreign_sound(samples: int, rng: np.random.Generator) -> Waveform:
    """One of the makers, or two of them together."""
    first = MAKERS[rng.integers(len(MAKERS))](samples, rng)
    if rng.random() < 0.7:  # noqa: PLR2004 – most stand alone
        return first
    return _at_peak(first + rng.uniform(0.1, 1) * MAKERS[rng.integers(len(MAKERS))](samples, rng))


def _syllable(length: int, rng: np.random.Generator) -> Waveform:
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    if rng.random() < 0.25:  # noqa: PLR2004 – as often as consonants that hiss
        source = rng.standard_normal(length).astype(np.float32)
    else:
        pitch_hz = rng.uniform(80, 300) * (1 + rng.uniform(-0.3, 0.3) * time_s / time_s[-1])
        source = ((np.cumsum(pitch_hz) / SAMPLE_RATE_HZ) % 1 - 0.5).astype(np.float32)
    frequencies_hz = fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    formants_hz = rng.uniform([250, 800, 2000], [900, 2400, 3500])
    gains = sum(1 / (1 + ((frequencies_hz - formant) / 120) ** 2) for formant in formants_hz)
    return apply_response(source, np.asarray(gains, np.float32)) * np.hanning(length).astype(np.float32)


def _running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Mean over `width` neighbours, of the same length; what lies beyond the ends repeats them."""
    width = max(1, width)
    padded = np.pad(values.astype(np.float64), (width // 2, width - width // 2), mode="edge")
    sums = np.cumsum(padded)
    return np.asarray((sums[width:] - sums[:-width]) / width)


def _at_peak(waveform: np.ndarray, peak: float = 0.9) -> Waveform:
    loudest = float(np.max(np.abs(waveform), initial=0))
    return (waveform * (peak / loudest) if loudest > 0 else waveform).astype(np.float32)
