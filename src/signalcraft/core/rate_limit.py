"""How much each of many callers may do in a minute, counted in this process alone; for the hottest paths.

For each caller one number is kept: the moment at which all that it has done would be paid off at its rate ("generic cell
rate algorithm", ITU-T I.371, annex A). So a caller may do a minute's worth at once, and from then on as much as its
rate gives. Why this is no library: docs/decisions/0013.
"""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Annotated, Final, NamedTuple, Self

from fastapi import Depends, Request

from signalcraft.core.errors import RateLimited
from signalcraft.settings import LimitSettings

WINDOW_S: Final = 60.0
# About 10 MB at the most; beyond it the caller that was quiet for longest is forgotten, and with it what it owes.
MAX_CALLERS: Final = 50_000
# Of sums of thousands of small times.
_ROUNDING_S: Final = 1e-6


class RateLimit:
    """A rate for each caller.

    per_minute: what a caller may do in a minute, in whatever is counted. clock: seconds, never going back.
    """

    def __init__(
        self, per_minute: int, *, max_callers: int = MAX_CALLERS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._seconds_each = WINDOW_S / per_minute
        self._max_callers = max_callers
        self._clock = clock
        self._paid_off_at: OrderedDict[str, float] = OrderedDict()

    def spend(self, caller: str) -> None:
        """Count one that the caller wants now.

        Raises:
            RateLimited: it has had too many already; this one is not counted then.
        """
        now = self._clock()
        paid_off_at = max(self._paid_off_at.get(caller, now), now) + self._seconds_each
        too_soon_by_s = paid_off_at - now - WINDOW_S
        if too_soon_by_s > _ROUNDING_S:
            raise RateLimited(retry_after_s=ceil(too_soon_by_s))
        self._keep(caller, paid_off_at)

    def charge(self, caller: str, count: int) -> None:
        """Count what was done already, also beyond the limit: the caller pays before it may do more."""
        now = self._clock()
        self._keep(caller, max(self._paid_off_at.get(caller, now), now) + count * self._seconds_each)

    def _keep(self, caller: str, paid_off_at: float) -> None:
        self._paid_off_at[caller] = paid_off_at
        self._paid_off_at.move_to_end(caller)
        if len(self._paid_off_at) > self._max_callers:
            self._paid_off_at.popitem(last=False)


class Limits(NamedTuple):
    """What this process counts; the names are those of the settings."""

    readings: RateLimit
    recordings: RateLimit
    requests: RateLimit

    @classmethod
    def of(cls, settings: LimitSettings) -> Self:
        """Nothing counted yet."""
        return cls(
            RateLimit(settings.readings_a_minute),
            RateLimit(settings.recordings_a_minute),
            RateLimit(settings.requests_a_minute),
        )


async def limits_of(request: Request) -> Limits:
    """The process's limits."""
    limits: Limits = request.app.state.limits
    return limits


CurrentLimits = Annotated[Limits, Depends(limits_of)]
