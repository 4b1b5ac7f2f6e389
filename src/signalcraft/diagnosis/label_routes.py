"""An engineer's word on what was judged."""

from uuid import UUID

from fastapi import APIRouter, Depends

from signalcraft.core.database import ReadSession, Session
from signalcraft.core.errors import BadRequest, DatabaseUnavailable, Invalid, StorageFull
from signalcraft.core.problems import problems
from signalcraft.devices.access import DEVICE_TOKEN, CurrentCaller
from signalcraft.devices.errors import OtherDevice, TokenMissing, TokenRefused
from signalcraft.diagnosis import labels
from signalcraft.diagnosis.errors import DiagnosisUnknown, LabelsFull
from signalcraft.diagnosis.label_schemas import GivenLabel, LabelHistory

ERRORS = (TokenMissing, TokenRefused, OtherDevice, DiagnosisUnknown, Invalid, DatabaseUnavailable)

router = APIRouter(
    prefix="/api/diagnoses/{diagnosis_id}/label", tags=["recordings"], dependencies=[Depends(DEVICE_TOKEN)]
)


@router.post("", responses=problems(*ERRORS, BadRequest, LabelsFull, StorageFull))
async def label_diagnosis(
    diagnosis_id: UUID, given: GivenLabel, caller: CurrentCaller, session: Session
) -> LabelHistory:
    """Say what a recording really is; its clip then stays, and training can use it. The last word holds."""
    rows, is_kept = await labels.add(session, diagnosis_id, given, caller)
    return LabelHistory.of(diagnosis_id, rows, clip_is_kept=is_kept)


@router.get("", responses=problems(*ERRORS))
async def get_labels(diagnosis_id: UUID, caller: CurrentCaller, session: ReadSession) -> LabelHistory:
    """What people said a recording to be."""
    rows, is_kept = await labels.history(session, diagnosis_id, caller)
    return LabelHistory.of(diagnosis_id, rows, clip_is_kept=is_kept)
