"""What part of the readings a client asks for: range, bucket and page."""

import base64
import binascii
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field

from signalcraft.core.timestamps import EARLIEST, EPOCH
from signalcraft.telemetry.errors import RangeInvalid

DEFAULT_BUCKET_RANGE: Final = timedelta(hours=24)
# Buckets come from readings, minutes or hours, and the cost is that of what they come from. Below a minute a busy
# sensor's day is some 100,000 readings; 62 days are 90,000 minutes; hours need no bound.
MOST_BY_READINGS: Final = timedelta(days=1)
MOST_BY_MINUTES: Final = timedelta(days=62)
LONGEST_BUCKET: Final = timedelta(days=366)
BUCKET_PATTERN: Final = r"^[1-9][0-9]{0,5}[smhd]$"
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# As in `core.timestamps`: 2100 in seconds is 4.1e9, 1973 in milliseconds is 1e11.
_MILLISECONDS_FROM: Final = 1e11
_MICROSECOND: Final = timedelta(microseconds=1)
_POSITION: Final = re.compile(r"([rb])([0-9]{1,8}):([0-9]{1,17})")
# The last microsecond that Python has a date for, less a day for zones.
_LATEST_US: Final = (datetime(9999, 12, 30, tzinfo=UTC) - EPOCH) // _MICROSECOND


Cursor = Annotated[str | None, Field(max_length=200, description="`next_cursor` of the page before.")]


class ReadingQuery(BaseModel):
    """The parameters by which readings of a device are asked for."""

    start: str | None = Field(
        None,
        alias="from",
        max_length=64,
        description="Beginning, included: seconds or milliseconds since 1970, or ISO 8601.",
        examples=["2024-11-21T00:00:00Z"],
    )
    end: str | None = Field(
        None, alias="to", max_length=64, description="End, included; by default the newest reading."
    )
    hours: float | None = Field(
        None, gt=0, le=876_000, description="Instead of `from`: so long before `to`, or before now."
    )
    bucket: str | None = Field(
        None,
        pattern=BUCKET_PATTERN,
        description="Take together what lies within so many `s`, `m`, `h` or `d`. Buckets begin at multiples of their "
        "length since 1970, UTC, and are given whole; those without readings are left out. By default of the last 24 "
        "hours; other than whole minutes for at most 1 day, other than whole hours for at most 62 days.",
        examples=["5m"],
    )
    limit: int = Field(100, ge=1, le=10_000)
    cursor: Cursor = None


@dataclass(frozen=True)
class Range:
    """The part that is meant: both ends included, or with `bucket` from one bucket's beginning to another's."""

    start: datetime
    end: datetime
    bucket: timedelta | None

    @classmethod
    def of(cls, query: ReadingQuery, *, now: datetime, ahead: timedelta) -> Self:
        """The range that a query asks for; `ahead` is how far a reading may lie ahead of `now`.

        Raises:
            RangeInvalid: one of them is not valid, or they contradict each other.
        """
        width = None if query.bucket is None else _width(query.bucket)
        until = now + ahead if query.end is None else _instant("to", query.end)
        if query.start is not None:
            since = _instant("from", query.start)
            if query.hours is not None:
                raise _invalid("hours", "can't be given together with `from`")
            if since > until:
                raise _invalid("from", "lies after `to`")
        elif query.hours is None and width is None:
            since = EARLIEST
        else:
            length = DEFAULT_BUCKET_RANGE if query.hours is None else timedelta(hours=query.hours)
            since = max(min(until, now), EARLIEST + length) - length
        # There are no readings beyond; without bounds the buckets of an open range would have no number.
        since, until = (min(max(instant, EARLIEST), now + ahead) for instant in (since, until))
        if width is None:
            return cls(since, until, None)
        most = _most(width)
        if most is not None and min(until, now) - since > most:
            raise _invalid(
                "bucket", f"is too short for more than {most.days} days; a multiple of 1h fits any range"
            )
        first, after_last = (since - EPOCH) // width, -((EPOCH - until) // width)
        return cls(EPOCH + first * width, EPOCH + max(after_last, first) * width, width)

    def before(self, cursor: str) -> Self:
        """The rest of the range after the page that gave this cursor.

        Raises:
            RangeInvalid: it is not a cursor of such a page.
        """
        position = _position(cursor, self.bucket)
        # Without a bucket the end is included, so it lies one microsecond before the last reading that was given.
        end = position if self.bucket is not None else position - _MICROSECOND
        return type(self)(self.start, min(self.end, end), self.bucket)

    def cursor(self, last: datetime) -> str:
        """The cursor of the page that ends with `last`."""
        kind, width_s = ("r", 0) if self.bucket is None else ("b", self.bucket // timedelta(seconds=1))
        position = f"{kind}{width_s}:{(last - EPOCH) // _MICROSECOND}"
        return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _position(cursor: str, bucket: timedelta | None) -> datetime:
    try:
        found = _POSITION.fullmatch(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except (ValueError, binascii.Error):
        found = None
    if found is None or int(found[3]) > _LATEST_US:
        raise _invalid("cursor", "is not a `next_cursor` of this address")
    width_s = 0 if bucket is None else bucket // timedelta(seconds=1)
    if (found[1] == "r") != (bucket is None) or int(found[2]) != width_s:
        raise _invalid("cursor", "comes from a page with another `bucket`")
    return EPOCH + timedelta(microseconds=int(found[3]))


def _width(bucket: str) -> timedelta:
    width = timedelta(**{_UNITS[bucket[-1]]: int(bucket[:-1])})
    if width > LONGEST_BUCKET:
        raise _invalid("bucket", f"is longer than {LONGEST_BUCKET.days} days")
    return width


def _most(width: timedelta) -> timedelta | None:
    if width % timedelta(hours=1) == timedelta(0):
        return None
    return MOST_BY_MINUTES if width % timedelta(minutes=1) == timedelta(0) else MOST_BY_READINGS


def _instant(parameter: str, text: str) -> datetime:
    """Any instant, also one before 2020: asking for everything since 1970 is no mistake."""
    try:
        number = float(text)
    except ValueError:
        return _written_out(parameter, text)
    seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
    if not math.isfinite(seconds) or not 0 <= seconds * 1_000_000 <= _LATEST_US:
        raise _invalid(parameter, "is not a time in seconds or milliseconds since 1970")
    return EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


def _written_out(parameter: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid(
            parameter, "is neither a number since 1970 nor an ISO 8601 time (in an address, + is written %2B)"
        ) from None


def _invalid(parameter: str, reason: str) -> RangeInvalid:
    return RangeInvalid(errors=[{"field": f"query.{parameter}", "reason": reason}])
