"""Batches of recordings in, and how far they are."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.rights import Right
from signalcraft.core.bare_route import BareRoute
from signalcraft.core.database import ReadSession
from signalcraft.core.errors import BodyTooLarge, DatabaseUnavailable, Invalid
from signalcraft.core.problems import problems
from signalcraft.devices.access import Caller
from signalcraft.devices.errors import DeviceUnknown
from signalcraft.devices.service import DEVICE_ID_PATTERN
from signalcraft.diagnosis import service as diagnosis_service
from signalcraft.diagnosis.errors import AnalysisBusy, UploadBroken, UploadMalformed
from signalcraft.settings import Settings
from signalcraft.tasks import batch_upload, jobs
from signalcraft.tasks.errors import (
    ArchiveRefused,
    ArchiveTooLarge,
    BatchEmpty,
    BatchTooLong,
    JobUnknown,
)
from signalcraft.tasks.job_schemas import EXAMPLE_JOB_URL, AcceptedJob, Job
from signalcraft.tasks.routes import INTAKE_ERRORS, admit, intake_of, sender_of
from signalcraft.tasks.things import JOB

BATCH_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "audio": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Recordings, each as for `/api/ai/analyze`; at most 100, 100 MB together.",
                        },
                        "archive": {
                            "type": "string",
                            "format": "binary",
                            "description": "Or one ZIP with at most 100 recordings, 100 MB when unpacked.",
                        },
                        "device_id": {
                            "type": "string",
                            "pattern": DEVICE_ID_PATTERN,
                            "description": "Whose machine it is; with a token, the token's device.",
                        },
                        "recorded_at": {
                            "type": "string",
                            "description": "Of all of them; by default now.",
                            "examples": ["2026-11-20T08:30:00Z"],
                        },
                    },
                }
            }
        },
    }
}
LOCATION: dict[str, Any] = {
    "headers": {
        "Location": {
            "description": "Where the sum is read.",
            "schema": {"type": "string"},
            "example": EXAMPLE_JOB_URL,
        }
    }
}
JobReader = Annotated[Caller, Depends(needs(Right.READ, of=JOB))]

router = APIRouter(prefix="/api", tags=["tasks"], dependencies=CREDENTIALS)


async def analyze_batch(request: Request) -> Response:
    """Store many recordings, one task each, to be judged later; all of them or none."""
    state = request.app.state
    settings: Settings = state.settings
    caller = await sender_of(request)
    intake = await intake_of(request)
    intake.require_room()
    with state.batch_uploads.one_more():
        async with batch_upload.received(request, settings) as (members, fields):
            recording = diagnosis_service.recording_of(fields, caller, settings.ingest.ahead_s)
            await admit(request, caller, recording, count=len(members))
            accepted = await jobs.accept(intake, members, recording)
    return Response(
        accepted.model_dump_json(),
        status_code=HTTPStatus.ACCEPTED,
        headers={"Location": accepted.status_url},
        media_type="application/json",
    )


router.add_api_route(
    "/ai/analyze/batch",
    analyze_batch,
    methods=["POST"],
    status_code=HTTPStatus.ACCEPTED,
    route_class_override=BareRoute,
    response_model=AcceptedJob,
    openapi_extra=BATCH_FORM,
    responses={
        202: LOCATION,
        **problems(
            *ACCESS_ERRORS,
            DeviceUnknown,
            UploadMalformed,
            UploadBroken,
            Invalid,
            BatchEmpty,
            BatchTooLong,
            ArchiveRefused,
            ArchiveTooLarge,
            BodyTooLarge,
            *INTAKE_ERRORS,
            AnalysisBusy,
        ),
    },
)


@router.get(
    "/analyze/batch/{job_id}", responses=problems(*ACCESS_ERRORS, JobUnknown, Invalid, DatabaseUnavailable)
)
async def get_job(job_id: UUID, caller: JobReader, session: ReadSession) -> Job:
    """How far the recordings of a batch are, and where each one's result is read."""
    return await jobs.find(session, job_id, caller)
