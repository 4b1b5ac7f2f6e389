"""Timestamps as sensors send them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.core.timestamps import EARLIEST, TimestampError, parse_timestamp

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 20, 12), timezones=st.just(UTC))


def parsed(value: float | str) -> datetime:
    return parse_timestamp(value, now=NOW, ahead=AHEAD)


@pytest.mark.parametrize(
    "value",
    [
        1732226400.25,
        1732226400250,
        "1732226400.25",
        "2024-11-21T22:00:00.25Z",
        "2024-11-22T07:00:00.250+09:00",
        "2024-11-21T22:00:00.25",
    ],
)
def test_all_spellings_mean_the_same_instant(value):
    assert parsed(value) == datetime(2024, 11, 21, 22, 0, 0, 250_000, tzinfo=UTC)


@given(INSTANTS)
def test_iso_8601_comes_back_exactly(instant):
    assert parsed(instant.isoformat()) == instant


@given(INSTANTS)
def test_seconds_and_milliseconds_come_back_to_the_millisecond(instant):
    instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    milliseconds = round(instant.timestamp() * 1000)

    assert parsed(milliseconds) == parsed(milliseconds / 1000) == instant


@given(st.floats() | st.integers() | st.text())
def test_anything_else_is_refused_with_a_reason(value):
    try:
        assert EARLIEST <= parsed(value) <= NOW + AHEAD
    except TimestampError as refused:
        assert str(refused)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (123_456, "milliseconds since the device's start"),
        ("1577836799", "milliseconds since the device's start"),
        ("2019-12-31T23:59:59Z", "before 2020"),
        (NOW.timestamp() + 301, "more than 300 s ahead"),
        (float("nan"), "not a time"),
        (-1, "not a time"),
        (1e300, "not a time"),
        ("tomorrow", "neither a number"),
        ("9999-12-31T23:59:59-23:59", "neither a number"),
    ],
)
def test_the_reason_helps(value, reason):
    with pytest.raises(TimestampError, match=reason):
        parsed(value)
