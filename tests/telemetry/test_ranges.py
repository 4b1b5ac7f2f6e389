"""Which part of the readings a query means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.telemetry.errors import RangeInvalid
from signalcraft.telemetry.ranges import Range, ReadingQuery

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
TEXTS = st.text(max_size=30) | st.floats().map(str) | st.datetimes().map(str) | st.integers().map(str)


def meant(**parameters) -> Range:
    return Range.of(ReadingQuery.model_validate(parameters), now=NOW, ahead=AHEAD)


def refused(**parameters) -> str:
    with pytest.raises(RangeInvalid) as refusal:
        meant(**parameters)
    (error,) = refusal.value.details["errors"]
    return error["field"]


def test_without_any_parameter_all_readings_are_meant():
    assert meant() == Range(datetime(2020, 1, 1, tzinfo=UTC), NOW + AHEAD, None)


@pytest.mark.parametrize(
    "start", ["1732226400", "1732226400000", "2024-11-21T22:00:00Z", "2024-11-22T07:00:00+09:00"]
)
def test_a_beginning_in_all_its_spellings(start):
    assert meant(**{"from": start}).start == datetime(2024, 11, 21, 22, tzinfo=UTC)


def test_hours_lie_before_now_or_before_the_end():
    assert meant(hours=2).start == NOW - timedelta(hours=2)
    assert meant(hours=2, to="2024-11-21T22:00:00Z").start == datetime(2024, 11, 21, 20, tzinfo=UTC)


def test_a_range_from_before_there_were_sensors_begins_with_them():
    assert meant(**{"from": "0"}) == meant()
    assert meant(hours=876_000).start == meant().start


def test_buckets_are_whole():
    found = meant(**{"from": "2024-11-21T22:03:00Z", "to": "2024-11-21T22:11:00Z", "bucket": "5m"})

    assert found.start == datetime(2024, 11, 21, 22, 0, tzinfo=UTC)
    assert found.end == datetime(2024, 11, 21, 22, 15, tzinfo=UTC)


def test_buckets_are_those_of_the_last_day_by_default():
    found = meant(bucket="1h")

    assert found.start == datetime(2026, 11, 19, 12, tzinfo=UTC)
    assert found.end == datetime(2026, 11, 20, 13, tzinfo=UTC)


def test_short_buckets_have_a_longest_range():
    assert meant(bucket="10s", hours=24).bucket == timedelta(seconds=10)
    assert meant(bucket="5m", hours=24 * 62).bucket == timedelta(minutes=5)
    assert meant(**{"bucket": "1d", "from": "0"}).bucket == timedelta(days=1)

    assert refused(bucket="10s", hours=25) == "query.bucket"
    assert refused(bucket="5m", hours=24 * 63) == "query.bucket"
    assert refused(bucket="999999d") == "query.bucket"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"from": "now"}, "query.from"),
        ({"from": "nan"}, "query.from"),
        ({"from": "-5"}, "query.from"),
        ({"to": "1e400"}, "query.to"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "query.to"),
        ({"from": "2024-11-22T00:00:00Z", "to": "2024-11-21T00:00:00Z"}, "query.from"),
        ({"from": "2024-11-22T00:00:00Z", "hours": 1}, "query.hours"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_its_parameter(parameters, field):
    assert refused(**parameters) == field


@given(
    start=st.none() | TEXTS, end=st.none() | TEXTS, bucket=st.sampled_from([None, "7s", "5m", "36h", "366d"])
)
def test_any_text_is_refused_or_means_a_range(start, end, bucket):
    try:
        found = meant(**{"from": start, "to": end, "bucket": bucket})
    except RangeInvalid:
        return
    assert found.start <= found.end or bucket is None


@given(
    instant=st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 20)), bucket=st.sampled_from([None, "5m"])
)
def test_a_cursor_leads_to_what_lies_before_it(instant, bucket):
    parameters = {"from": "2026-11-19T00:00:00Z", "bucket": bucket}
    instant = instant.replace(tzinfo=UTC)
    asked = meant(**parameters)

    rest = asked.before(asked.cursor(instant))

    before = instant if bucket else instant - timedelta(microseconds=1)
    assert (rest.start, rest.end) == (asked.start, min(asked.end, before))


def test_a_cursor_belongs_to_its_bucket():
    asked = meant(bucket="5m")
    cursor = asked.cursor(NOW)

    for other in (meant(), meant(bucket="10m")):
        with pytest.raises(RangeInvalid):
            other.before(cursor)


@given(st.text(max_size=200))
def test_no_other_text_is_a_cursor(cursor):
    with pytest.raises(RangeInvalid):
        meant().before(cursor)
