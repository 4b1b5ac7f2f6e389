"""A reading as it comes in: what is allowed, and its way from the body's bytes to a row.

The bytes go through Pydantic's compiled validator in one call; only a body in which something is wrong is looked at
again reading by reading, to say what and where.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Annotated, Any, Final, NamedTuple, NotRequired

from pydantic import FailFast, Field, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import from_json
from typing_extensions import TypedDict

from signalcraft.core.timestamps import EARLIEST, EPOCH, TimestampError, parse_timestamp
from signalcraft.devices.service import DEVICE_ID_PATTERN
from signalcraft.telemetry.errors import (
    AllReadingsInvalid,
    BodyMalformed,
    ReadingInvalid,
    TooManyReadings,
)

EXAMPLE_READING: Final = {
    "device_id": "test-device-1",
    "timestamp": 1732226400.25,
    "temperature": -18.5,
    "vibration": {"x": 0.2, "y": 0.1, "z": 0.3},
    "power_consumption": 45.2,
    "audio_level": 150,
    "sensor_quality": 0.95,
}

# An accelerometer for machines ends at 16 to 200 g.
Acceleration = Annotated[
    float, Field(strict=True, allow_inf_nan=False, ge=-200, le=200, description="Acceleration, g.")
]


class Vibration(TypedDict):
    """Acceleration along the sensor's axes."""

    x: Acceleration
    y: Acceleration
    z: Acceleration


class Reading(TypedDict):
    """What a sensor sends; fields that are not named here are ignored, so newer firmware may send more."""

    device_id: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)]
    timestamp: Annotated[
        Any,
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "number", "minimum": EARLIEST.timestamp()},
                    {"type": "string", "format": "date-time"},
                ],
                "description": "Seconds or milliseconds since 1970, or ISO 8601 (UTC where no zone is given); from 2020 "
                "to 5 minutes ahead. Kept to the microsecond.",
            }
        ),
    ]
    # Refrigerants boil above -100 °C; nothing that carries a sensor's electronics lives above 200 °C.
    temperature: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-100, le=200, description="°C.")]
    vibration: Vibration
    # A motor draws up to eight times its rated current while it starts.
    power_consumption: Annotated[
        float, Field(strict=True, allow_inf_nan=False, ge=0, le=1000, description="% of rated power.")
    ]
    # The widest converter behind a sensor's microphone has 24 bits.
    audio_level: Annotated[
        float,
        Field(
            strict=True, allow_inf_nan=False, ge=0, le=2**24 - 1, description="Raw level of the converter."
        ),
    ]
    sensor_quality: NotRequired[
        Annotated[
            Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)] | None,
            Field(description="How far the sensor trusts itself, 0 to 1."),
        ]
    ]


class ReadingRow(NamedTuple):
    """A reading as the table has it; `ts_us` is microseconds since 1970."""

    device_id: str
    ts_us: int
    temperature_c: float
    vibration_x_g: float
    vibration_y_g: float
    vibration_z_g: float
    power_percent: float
    audio_level: float
    sensor_quality: float | None


class Rejected(TypedDict):
    """A reading of a batch that was not stored."""

    index: Annotated[
        int, Field(description="Its place in the array, or its line among those not empty; from 0.")
    ]
    field: Annotated[
        str, Field(description="What is wrong, e.g. `vibration.x`; `body` is the reading as a whole.")
    ]
    reason: str


class Batch(NamedTuple):
    """The valid readings of a request with their places in it, and the others."""

    rows: list[ReadingRow]
    indexes: list[int]
    rejected: list[Rejected]


_ONE: Final = TypeAdapter(Reading)
# A long body of nonsense must not become a long list of errors: the first one ends this quick pass.
_MANY: Final = TypeAdapter(Annotated[list[Reading], FailFast()])
# Looking at single readings is Python's work; other requests get their turn after this many.
_READINGS_A_TURN: Final = 250
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_EARLIEST_S: Final = EARLIEST.timestamp()
_EARLIEST_MS: Final = _EARLIEST_S * 1000
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock:
    """Reads timestamps; it stands still while one request is read."""

    def __init__(self, ahead_s: float) -> None:
        self._now_s = time.time()
        self._ahead_s = ahead_s
        self._latest_s = self._now_s + ahead_s
        self._latest_ms = self._latest_s * 1000

    def microseconds_of(self, timestamp: object) -> int:
        """Microseconds since 1970.

        Raises:
            TimestampError: no timestamp, or none that may be.
        """
        # Booleans are ints to Python, but not of this very type. A double holds today's microseconds exactly, so
        # up to six decimals come through as they were written.
        if type(timestamp) is float or type(timestamp) is int:
            if _EARLIEST_S <= timestamp <= self._latest_s:
                return round(timestamp * 1_000_000)
            if _EARLIEST_MS <= timestamp <= self._latest_ms:
                return round(timestamp * 1_000)
            # No date lies beyond; a longer integer would not even become a double.
            return self._by_the_book(timestamp if abs(timestamp) < 2**53 else float("inf"))
        if not isinstance(timestamp, str) or _is_number(timestamp):
            raise TimestampError("must be a number (not in quotes) or an ISO 8601 time")
        return self._by_the_book(timestamp)

    def _by_the_book(self, timestamp: float | str) -> int:
        instant = parse_timestamp(
            timestamp, now=datetime.fromtimestamp(self._now_s, UTC), ahead=timedelta(seconds=self._ahead_s)
        )
        return (instant - EPOCH) // _MICROSECOND


