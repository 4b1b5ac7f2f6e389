"""All SQL of duty: the clips of a time, each with what it covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TIMESTAMP, Interval, Text

# Clips a pause before and after are looked at too: the one before tells of the beginning, and one after is the end of
# what the last tells.
_CLIPS = """
    WITH clips AS (
        SELECT recorded_at, operating_state, operating_state = ANY(:running) AS runs,
               make_interval(secs => duration_s) AS duration,
               lead(recorded_at) OVER in_order AS next_at,
               lag(recorded_at) OVER in_order AS before_at,
               lag(operating_state = ANY(:running)) OVER in_order AS ran
        FROM diagnoses
        WHERE device_id = :device_id AND operating_state IS NOT NULL
          AND recorded_at >= :start - :pause AND recorded_at < :end + :pause
        WINDOW in_order AS (ORDER BY recorded_at, id)
    ), covering AS (
        SELECT *, CASE WHEN next_at <= recorded_at + :pause THEN next_at ELSE recorded_at + duration END AS until
        FROM clips
    )
"""
_PARAMETERS = (
    bindparam("running", type_=ARRAY(Text)),
    bindparam("pause", type_=Interval),
    bindparam("start", type_=TIMESTAMP(timezone=True)),
    bindparam("end", type_=TIMESTAMP(timezone=True)),
)
BY_STATE = text(
    f"""{_CLIPS}
    SELECT operating_state,
           count(*) FILTER (WHERE recorded_at >= :start AND recorded_at < :end) AS clips,
           CAST(sum(GREATEST(0, extract(epoch FROM LEAST(until, :end) - GREATEST(recorded_at, :start))))
                AS double precision) AS covered_s,
           count(*) FILTER (WHERE runs AND NOT ran AND before_at >= recorded_at - :pause
                              AND recorded_at >= :start AND recorded_at < :end) AS starts
    FROM covering GROUP BY operating_state ORDER BY operating_state
"""
).bindparams(*_PARAMETERS)
GAPS = text(
    f"""{_CLIPS}
    , gaps AS (
        SELECT GREATEST(until, :start) AS gap_start, LEAST(COALESCE(next_at, :end), :end) AS gap_end FROM covering
        UNION ALL
        SELECT :start, LEAST(COALESCE((SELECT min(recorded_at) FROM covering), :end), :end)
    )
    SELECT gap_start, gap_end, count(*) OVER () AS total FROM gaps
    WHERE gap_end > gap_start ORDER BY gap_end - gap_start DESC, gap_start LIMIT :shown
"""
).bindparams(*_PARAMETERS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A device's time from `start` to `end`; running: the states in which it counts as running."""

    device_id: str
    start: datetime
    end: datetime
    longest_pause_s: float
    running: list[str]

    def values(self) -> dict[str, object]:
        """As bound parameters."""
        return {
            "device_id": self.device_id,
            "start": self.start,
            "end": self.end,
            "pause": timedelta(seconds=self.longest_pause_s),
            "running": self.running,
        }


async def by_state(session: AsyncSession, asked: Asked) -> Sequence[RowMapping]:
    """Of each state: its clips, the seconds that they cover, and how often the machine started into it."""
    return (await session.execute(BY_STATE, asked.values())).mappings().all()


async def gaps(session: AsyncSession, asked: Asked, shown: int) -> Sequence[RowMapping]:
    """The longest gaps, and how many there are in all."""
    return (await session.execute(GAPS, asked.values() | {"shown": shown})).mappings().all()
