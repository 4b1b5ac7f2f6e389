"""Calendar months: each has its partition of the readings table."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, Self

DAY_US: Final = 24 * 3600 * 1_000_000
_EPOCH_ORDINAL: Final = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


class Month(NamedTuple):
    """A calendar month, UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, instant: datetime) -> Self:
        """The month that `instant` lies in."""
        utc = instant.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def of_partition(cls, name: str) -> Self:
        """The month of a partition's name."""
        _, year, month = name.split("_")
        return cls(int(year), int(month))

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def partition(self) -> str:
        """The name of its partition."""
        return f"readings_{self.year:04}_{self.month:02}"

    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)


@lru_cache(maxsize=4096)
def month_of_day(day: int) -> Month:
    """The month of a day, counted from 1970-01-01."""
    date = datetime.fromordinal(_EPOCH_ORDINAL + day)
    return Month(date.year, date.month)
