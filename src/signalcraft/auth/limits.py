"""How often a login may fail, and how many accounts one address may make.

Counted by the library `limits` over a sliding window, in this process's memory, or in Redis for all processes and
machines. In memory each worker counts for itself, so an attacker whose connections reach all of W workers has W times as
many tries; the figures are chosen so that this is still far too few. PostgreSQL is asked for nothing.

A login fails for one account from one address; for one address; for one account; or anywhere. The last two an attacker
can use up for everybody, so a browser that has signed in to the account before is exempt from all of them: it has a
limit of its own (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from signalcraft.auth.errors import LimitsUnavailable, TooManyFailures, TooManyRegistrations
from signalcraft.core.errors import TooMany
from signalcraft.core.request_origin import counted_address

# ASVS 5.0, 6.3.1, and NIST SP 800-63B-4, 3.2.2, allow at most 100 failures in a row; a person who has forgotten a
# password needs about five tries.
PAIR: Final = RateLimitItemPerMinute(5, 15, namespace="login-pair")
BROWSER: Final = RateLimitItemPerMinute(10, 15, namespace="login-browser")
# A shop's people may share one address.
ADDRESS: Final = RateLimitItemPerMinute(50, 15, namespace="login-address")
# Many addresses against one account: some 1,200 tries a day at the most.
ACCOUNT: Final = RateLimitItemPerHour(50, 1, namespace="login-account")
# Many addresses against many accounts: less than two failures a second.
OVERALL: Final = RateLimitItemPerMinute(1_000, 10, namespace="login-overall")
REGISTRATIONS: Final = RateLimitItemPerHour(300, 1, namespace="registrations")
# Redis answers within a millisecond or is away.
REDIS_TIMEOUT_S: Final = 2

Counted = tuple[RateLimitItem, str]


class Attempt(NamedTuple):
    """A login as far as limits are concerned; `browser` is the nonce of one that has signed in to it before."""

    login_key: str
    address: str
    browser: str | None

    def counters(self) -> Sequence[Counted]:
        """The limits that it counts against."""
        account = hashlib.sha256(self.login_key.encode(errors="replace")).hexdigest()[:32]
        if self.browser is not None:
            return ((BROWSER, f"{account}/{self.browser}"),)
        address = counted_address(self.address)
        return ((PAIR, f"{account}/{address}"), (ADDRESS, address), (ACCOUNT, account), (OVERALL, ""))


class Limits:
    """The counters."""

    def __init__(self, redis_url: str | None) -> None:
        self._storage = _storage(redis_url)
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def attempt(self, attempt: Attempt) -> AsyncIterator[None]:
        """Check a password inside this; one by one for an account and an address, so that many at once are no way round.

        Raises:
            TooManyFailures: no further try now.
            LimitsUnavailable: Redis is away.
        """
        counters = attempt.counters()
        item, identifier = counters[0]
        key = item.key_for(identifier)
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            await self._must_have_room(counters, TooManyFailures)
            yield

    async def failed(self, attempt: Attempt) -> None:
        """Count a failed login.

        Raises:
            LimitsUnavailable: Redis is away.
        """
        await self._count(attempt.counters())

    async def registration(self, address: str) -> None:
        """Count a try to make an account.

        Raises:
            TooManyRegistrations: no further one from this address now.
            LimitsUnavailable: Redis is away.
        """
        counters = ((REGISTRATIONS, counted_address(address)),)
        await self._must_have_room(counters, TooManyRegistrations)
        await self._count(counters)

    async def _must_have_room(self, counters: Sequence[Counted], refusal: type[TooMany]) -> None:
        try:
            for item, identifier in counters:
                if not await self._limiter.test(item, identifier):
                    stats = await self._limiter.get_window_stats(item, identifier)
                    raise refusal(retry_after_s=max(1, math.ceil(stats.reset_time - time.time())))
        except StorageError as away:
            raise LimitsUnavailable from away

    async def _count(self, counters: Sequence[Counted]) -> None:
        try:
            for item, identifier in counters:
                await self._limiter.hit(item, identifier)
        except StorageError as away:
            raise LimitsUnavailable from away


def _storage(redis_url: str | None) -> Storage:
    if redis_url is None:
        return MemoryStorage()
    return RedisStorage(
        f"async+{redis_url}",
        wrap_exceptions=True,
        implementation="redispy",
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
    )
