"""Who posts readings and recordings, on the hottest path: devices; and scripts for the devices of their user's sites."""

from collections.abc import Collection
from typing import Final

from fastapi import Request
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from signalcraft.access.errors import RightMissing, ScopeMissing
from signalcraft.access.needs import must_cover, script_of, sites_with
from signalcraft.access.rights import Right
from signalcraft.auth import access_tokens
from signalcraft.core.database import Database
from signalcraft.core.errors import BadRequest, RateLimited
from signalcraft.core.rate_limit import RateLimit
from signalcraft.devices.access import Caller, bearer_token, caller_of
from signalcraft.devices.errors import DeviceUnknown, OtherDevice, TokenMissing, TokenRefused

# What `poster_of` answers.
POSTING_ERRORS: Final = (
    TokenMissing,
    TokenRefused,
    OtherDevice,
    DeviceUnknown,
    RightMissing,
    ScopeMissing,
    RateLimited,
)
DEVICES_AT = text("""
    SELECT array_agg(device_id) AS device_ids FROM devices
    WHERE device_id = ANY(:device_ids) AND (:is_anywhere OR site_id = ANY(:sites))
""").bindparams(bindparam("device_ids", type_=ARRAY(Text)), bindparam("sites", type_=ARRAY(Text)))


async def poster_of(request: Request, rate: RateLimit) -> Caller:
    """Who posts; a script's devices must still be let in by `SiteAdmission`.

    rate: of what is posted; this request counts as one, where it is known who posts.

    Raises:
        TokenMissing, TokenRefused, ScopeMissing, RightMissing: it may not post.
        RateLimited: it posts too much.
    """
    caller = await _poster_of(request)
    caller.spend(rate)
    return caller


async def _poster_of(request: Request) -> Caller:
    try:
        return await caller_of(request)
    except TokenRefused:
        # Only what is no device's token takes this longer way.
        token = bearer_token(request)
        if token is None or not token.startswith(access_tokens.PREFIX):
            raise
        person = await script_of(request, token)
    must_cover(person, Right.INGEST)
    sites = sites_with(person, Right.INGEST)
    if sites is not None and not sites:
        raise RightMissing(right=Right.INGEST.value)
    return Caller(None, person, sites)


class SiteAdmission:
    """Lets a script post for the devices of its user's sites."""

    def __init__(self, database: Database, sites: frozenset[str] | None) -> None:
        self._database = database
        self._sites = sites

    async def register(self, device_id: str) -> None:
        """See that the device is one of these.

        Raises:
            DeviceUnknown: it is not, or there is none.
        """
        for refusal in (await self.register_all({device_id})).values():
            raise refusal

    async def register_all(self, device_ids: Collection[str]) -> dict[str, BadRequest]:
        """Why not, for those of the devices that are none of these."""
        values = {
            "device_ids": list(device_ids),
            "is_anywhere": self._sites is None,
            "sites": sorted(self._sites or ()),
        }
        found = await self._database.fetch_alone(DEVICES_AT, values)
        known = set(found["device_ids"] or ()) if found is not None else set()
        return {device_id: DeviceUnknown(device_id=device_id) for device_id in set(device_ids) - known}
