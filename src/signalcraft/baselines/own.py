"""A device's baseline as a web worker hands it to the inference processes."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from signalcraft.acoustics.version import EMBEDDING_VERSION
from signalcraft.baselines import repository
from signalcraft.core.database import Database
from signalcraft.diagnosis.normal_spectrum import FEWEST_CLIPS, NormalSpectrum

# Of a quarter of a megabyte each.
_MOST_CACHED = 64


@dataclass(frozen=True, slots=True)
class OwnNormal:
    """A device's baseline.

    machine: None while it is being learnt, or where it rests on other statistics. normal: the spectrum of the clips that
    were learnt; None where too few of them have one, as those that an earlier release judged.
    """

    device_id: str
    version: int
    machine: bytes | None
    normal: NormalSpectrum | None
    is_learning: bool
    adapt: bool


@dataclass(frozen=True, slots=True)
class _Cached:
    version: int
    started_at: datetime
    machine: bytes
    normal: NormalSpectrum | None


class Baselines:
    """The baselines of all devices. Each is asked for anew, so that a change counts from the next recording on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._machines: OrderedDict[str, _Cached] = OrderedDict()

    async def of_device(self, device_id: str | None) -> OwnNormal | None:
        """The device's baseline, learnt or being learnt; None without one.

        Raises:
            DatabaseUnavailable: PostgreSQL is away.
        """
        if device_id is None:
            return None
        cached = self._machines.get(device_id)
        async with self._database.session(read_only=True) as session:
            found = await repository.own_normal(
                session, device_id, None if cached is None else (cached.version, cached.started_at)
            )
            if found is not None and found.machine is not None:
                spectra = await repository.learnt_spectra(session, device_id)
                normal = NormalSpectrum.of(spectra) if len(spectra) >= FEWEST_CLIPS else None
                cached = _Cached(found.version, found.started_at, found.machine, normal)
        if found is None:
            self._machines.pop(device_id, None)
            return None
        if not found.is_ready or found.embedding_version != EMBEDDING_VERSION or cached is None:
            return OwnNormal(device_id, found.version, None, None, not found.is_ready, found.adapt)
        self._remember(device_id, cached)
        return OwnNormal(
            device_id, found.version, cached.machine, cached.normal, is_learning=False, adapt=found.adapt
        )

    def _remember(self, device_id: str, cached: _Cached) -> None:
        self._machines[device_id] = cached
        self._machines.move_to_end(device_id)
        if len(self._machines) > _MOST_CACHED:
            self._machines.popitem(last=False)
