"""An engineer's word on what was judged."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.rights import Right
from signalcraft.core.database import ReadSession, Session
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid, StorageFull
from signalcraft.core.problems import problems
from signalcraft.devices.access import Caller
from signalcraft.diagnosis import labels
from signalcraft.diagnosis.errors import DiagnosisUnknown, LabelsFull
from signalcraft.diagnosis.label_schemas import GivenLabel, LabelHistory
from signalcraft.diagnosis.things import DIAGNOSIS

ERRORS = (*ACCESS_ERRORS, DiagnosisUnknown, Invalid, DatabaseUnavailable)

Labeller = Annotated[Caller, Depends(needs(Right.LABEL, of=DIAGNOSIS))]
Reader = Annotated[Caller, Depends(needs(Right.READ, of=DIAGNOSIS))]

router = APIRouter(
    prefix="/api/diagnoses/{diagnosis_id}/label", tags=["recordings"], dependencies=CREDENTIALS
)


@router.post("", responses=problems(*ERRORS, BadRequest, BodyTooLarge, LabelsFull, StorageFull))
async def label_diagnosis(
    diagnosis_id: UUID, given: GivenLabel, caller: Labeller, session: Session
) -> LabelHistory:
    """Say what a recording really is; its clip then stays, and training can use it. The last word holds."""
    rows, is_kept = await labels.add(session, diagnosis_id, given, caller)
    return LabelHistory.of(diagnosis_id, rows, clip_is_kept=is_kept)


@router.get("", responses=problems(*ERRORS))
async def get_labels(diagnosis_id: UUID, caller: Reader, session: ReadSession) -> LabelHistory:
    """What people said a recording to be."""
    rows, is_kept = await labels.history(session, diagnosis_id, caller)
    return LabelHistory.of(diagnosis_id, rows, clip_is_kept=is_kept)
