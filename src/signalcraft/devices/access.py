"""Who is calling. For routes of devices alone: the device behind a token, or anyone where access is open.

Routes that people may use too name their right with `signalcraft.access.needs`.
"""

from dataclasses import dataclass
from typing import Protocol

from fastapi import Request
from fastapi.security import HTTPBearer

from signalcraft.auth.person import Person
from signalcraft.core.rate_limit import RateLimit
from signalcraft.devices.errors import OtherDevice, TokenMissing, TokenRefused
from signalcraft.devices.tokens import PREFIX, TOKEN_LENGTH, digest_of

# Only for the OpenAPI document; the check is below.
DEVICE_TOKEN = HTTPBearer(
    scheme_name="token",
    description="A device's token, `scd_…`, or a person's for scripts, `sct_…`.",
    auto_error=False,
)


class TokenLookup(Protocol):
    """Knows the device of a token's digest."""

    async def device_of(self, digest: bytes) -> str | None:
        """The device, or None where the token is not valid."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a device; a person, for a device or for the devices of `sites` (None: of all); or, open to anyone.

    `device_id` is the device that it may act as. Where it is None, a person may read what `sites` allow, and anyone
    may act as any.
    """

    device_id: str | None
    person: Person | None = None
    sites: frozenset[str] | None = None

    @property
    def name(self) -> str | None:
        """What to call it by in what it leaves behind."""
        return self.device_id if self.person is None else self.person.username

    def may_act_as(self, device_id: str) -> None:
        """Let it pass.

        Raises:
            OtherDevice: the token belongs to another device.
        """
        if self.device_id is not None and self.device_id != device_id:
            raise OtherDevice

    @property
    def counted_as(self) -> str | None:
        """Whose limits it uses up: a person's, a device's, or, where access is open, nobody's that is known yet."""
        return self.device_id if self.person is None else self.person.counted_as

    def spend(self, rate: RateLimit) -> None:
        """Count one that it wants now.

        Raises:
            RateLimited: it wants too many.
        """
        if (counted_as := self.counted_as) is not None:
            rate.spend(counted_as)

    def charge(self, rate: RateLimit, count: int) -> None:
        """Count what it has had already."""
        if (counted_as := self.counted_as) is not None:
            rate.charge(counted_as, count)


ANYONE = Caller(None)


async def caller_of(request: Request) -> Caller:
    """The caller of a device route.

    Raises:
        TokenMissing, TokenRefused: access needs a token and there is none, or not a valid one.
    """
    if request.app.state.is_device_access_open:
        return ANYONE
    token = bearer_token(request)
    if token is None:
        raise TokenMissing
    return await device_of(request, token)


def bearer_token(request: Request) -> str | None:
    """The token that the request carries, if any."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


async def device_of(request: Request, token: str) -> Caller:
    """The device of a token.

    Raises:
        TokenRefused: it is not valid, or no device's.
    """
    if len(token) != TOKEN_LENGTH or not token.startswith(PREFIX):
        raise TokenRefused
    lookup: TokenLookup = request.app.state.device_tokens
    device_id = await lookup.device_of(digest_of(token))
    if device_id is None:
        raise TokenRefused
    return Caller(device_id)
