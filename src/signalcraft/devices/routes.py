"""Devices as owners and administrators manage them."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from signalcraft.access.actors import actor_of
from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.rights import DEVICE_RIGHTS, Right
from signalcraft.auth.schemas import Done
from signalcraft.core.database import Session
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid
from signalcraft.core.problems import problems
from signalcraft.devices import management
from signalcraft.devices.access import Caller
from signalcraft.devices.errors import DeviceExists, DeviceUnknown
from signalcraft.devices.service import DEVICE_ID_PATTERN
from signalcraft.devices.things import DEVICE
from signalcraft.sites.errors import SiteUnknown
from signalcraft.sites.schemas import ShownName, SiteId
from signalcraft.sites.service import SITE_ID_PATTERN
from signalcraft.sites.things import SITE

OfDevice = Annotated[Caller, Depends(needs(Right.DEVICES, of=DEVICE))]
# The token of a device that has sent something reads it.
TokenGiver = Annotated[Caller, Depends(needs(Right.DEVICES, of=DEVICE, handing_out=DEVICE_RIGHTS))]
OfSite = Annotated[Caller, Depends(needs(Right.DEVICES, of=SITE))]
DeviceInPath = Annotated[str, Path(pattern=DEVICE_ID_PATTERN, examples=["test-device-1"])]
ERRORS = (*ACCESS_ERRORS, Invalid, DatabaseUnavailable)

router = APIRouter(prefix="/api", tags=["devices"], dependencies=CREDENTIALS)


class NewDevice(BaseModel):
    """A device to be registered."""

    device_id: str = Field(pattern=DEVICE_ID_PATTERN, examples=["shop-2-compressor"])
    name: ShownName | None = Field(None, examples=["Cold store, back"])


class DeviceChange(BaseModel):
    """What shall change; what is left out stays."""

    name: ShownName | None = Field(None, examples=["Cold store, front"])
    site_id: SiteId | None = Field(None, description="The site that it moves to, with all that it has sent.")


class Rotation(BaseModel):
    """How long the old token stays valid."""

    overlap_hours: float = Field(24, ge=0, le=8760)


class DeviceToken(BaseModel):
    """A device's new token, shown this once."""

    success: bool = True
    device_id: str = Field(examples=["shop-2-compressor"])
    token: str = Field(description="Sent as `Authorization: Bearer …`.", examples=["scd_…"])


@router.post(
    "/sites/{site_id}/devices",
    status_code=201,
    responses=problems(*ERRORS, BadRequest, BodyTooLarge, SiteUnknown, DeviceExists),
)
async def add_device(
    site_id: Annotated[str, Path(pattern=SITE_ID_PATTERN, examples=["default"])],
    body: NewDevice,
    request: Request,
    caller: OfSite,
    session: Session,
) -> DeviceToken:
    """Register a device at a site; its token is shown this once."""
    actor = actor_of(request, caller)
    issued = await management.add(session, actor, body.device_id, body.name, site_id)
    return DeviceToken(device_id=body.device_id, token=issued.secret)


@router.patch(
    "/devices/{device_id}", responses=problems(*ERRORS, BadRequest, BodyTooLarge, DeviceUnknown, SiteUnknown)
)
async def change_device(
    device_id: DeviceInPath, body: DeviceChange, request: Request, caller: OfDevice, session: Session
) -> Done:
    """Rename a device, or move it to another site of yours."""
    actor = actor_of(request, caller)
    if "name" in body.model_fields_set:
        await management.rename(session, actor, device_id, body.name)
    if body.site_id is not None:
        if caller.sites is not None and body.site_id not in caller.sites:
            raise SiteUnknown(site_id=body.site_id)
        await management.move(session, actor, device_id, body.site_id)
    return Done(message="The device is changed.")


@router.post(
    "/devices/{device_id}/token",
    status_code=201,
    responses=problems(*ERRORS, BadRequest, BodyTooLarge, DeviceUnknown),
)
async def rotate_token(
    device_id: DeviceInPath, body: Rotation, request: Request, caller: TokenGiver, session: Session
) -> DeviceToken:
    """Give a device a new token, shown this once; the old one ends after the overlap."""
    overlap = timedelta(hours=body.overlap_hours)
    issued = await management.rotate(session, actor_of(request, caller), device_id, overlap)
    return DeviceToken(device_id=device_id, token=issued.secret)


@router.delete("/devices/{device_id}/token", responses=problems(*ERRORS, DeviceUnknown))
async def revoke_tokens(
    device_id: DeviceInPath, request: Request, caller: OfDevice, session: Session
) -> Done:
    """End all tokens of a device now; its readings stay."""
    ended = await management.revoke(session, actor_of(request, caller), device_id)
    return Done(message=f"Tokens ended: {ended}.")
