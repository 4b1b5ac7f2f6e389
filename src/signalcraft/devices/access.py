"""Who is calling: the device behind a token, or anyone where access is open."""

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from signalcraft.devices.errors import OtherDevice, TokenMissing, TokenRefused
from signalcraft.devices.tokens import PREFIX, TOKEN_LENGTH, digest_of

# Only for the OpenAPI document; the check is below.
DEVICE_TOKEN = HTTPBearer(
    scheme_name="deviceToken", description="A device's token, `scd_…`.", auto_error=False
)


class TokenLookup(Protocol):
    """Knows the device of a token's digest."""

    async def device_of(self, digest: bytes) -> str | None:
        """The device, or None where the token is not valid."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The device that calls; `device_id` is None where access is open: then it may act as any."""

    device_id: str | None

    def may_act_as(self, device_id: str) -> None:
        """Let it pass.

        Raises:
            OtherDevice: the token belongs to another device.
        """
        if self.device_id is not None and self.device_id != device_id:
            raise OtherDevice


ANYONE = Caller(None)


async def caller_of(request: Request) -> Caller:
    """The caller of a device route.

    Raises:
        TokenMissing, TokenRefused: access needs a token and there is none, or not a valid one.
    """
    lookup: TokenLookup | None = request.app.state.device_tokens
    if lookup is None:
        return ANYONE
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise TokenMissing
    if len(token) != TOKEN_LENGTH or not token.startswith(PREFIX):
        raise TokenRefused
    device_id = await lookup.device_of(digest_of(token))
    if device_id is None:
        raise TokenRefused
    return Caller(device_id)


CurrentCaller = Annotated[Caller, Depends(caller_of)]
