"""Keeping a diagnosis, and with it the recording, as far as there is room for it."""

from enum import StrEnum

from signalcraft.clips import service as clips
from signalcraft.clips.errors import StoreOfAnother
from signalcraft.clips.store import ClipStore, StoredClip
from signalcraft.core.database import Database
from signalcraft.core.logging import get_logger
from signalcraft.core.object_store import StoreFull, StoreUnavailable
from signalcraft.devices.service import register_in_open_mode
from signalcraft.diagnosis import repository
from signalcraft.diagnosis.judgement import Verdict
from signalcraft.diagnosis.models import DiagnosisRow
from signalcraft.diagnosis.upload import Upload
from signalcraft.settings import DeviceAccess, DeviceSettings, KeptClips

logger = get_logger(__name__)


class ClipProblem(StrEnum):
    """Why a judged recording is not in the clip store."""

    NOT_WANTED = "not_wanted"
    STORAGE_FULL = "storage_full"
    STORE_UNAVAILABLE = "store_unavailable"
    REMOVED = "removed"


def is_wanted(diagnosis: DiagnosisRow, wanted: KeptClips) -> bool:
    """Whether the recording of this diagnosis is to be kept."""
    return wanted is KeptClips.ALL or (wanted is KeptClips.SUSPICIOUS and diagnosis.verdict != Verdict.NORMAL)


async def store_clip(
    database: Database, store: ClipStore, upload: Upload, diagnosis: DiagnosisRow, wanted: KeptClips
) -> StoredClip | None:
    """Put the judged recording into the clip store, or note in the diagnosis why it is not there.

    Raises:
        DatabaseUnavailable: PostgreSQL is away.
    """
    if not is_wanted(diagnosis, wanted):
        diagnosis.clip_problem = ClipProblem.NOT_WANTED
        return None
    try:
        return await clips.write(database, store, upload.descriptor())
    except (StoreUnavailable, StoreOfAnother) as problem:
        _note(diagnosis, problem)
        return None


async def keep(
    database: Database,
    store: ClipStore,
    upload: Upload,
    diagnosis: DiagnosisRow,
    *,
    clip: StoredClip | None,
    devices: DeviceSettings,
) -> None:
    """Store a diagnosis, and that its clip is kept; where access is open, an unknown device is registered with it.

    Raises:
        RegistryFull: too many devices have registered themselves.
    """
    if diagnosis.device_id is not None and devices.access is DeviceAccess.OPEN:
        async with database.session() as session:
            await register_in_open_mode(session, [diagnosis.device_id], devices.open_devices_max)
    if clip is None:
        await repository.add(database, diagnosis)
        return
    async with database.session() as session:
        try:
            await clips.enter(session, store, clip, upload.descriptor())
            diagnosis.clip_sha256 = clip.sha256
        except StoreUnavailable as problem:
            _note(diagnosis, problem)
        await repository.add_within(session, diagnosis)


def _note(diagnosis: DiagnosisRow, problem: Exception) -> None:
    diagnosis.clip_problem = (
        ClipProblem.STORAGE_FULL if isinstance(problem, StoreFull) else ClipProblem.STORE_UNAVAILABLE
    )
    logger.warning("clip_not_kept", problem=diagnosis.clip_problem, reason=str(problem))
