"""Timestamps as sensors send them: seconds or milliseconds since 1970, or ISO 8601."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No sensor of ours is older; an earlier date is a clock that was never set.
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_EARLIEST_S: Final = EARLIEST.timestamp()
# 2100 in seconds is 4.1e9; the same instant of 2020 in milliseconds is 1.6e12, so the two can't be confused.
_MILLISECONDS_FROM: Final = 1e11
# 9999 in milliseconds: beyond it Python has no date.
_LATEST_MS: Final = 2.5e14


class TimestampError(ValueError):
    """The timestamp can't be meant; the message says why."""


def parse_timestamp(value: float | str, *, now: datetime, ahead: timedelta) -> datetime:
    """The instant that `value` means, in UTC, to the microsecond.

    value: seconds or milliseconds since 1970, as a number or its decimal spelling, or ISO 8601 (UTC where no zone
    is given).

    Raises:
        TimestampError: not a time, before 2020, or more than `ahead` after `now`.
    """
    instant = _from_text(value) if isinstance(value, str) else _from_number(value)
    if instant < EARLIEST:
        raise TimestampError("lies before 2020; is the device's clock set?")
    if instant > now + ahead:
        raise TimestampError(f"lies more than {ahead.total_seconds():.0f} s ahead of the server's time")
    return instant


def _from_number(value: float) -> datetime:
    if not math.isfinite(value) or not 0 <= value <= _LATEST_MS:
        raise TimestampError("is not a time in seconds or milliseconds since 1970")
    if value < _EARLIEST_S:
        raise TimestampError(
            "lies before 2020; it looks like milliseconds since the device's start, not like a time of day"
        )
    # Decimal arithmetic on the shortest spelling: the same number always means the same microsecond.
    scale = 1_000 if value >= _MILLISECONDS_FROM else 1_000_000
    return EPOCH + timedelta(microseconds=round(Decimal(repr(value)) * scale))


def _from_text(value: str) -> datetime:
    try:
        return _from_number(float(value))
    except TimestampError:
        raise
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(value)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise TimestampError("is neither a number since 1970 nor an ISO 8601 time") from None
