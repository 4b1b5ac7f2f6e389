"""Devices as things that belong to a site."""

from sqlalchemy import text

from signalcraft.access.things import Thing
from signalcraft.devices.errors import DeviceUnknown
from signalcraft.devices.service import is_device_id


def _device_id(given: str) -> str:
    if not is_device_id(given):
        raise ValueError(given)
    return given


DEVICE = Thing(
    "device_id",
    text("SELECT site_id, device_id FROM devices WHERE device_id = :value"),
    DeviceUnknown,
    _device_id,
)
