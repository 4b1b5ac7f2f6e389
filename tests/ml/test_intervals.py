"""Intervals that a reader can trust."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.ml.intervals import rate_of


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=200))
def test_the_interval_holds_the_rate(judgements):
    hits, clusters = [hit for hit, _ in judgements], [cluster for _, cluster in judgements]

    rate = rate_of(hits, clusters)

    assert rate.rate == pytest.approx(np.mean(hits), abs=1e-4)
    assert 0 <= rate.low <= rate.rate + 1e-4
    assert rate.rate - 1e-4 <= rate.high <= 1
    assert rate.count == len(hits)


def test_draws_of_the_same_reading_are_not_further_readings():
    readings = list(range(40))
    hits = [reading % 4 != 0 for reading in readings]

    once, tenfold = rate_of(hits, readings), rate_of(hits * 10, readings * 10)

    assert (tenfold.low, tenfold.high) == (once.low, once.high)


def test_no_failure_seen_is_no_proof():
    assert rate_of([True] * 600, [number // 3 for number in range(600)]).low == pytest.approx(
        0.025 ** (1 / 200), abs=1e-4
    )
    assert rate_of([False] * 10, range(10)).high == pytest.approx(1 - 0.025 ** (1 / 10), abs=1e-4)


def test_where_nothing_was_judged_nothing_is_claimed():
    assert rate_of([], []).to_json() == {"rate": None, "interval": [None, None], "count": 0}


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(200):
        chances = rng.beta(8, 2, 60)
        hits = rng.random((60, 3)) < chances[:, np.newaxis]
        rate = rate_of(hits.ravel(), np.repeat(np.arange(60), 3).tolist())
        covered += rate.low <= 0.8 <= rate.high

    assert 180 <= covered <= 200
