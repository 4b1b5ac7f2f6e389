"""The rules of labels: an engineer's word on a recording, all of it kept, the last one holds."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.clips import service as clips
from signalcraft.devices.access import Caller
from signalcraft.diagnosis import label_repository, service
from signalcraft.diagnosis.errors import LabelsFull
from signalcraft.diagnosis.label_schemas import GivenLabel
from signalcraft.diagnosis.models import LabelRow

# People change their minds; a script that labels in a loop is stopped.
_MOST_LABELS = 100


async def add(
    session: AsyncSession, diagnosis_id: UUID, given: GivenLabel, caller: Caller
) -> tuple[list[LabelRow], bool]:
    """Keep one more word on a diagnosis, and its recording for good; all of them, and whether the recording is there.

    Raises:
        DiagnosisUnknown: there is no such diagnosis, or it is another device's.
        LabelsFull: it has too many already.
    """
    seen = await service.find(session, diagnosis_id, caller)
    if await label_repository.count(session, diagnosis_id) >= _MOST_LABELS:
        raise LabelsFull(limit=_MOST_LABELS)
    await label_repository.add(session, diagnosis_id, given.label, _by(given, caller), given.note)
    is_kept = seen.row.clip_sha256 is not None and await clips.keep_for_good(session, seen.row.clip_sha256)
    return await label_repository.history(session, diagnosis_id), is_kept


async def history(session: AsyncSession, diagnosis_id: UUID, caller: Caller) -> tuple[list[LabelRow], bool]:
    """All words on a diagnosis, newest first, and whether its recording is there.

    Raises:
        DiagnosisUnknown: there is no such diagnosis, or it is another device's.
    """
    seen = await service.find(session, diagnosis_id, caller)
    is_kept = seen.row.clip_sha256 is not None and seen.clip_problem is None
    return await label_repository.history(session, diagnosis_id), is_kept


def _by(given: GivenLabel, caller: Caller) -> str | None:
    """Whose word it is: a person's own; for a device, whoever it says."""
    return caller.name if caller.person is not None else given.by or caller.device_id
