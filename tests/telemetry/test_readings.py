"""What counts as a reading, and what is said about one that does not."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.telemetry.errors import AllReadingsInvalid, BodyMalformed, ReadingInvalid, TooManyReadings
from signalcraft.telemetry.readings import Clock, parse_batch, parse_reading
from tests.readings import AT_S, EPOCH, a_reading, lines

AHEAD_S = 300
JUST_FIELDS = st.dictionaries(
    st.sampled_from([*a_reading(), "x", "firmware"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
        max_leaves=6,
    ),
)


def parsed(reading: dict):
    return parse_reading(json.dumps(reading).encode(), Clock(AHEAD_S))


def refusal(reading: dict) -> dict[str, str]:
    """What is said about each field of a reading that is refused."""
    with pytest.raises(ReadingInvalid) as refused:
        parsed(reading)
    return {error["field"]: error["reason"] for error in refused.value.details["errors"]}


def test_a_reading_comes_through_exactly():
    row = parsed(a_reading())

    assert row == ("sensor-1", 1732226400_250_000, -18.5, 0.2, 0.1, 0.3, 45.2, 150, 0.95)


def test_the_quality_may_be_missing_or_null():
    without = {name: value for name, value in a_reading().items() if name != "sensor_quality"}

    assert parsed(without).sensor_quality is None
    assert parsed(a_reading(sensor_quality=None)).sensor_quality is None


def test_what_newer_firmware_sends_besides_is_ignored():
    assert parsed(a_reading(firmware="2.1", battery={"volts": 3.7})) == parsed(a_reading())


@pytest.mark.parametrize(
    "timestamp",
    [
        1732226400.25,
        1732226400250,
        1732226400250.0,
        "2024-11-21T22:00:00.25Z",
        "2024-11-21T22:00:00.250",
        "2024-11-22 07:00:00.250+09:00",
        "20241121T220000.25Z",
    ],
)
def test_one_instant_in_all_its_spellings(timestamp):
    assert parsed(a_reading(timestamp=timestamp)).ts_us == 1732226400_250_000


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2026, 1, 1)))
def test_each_microsecond_survives_as_decimal_seconds(instant):
    microseconds = (instant.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    spelled = f'"timestamp": {microseconds // 1_000_000}.{microseconds % 1_000_000:06}'
    body = json.dumps(a_reading(timestamp="?")).replace('"timestamp": "?"', spelled)

    assert parse_reading(body.encode(), Clock(AHEAD_S)).ts_us == microseconds


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"device_id": ""}, "device_id"),
        ({"device_id": "a" * 65}, "device_id"),
        ({"device_id": "sensor 1"}, "device_id"),
        ({"device_id": "sensor-1\n"}, "device_id"),
        ({"device_id": "sensor\x00"}, "device_id"),
        ({"device_id": "센서"}, "device_id"),
        ({"device_id": 7}, "device_id"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"temperature": -100.1}, "temperature"),
        ({"temperature": 200.1}, "temperature"),
        ({"temperature": "21.5"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": None}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"vibration": {"x": float("-inf"), "y": 0, "z": 0}}, "vibration.x"),
        ({"vibration": {"x": 0, "y": 200.5, "z": 0}}, "vibration.y"),
        ({"vibration": {"x": 0, "y": 0}}, "vibration.z"),
        ({"vibration": [0, 0, 0]}, "vibration"),
        ({"power_consumption": -0.1}, "power_consumption"),
        ({"power_consumption": 1000.5}, "power_consumption"),
        ({"audio_level": -1}, "audio_level"),
        ({"audio_level": 2**24}, "audio_level"),
        ({"sensor_quality": 1.01}, "sensor_quality"),
        ({"sensor_quality": float("nan")}, "sensor_quality"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_field(change, field):
    assert list(refusal(a_reading(**change))) == [field]


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [
        (123_456, "milliseconds since the device's start"),
        (0, "milliseconds since the device's start"),
        pytest.param(time.time() + 86_400, "ahead", id="tomorrow"),
        pytest.param((time.time() + 86_400) * 1000, "ahead", id="tomorrow in milliseconds"),
        ("2019-12-31T23:59:59Z", "before 2020"),
        ("2999-01-01T00:00:00Z", "ahead"),
        ("yesterday", "ISO 8601"),
        ("1732226400.25", "not in quotes"),
        (float("nan"), "since 1970"),
        (float("inf"), "since 1970"),
        (10**400, "since 1970"),
        (-1, "since 1970"),
        (True, "must be a number"),
        (None, "must be a number"),
        ([AT_S], "must be a number"),
        ("0001-01-01T00:00:00+14:00", "ISO 8601"),
    ],
)
def test_a_timestamp_that_cannot_be_is_refused_and_says_why(timestamp, reason):
    said = refusal(a_reading(timestamp=timestamp))

    assert list(said) == ["timestamp"]
    assert reason in said["timestamp"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"device_id": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"device_id": "\\ud800"}',
        b"[" * 100_000,
        b'{"timestamp": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"timestamp": ' + b"9" * 5000 + b"}",
        b'{"timestamp": 1}{"timestamp": 2}',
    ],
)
def test_what_is_no_json_is_refused_as_such(body):
    with pytest.raises(BodyMalformed):
        parse_reading(body, Clock(AHEAD_S))


@given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), JUST_FIELDS))
def test_no_body_whatever_is_more_than_refused(body):
    try:
        row = parse_reading(body, Clock(AHEAD_S))
    except (BodyMalformed, ReadingInvalid):
        return
    assert row.device_id


async def batch(body: bytes, limit: int = 10_000):
    return await parse_batch(body, Clock(AHEAD_S), limit, asyncio.Lock())


async def test_an_array_and_lines_mean_the_same():
    values = [a_reading(timestamp=AT_S + place) for place in range(20)]

    array = await batch(json.dumps(values, indent=2).encode())
    ndjson = await batch(b"\xef\xbb\xbf\n" + lines(values).replace(b"\n", b"\r\n\r\n"))

    assert array == ndjson
    assert len(array.rows) == 20


async def test_each_bad_reading_is_listed_by_its_index_and_the_others_are_kept():
    values = [
        a_reading(),
        a_reading(temperature=1000),
        a_reading(timestamp=AT_S + 1),
        a_reading(timestamp=5),
        "no reading",
        a_reading(timestamp=AT_S + 2, vibration={"x": float("nan"), "y": 0, "z": 0}),
    ]
    expected = [(1, "temperature"), (3, "timestamp"), (4, "body"), (5, "vibration.x")]

    for body in (json.dumps(values).encode(), lines(values)):
        found = await batch(body)
        assert [(bad["index"], bad["field"]) for bad in found.rejected] == expected
        assert (found.indexes, [row.ts_us for row in found.rows]) == (
            [0, 2],
            [1732226400_250_000, 1732226401_250_000],
        )


async def test_a_broken_line_is_rejected_alone():
    found = await batch(lines([a_reading()]) + b"{broken\n" + lines([a_reading(timestamp=AT_S + 1)]))

    assert [(bad["index"], bad["field"]) for bad in found.rejected] == [(1, "body")]
    assert len(found.rows) == 2


async def test_a_broken_array_stores_nothing():
    with pytest.raises(BodyMalformed):
        await batch(json.dumps([a_reading()]).encode()[:-1])


async def test_an_empty_array_is_an_empty_batch_and_an_empty_body_a_mistake():
    assert (await batch(b" [] ")).rows == []
    with pytest.raises(BodyMalformed):
        await batch(b" \n ")


@pytest.mark.parametrize("good", [True, False])
async def test_no_more_readings_than_allowed(good):
    values = [a_reading(timestamp=AT_S + place) for place in range(11)]
    if not good:
        values[0] = a_reading(temperature=1000)

    for body in (json.dumps(values).encode(), lines(values), b"[" + b"0," * 1_000_000 + b"0]"):
        with pytest.raises(TooManyReadings):
            await batch(body, limit=10)


async def test_a_batch_without_any_valid_reading_is_refused_with_all_reasons():
    with pytest.raises(AllReadingsInvalid) as refused:
        await batch(json.dumps([a_reading(temperature=1000), 5]).encode())

    assert [(bad["index"], bad["field"]) for bad in refused.value.details["errors"]] == [
        (0, "temperature"),
        (1, "body"),
    ]
