"""Baselines, thresholds and outliers, on machines that are drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from signalcraft.acoustics.embedding import embed
from signalcraft.acoustics.gaussians import Gaussian
from signalcraft.acoustics.machine import Machine, learn
from signalcraft.acoustics.noise import heard_in_noise, noise_profiles
from signalcraft.acoustics.outliers import MOST, outlying
from signalcraft.acoustics.packing import pack, unpack
from signalcraft.acoustics.thresholds import threshold_of

FEW = settings(max_examples=8, deadline=None)


def clips(count: int, seed: int, *, hum_hz: float = 120.0, level: float = 0.1) -> np.ndarray:
    """Vectors of a second each of a hum in hiss, that wanders a little."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(16_000) / 16_000
    made = []
    for _ in range(count):
        sound = np.sin(2 * np.pi * hum_hz * times_s + rng.uniform(0, 6)) + 0.3 * rng.normal(size=16_000)
        made.append(embed((level * rng.uniform(0.9, 1.1) * sound).astype(np.float32)))
    return np.stack(made)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return learn(clips(40, 1), {}, false_alarm_rate=0.01, screened=True)[0]


def test_later_clips_of_the_machine_are_normal_and_others_are_not(machine):
    later, other = machine.baseline.score(clips(100, 2)), machine.baseline.score(clips(20, 3, hum_hz=150))

    assert (later.deviation >= later.limit).mean() <= 0.05
    assert (other.deviation >= other.limit).all()
    assert other.deviation.min() > later.deviation.max()


def test_noise_alone_is_mostly_no_alarm(machine):
    noisy = heard_in_noise(clips(20, 4), noise_profiles(), snr_db=(10.0, 10.0), copies=5)
    scores = machine.baseline.score(noisy)

    assert (scores.deviation >= scores.limit).mean() <= 0.1


def test_a_stored_machine_judges_the_same():
    named = {"run": clips(5, 5), "rest": clips(5, 6, hum_hz=200, level=0.02)}
    machine, _ = learn(clips(20, 1), named, false_alarm_rate=0.01, screened=True)

    again = Machine.from_bytes(machine.to_bytes())

    later = clips(10, 7)
    assert again.baseline.score(later).deviation == pytest.approx(
        machine.baseline.score(later).deviation, abs=1e-4
    )
    assert again.states is not None
    assert again.states.of(later) == ["run"] * 10
    assert again.states.of(clips(10, 8, hum_hz=200, level=0.02)) == ["rest"] * 10


def test_the_same_clips_give_the_same_machine():
    vectors = clips(20, 1)

    first, second = (learn(vectors, {}, false_alarm_rate=0.01, screened=True)[0] for _ in range(2))

    assert first.to_bytes() == second.to_bytes()


@FEW
@given(seed=st.integers(0, 1000), places=st.sets(st.integers(0, 29), max_size=3))
def test_clips_of_another_kind_are_left_out(seed, places):
    vectors = clips(30, seed)
    strange = [clips(1, seed + place + 1, hum_hz=300 + 400 * place, level=0.5)[0] for place in places]
    if places:
        vectors[list(places)] = strange

    found = set(np.flatnonzero(outlying(vectors)))

    assert places <= found
    assert len(found) <= MOST * 30


def test_another_way_of_running_is_no_accident():
    vectors = np.concatenate([clips(20, 1), clips(10, 2, hum_hz=200)])

    assert not outlying(vectors)[20:].any()


@given(
    scores=arrays(np.float64, st.integers(20, 300), elements=st.floats(-1e6, 1e6)),
    rate=st.floats(0.001, 0.2),
)
def test_a_threshold_keeps_its_rate_on_the_scores_that_made_it(scores, rate):
    threshold = threshold_of(scores, rate)

    assert (scores > threshold.limit).mean() <= rate
    assert threshold.limit >= threshold.centre
    assert threshold.counted_rate == 1 / (len(scores) + 1)


@given(scores=arrays(np.float64, 40, elements=st.floats(-100, 100)))
def test_a_smaller_rate_never_lowers_the_threshold(scores):
    limits = [threshold_of(scores, rate).limit for rate in (0.2, 0.1, 0.05, 0.02, 0.01, 0.001)]

    assert limits == sorted(limits)


@given(seed=st.integers(0, 1000), samples=st.integers(2, 40), features=st.integers(1, 40))
def test_a_gaussian_is_the_one_of_its_shrunk_covariance(seed, samples, features):
    rng = np.random.default_rng(seed)
    fitted, others = rng.normal(size=(samples, features)), rng.normal(size=(5, features))
    gaussian = Gaussian.fit(fitted)

    deviation = np.sqrt(fitted.var(axis=0) + 0.25)
    standard = (fitted - fitted.mean(axis=0)) / deviation
    covariance = 0.5 * standard.T @ standard / samples + 0.5 * np.eye(features)
    place = (others - fitted.mean(axis=0)) / deviation
    distance = np.einsum("ni,ij,nj->n", place, np.linalg.inv(covariance), place)
    volume = np.linalg.slogdet(covariance)[1] + 2 * np.log(deviation).sum()
    assert gaussian.surprise(others) == pytest.approx(distance + volume, rel=1e-3, abs=1e-2)


@given(
    st.lists(arrays(np.float32, array_shapes(max_dims=2, max_side=5), elements=st.floats(-1, 1, width=32)))
)
def test_packed_arrays_come_back(packed):
    header, unpacked = unpack(pack({"name": "é"}, packed))

    assert header == {"name": "é"}
    assert all(np.array_equal(one, other) for one, other in zip(packed, unpacked, strict=True))


def test_damaged_bytes_are_refused():
    with pytest.raises(ValueError, match="more bytes"):
        unpack(pack({}, [np.zeros(3)]) + b"more")
