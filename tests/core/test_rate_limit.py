"""How much a caller may do: a minute's worth at once, then its rate; nobody is remembered for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.core.errors import RateLimited
from signalcraft.core.rate_limit import RateLimit


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def done(rate: RateLimit, tries: int, caller: str = "sensor-1") -> int:
    """How many of so many tries are let pass."""
    passed = 0
    for _ in range(tries):
        try:
            rate.spend(caller)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_a_minutes_worth_may_come_at_once_and_then_the_rate(clock):
    rate = RateLimit(60, clock=clock)

    assert done(rate, 100) == 60
    clock.now_s += 10.5
    assert done(rate, 100) == 10
    clock.now_s += 3600
    assert done(rate, 100) == 60


def test_a_caller_is_told_when_it_may_come_again(clock):
    rate = RateLimit(6, clock=clock)
    done(rate, 6)

    with pytest.raises(RateLimited) as refused:
        rate.spend("sensor-1")
    retry_after_s = refused.value.details["retry_after_s"]
    clock.now_s += retry_after_s

    assert 1 <= retry_after_s <= 10
    assert done(rate, 1) == 1


def test_what_was_done_beyond_the_limit_is_paid_before_more(clock):
    rate = RateLimit(60, clock=clock)
    rate.spend("sensor-1")
    rate.charge("sensor-1", 600)

    assert done(rate, 1) == 0
    clock.now_s += 540
    assert done(rate, 1) == 0
    clock.now_s += 2
    assert done(rate, 1) == 1


def test_one_callers_flood_is_not_anothers(clock):
    rate = RateLimit(10, clock=clock)

    assert done(rate, 1000) == 10
    assert done(rate, 5, "sensor-2") == 5


def test_whoever_was_quiet_for_longest_is_forgotten_first(clock):
    rate = RateLimit(1, max_callers=2, clock=clock)
    for caller in ("a", "b"):
        assert done(rate, 2, caller) == 1
    assert done(rate, 1, "c") == 1

    assert (done(rate, 1, "b"), done(rate, 1, "c")) == (0, 0)
    assert done(rate, 1, "a") == 1


@given(
    per_minute=st.integers(1, 10_000),
    pauses_s=st.lists(st.floats(0, 30), min_size=1, max_size=200),
)
def test_nobody_gets_more_than_a_minutes_worth_and_the_rate(per_minute, pauses_s):
    clock = Clock()
    rate = RateLimit(per_minute, clock=clock)
    begin_s, passed = clock.now_s, 0
    for pause_s in pauses_s:
        clock.now_s += pause_s
        passed += done(rate, 1)

        assert passed <= per_minute * (1 + (clock.now_s - begin_s) / 60) + 1
