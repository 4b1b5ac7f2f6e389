"""The rules of the device registry."""

import re
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.devices import repository
from signalcraft.devices.errors import DeviceExists, DeviceIdInvalid, DeviceUnknown, RegistryFull
from signalcraft.devices.tokens import IssuedToken

DEVICE_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
# Ordinary HTTP clients take these out of a path (RFC 3986, 5.2.4), so nobody could read such a device back.
RESERVED_IDS = frozenset({".", ".."})
_DEVICE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def is_device_id(text: str) -> bool:
    """Whether a device may be called so."""
    return _DEVICE_ID.fullmatch(text) is not None and text not in RESERVED_IDS


async def add_device(session: AsyncSession, device_id: str, name: str | None) -> IssuedToken:
    """Register a device and give it its first token.

    Raises:
        DeviceIdInvalid: the id has other characters, is too long, or is `.` or `..`.
        DeviceExists: there is one of this id.
    """
    if not is_device_id(device_id):
        raise DeviceIdInvalid
    if not await repository.add_device(session, device_id, name):
        raise DeviceExists(device_id=device_id)
    return await _issue(session, device_id)


async def rotate_token(session: AsyncSession, device_id: str, overlap: timedelta) -> IssuedToken:
    """Give the device a new token; the old ones stay valid for `overlap`.

    Raises:
        DeviceUnknown: there is no such device.
    """
    await must_exist(session, device_id)
    await repository.expire_tokens(session, device_id, overlap)
    return await _issue(session, device_id)


async def revoke_tokens(session: AsyncSession, device_id: str) -> int:
    """End all tokens of a device now; its readings stay. How many were ended.

    Raises:
        DeviceUnknown: there is no such device.
    """
    await must_exist(session, device_id)
    return await repository.expire_tokens(session, device_id, timedelta(0))


async def register_in_open_mode(session: AsyncSession, device_ids: Collection[str], limit: int) -> None:
    """Register devices that nobody added: on a closed network the old firmware just begins to send.

    Raises:
        DeviceIdInvalid: none may be called so.
        RegistryFull: that would make more than `limit` devices.
    """
    if not RESERVED_IDS.isdisjoint(device_ids):
        raise DeviceIdInvalid
    missing = set(device_ids) - await repository.known(session, list(device_ids))
    if not missing:
        return
    await repository.lock_registry(session)
    # Another request may have registered some of them while this one waited.
    missing -= await repository.known(session, list(missing))
    if await repository.count(session) + len(missing) > limit:
        raise RegistryFull(limit=limit)
    await repository.add_missing(session, list(missing))


async def must_exist(session: AsyncSession, device_id: str) -> None:
    """Let it pass.

    Raises:
        DeviceUnknown: there is no such device.
    """
    if not await repository.known(session, [device_id]):
        raise DeviceUnknown(device_id=device_id)


async def _issue(session: AsyncSession, device_id: str) -> IssuedToken:
    issued = IssuedToken.new()
    await repository.add_token(session, device_id, issued.digest)
    return issued