def parse_reading(body: bytes, clock: Clock) -> ReadingRow:
    """The one reading of a body.

    Raises:
        BodyMalformed: not JSON.
        ReadingInvalid: not a reading, or one with values that can't be.
    """
    try:
        return _row(_ONE.validate_json(body.removeprefix(_BYTE_ORDER_MARK)), clock)
    except TimestampError as refused:
        raise ReadingInvalid(errors=[{"field": "timestamp", "reason": str(refused)}]) from None
    except ValidationError as refused:
        _refuse_malformed(refused)
        raise ReadingInvalid(errors=_field_problems(refused)) from None


async def parse_batch(body: bytes, clock: Clock, limit: int, one_by_one: asyncio.Lock) -> Batch:
    """The readings of a body: a JSON array, or a JSON object a line.

    one_by_one: held while the readings are looked at one by one.

    Raises:
        BodyMalformed: neither.
        TooManyReadings: more than `limit`.
        AllReadingsInvalid: there are readings, and no valid one.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not body:
        raise BodyMalformed(reason="it is empty")
    batch = _all_valid(body, clock, limit) if body.startswith(b"[") else None
    if batch is None:
        async with one_by_one:
            batch = await _one_by_one(_values(body, limit), clock)
    if batch.rejected and not batch.rows:
        raise AllReadingsInvalid(errors=batch.rejected)
    return batch


def _all_valid(body: bytes, clock: Clock, limit: int) -> Batch | None:
    """The batch in one go; None where a reading is not valid."""
    try:
        readings = _MANY.validate_json(body)
        if len(readings) > limit:
            raise TooManyReadings(limit=limit)
        rows = [_row(reading, clock) for reading in readings]
    except TimestampError:
        return None
    except ValidationError as refused:
        _refuse_malformed(refused)
        return None
    return Batch(rows, list(range(len(rows))), [])


def _values(body: bytes, limit: int) -> Iterator[Any]:
    """The readings as they are: JSON values of an array, or lines of bytes."""
    if body.startswith(b"["):
        values = from_json(body)
        if len(values) > limit:
            raise TooManyReadings(limit=limit)
        yield from values
        return
    count = 0
    for line in BytesIO(body):
        if line.isspace():
            continue
        count += 1
        if count > limit:
            raise TooManyReadings(limit=limit)
        yield line


async def _one_by_one(values: Iterator[Any], clock: Clock) -> Batch:
    batch = Batch([], [], [])
    for index, value in enumerate(values):
        try:
            reading = _ONE.validate_json(value) if isinstance(value, bytes) else _ONE.validate_python(value)
            batch.rows.append(_row(reading, clock))
            batch.indexes.append(index)
        except TimestampError as refused:
            batch.rejected.append({"index": index, "field": "timestamp", "reason": str(refused)})
        except ValidationError as refused:
            first = _field_problems(refused)[0]
            batch.rejected.append({"index": index, "field": first["field"], "reason": first["reason"]})
        if index % _READINGS_A_TURN == _READINGS_A_TURN - 1:
            await asyncio.sleep(0)
    return batch


def _row(reading: Reading, clock: Clock) -> ReadingRow:
    vibration = reading["vibration"]
    return ReadingRow(
        reading["device_id"],
        clock.microseconds_of(reading["timestamp"]),
        reading["temperature"],
        vibration["x"],
        vibration["y"],
        vibration["z"],
        reading["power_consumption"],
        reading["audio_level"],
        reading.get("sensor_quality"),
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_malformed(refused: ValidationError) -> None:
    first = refused.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        raise BodyMalformed(reason=first["msg"].removeprefix("Invalid JSON: ")) from None


def _field_problems(refused: ValidationError) -> list[dict[str, str]]:
    """The fields and what is wrong with them; never the value, which may not be JSON at all."""
    return [
        {"field": ".".join(str(part) for part in error["loc"]) or "body", "reason": error["msg"]}
        for error in refused.errors(include_url=False, include_input=False, include_context=False)
    ]
