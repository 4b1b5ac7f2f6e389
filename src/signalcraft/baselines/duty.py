"""Running time, starts and duty cycle, from the operating states of a device's clips."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.baselines import duty_repository, repository
from signalcraft.baselines.errors import DutyRangeInvalid, StatesNotNamed
from signalcraft.baselines.schemas import Duty, Gap

LONGEST_DAYS = 366
GAPS_SHOWN = 100
# One start in what is known of less would tell sixty an hour and more.
SHORTEST_FOR_STARTS_S = 60.0


async def of(
    session: AsyncSession, device_id: str, start: datetime, end: datetime, longest_pause_s: float
) -> Duty:
    """How the machine was used from `start` to `end`.

    A clip tells of the time until the next one, if that comes within `longest_pause_s`; else of its own length alone, and
    what follows is a gap.

    Raises:
        DutyRangeInvalid: `start` is not before `end`, or more than a year.
        StatesNotNamed: no states are named, so no clip tells whether the machine runs.
    """
    if not timedelta(0) < end - start <= timedelta(days=LONGEST_DAYS):
        raise DutyRangeInvalid(limit_days=LONGEST_DAYS)
    row = await repository.find(session, device_id)
    if row is None or not row.states:
        raise StatesNotNamed(device_id=device_id)
    running = [name for name, state in row.states.items() if state["is_running"]]
    asked = duty_repository.Asked(device_id, start, end, longest_pause_s, running)
    by_state = await duty_repository.by_state(session, asked)
    gaps = await duty_repository.gaps(session, asked, GAPS_SHOWN)
    return _told(asked, by_state, gaps)


def _told(asked: duty_repository.Asked, by_state: Sequence[RowMapping], gaps: Sequence[RowMapping]) -> Duty:
    states_s = {state["operating_state"]: round(state["covered_s"], 1) for state in by_state}
    known_s = sum(state["covered_s"] for state in by_state)
    running_s = sum(state["covered_s"] for state in by_state if state["operating_state"] in asked.running)
    starts = sum(state["starts"] for state in by_state)
    return Duty(
        device_id=asked.device_id,
        from_=asked.start,
        to=asked.end,
        clips=sum(state["clips"] for state in by_state),
        known_s=round(known_s, 1),
        unknown_s=round((asked.end - asked.start).total_seconds() - known_s, 1),
        running_s=round(running_s, 1),
        duty_cycle=round(running_s / known_s, 4) if known_s else None,
        starts=starts,
        starts_per_hour=round(3600 * starts / known_s, 3) if known_s >= SHORTEST_FOR_STARTS_S else None,
        states_s=states_s,
        gaps=sorted(
            (Gap(from_=gap["gap_start"], to=gap["gap_end"]) for gap in gaps), key=lambda gap: gap.from_
        ),
        gaps_total=gaps[0]["total"] if gaps else 0,
    )
