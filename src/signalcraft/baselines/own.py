"""A device's baseline as a web worker hands it to the inference processes."""

from collections import OrderedDict
from dataclasses import dataclass

from signalcraft.acoustics.version import EMBEDDING_VERSION
from signalcraft.baselines import repository
from signalcraft.core.database import Database

# Of a quarter of a megabyte each.
_MOST_CACHED = 64


@dataclass(frozen=True, slots=True)
class OwnNormal:
    """A device's baseline. machine: None while it is being learnt, or where it rests on other statistics."""

    device_id: str
    version: int
    machine: bytes | None
    is_learning: bool
    adapt: bool


class Baselines:
    """The baselines of all devices. Each is asked for anew, so that a change counts from the next recording on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._machines: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    async def of_device(self, device_id: str | None) -> OwnNormal | None:
        """The device's baseline, learnt or being learnt; None without one.

        Raises:
            DatabaseUnavailable: PostgreSQL is away.
        """
        if device_id is None:
            return None
        cached = self._machines.get(device_id)
        async with self._database.session(read_only=True) as session:
            found = await repository.own_normal(session, device_id, None if cached is None else cached[0])
        if found is None:
            self._machines.pop(device_id, None)
            return None
        machine = None
        if found.is_ready and found.embedding_version == EMBEDDING_VERSION:
            machine = found.machine if cached is None or found.version != cached[0] else cached[1]
            self._remember(device_id, found.version, machine)
        return OwnNormal(device_id, found.version, machine, not found.is_ready, found.adapt)

    def _remember(self, device_id: str, version: int, machine: bytes) -> None:
        self._machines[device_id] = (version, machine)
        self._machines.move_to_end(device_id)
        if len(self._machines) > _MOST_CACHED:
            self._machines.popitem(last=False)
