"""Devices that register themselves by sending, where access is open."""

from typing import Protocol

from signalcraft.core.database import Database
from signalcraft.core.errors import BadRequest
from signalcraft.devices import repository, service
from signalcraft.devices.errors import DeviceIdInvalid, RegistryFull


class Admission(Protocol):
    """Sees that devices may be posted for, where the caller is none of them itself."""

    async def register(self, device_id: str) -> None:
        """See to one, or raise why not."""

    async def register_all(self, device_ids: set[str]) -> dict[str, BadRequest]:
        """See to some; why not, for those that may not be posted for."""


class SelfRegistration:
    """Registers unknown devices; those that this process has seen cost nothing (devices are never deleted)."""

    def __init__(self, database: Database, devices_max: int) -> None:
        self._database = database
        self._devices_max = devices_max
        self._known: set[str] = set()

    async def register(self, device_id: str) -> None:
        """See that the device is registered.

        Raises:
            DeviceIdInvalid: none may be called so.
            RegistryFull: too many devices have registered themselves.
            DatabaseUnavailable: the device is not known here and PostgreSQL is away.
        """
        if device_id not in self._known:
            await self._register({device_id})

    async def register_all(self, device_ids: set[str]) -> dict[str, BadRequest]:
        """See that the devices are registered; why not, for those that can't be.

        Raises:
            DatabaseUnavailable: as above.
        """
        refusals: dict[str, BadRequest] = {
            device_id: DeviceIdInvalid() for device_id in device_ids & service.RESERVED_IDS
        }
        unknown = device_ids - self._known - service.RESERVED_IDS
        if not unknown:
            return refusals
        try:
            await self._register(unknown)
        except RegistryFull as full:
            async with self._database.session(read_only=True) as session:
                registered = await repository.known(session, list(unknown))
            self._known |= registered
            refusals |= dict.fromkeys(unknown - registered, full)
        return refusals

    async def _register(self, device_ids: set[str]) -> None:
        async with self._database.session() as session:
            await service.register_in_open_mode(session, device_ids, self._devices_max)
        self._known |= device_ids
