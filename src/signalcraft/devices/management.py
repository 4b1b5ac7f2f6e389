"""Devices as people manage them: each change is in the audit log of the device's site."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.audit.service import Action, Actor, record
from signalcraft.devices import repository, service
from signalcraft.devices.errors import DeviceUnknown
from signalcraft.devices.tokens import IssuedToken
from signalcraft.sites import repository as sites
from signalcraft.sites.errors import SiteUnknown
from signalcraft.sites.models import FIRST_SITE


async def add(
    session: AsyncSession, actor: Actor, device_id: str, name: str | None, site_id: str = FIRST_SITE
) -> IssuedToken:
    """Register a device at a site and give it its first token.

    Raises:
        SiteUnknown, DeviceIdInvalid, DeviceExists: it was not registered.
    """
    if not await sites.exists(session, site_id):
        raise SiteUnknown(site_id=site_id)
    issued = await service.add_device(session, device_id, name)
    await repository.move(session, device_id, site_id)
    await record(session, actor, Action.DEVICE_ADDED, target=device_id, site_id=site_id)
    return issued


async def rename(session: AsyncSession, actor: Actor, device_id: str, name: str | None) -> None:
    """Call a device something else.

    Raises:
        DeviceUnknown: there is none.
    """
    await record_of_device(session, actor, Action.DEVICE_CHANGED, device_id, name=name)
    await repository.rename(session, device_id, name)


async def move(session: AsyncSession, actor: Actor, device_id: str, site_id: str) -> None:
    """Let a device belong to another site, with all that it has sent. Both sites' logs tell it.

    Raises:
        DeviceUnknown, SiteUnknown: there is none.
    """
    before = await _site_of(session, device_id)
    if not await sites.exists(session, site_id):
        raise SiteUnknown(site_id=site_id)
    await repository.move(session, device_id, site_id)
    for told in {before, site_id}:
        await record(session, actor, Action.DEVICE_MOVED, target=device_id, site_id=told)


async def rotate(session: AsyncSession, actor: Actor, device_id: str, overlap: timedelta) -> IssuedToken:
    """Give a device a new token; the old ones stay valid for `overlap`.

    Raises:
        DeviceUnknown: there is none.
    """
    issued = await service.rotate_token(session, device_id, overlap)
    await record_of_device(session, actor, Action.DEVICE_TOKEN_ROTATED, device_id)
    return issued


async def revoke(session: AsyncSession, actor: Actor, device_id: str) -> int:
    """End all tokens of a device now; how many.

    Raises:
        DeviceUnknown: there is none.
    """
    ended = await service.revoke_tokens(session, device_id)
    await record_of_device(session, actor, Action.DEVICE_TOKENS_REVOKED, device_id)
    return ended


async def record_of_device(
    session: AsyncSession, actor: Actor, action: Action, device_id: str, **details: Any
) -> None:
    """Write into the log of the device's site that something was done to it.

    Raises:
        DeviceUnknown: there is none.
    """
    site_id = await _site_of(session, device_id)
    await record(session, actor, action, target=device_id, site_id=site_id, **details)


async def _site_of(session: AsyncSession, device_id: str) -> str:
    site_id = await repository.site_of(session, device_id)
    if site_id is None:
        raise DeviceUnknown(device_id=device_id)
    return site_id
