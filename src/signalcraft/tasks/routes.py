"""Recordings in, to be judged later, and what became of them."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.posting import SiteAdmission
from signalcraft.access.rights import Right
from signalcraft.audio.errors import ClipTooLarge
from signalcraft.clips.errors import ClipStoreUnavailable
from signalcraft.core.bare_route import BareRoute
from signalcraft.core.database import Database, ReadSession
from signalcraft.core.errors import DatabaseUnavailable, Invalid, StorageFull
from signalcraft.core.language import AnswerLanguage
from signalcraft.core.problems import problems
from signalcraft.core.rate_limit import RateLimit
from signalcraft.core.request_origin import client_address, counted_address
from signalcraft.devices.access import ANYONE, Caller
from signalcraft.devices.errors import DeviceUnknown, RegistryFull
from signalcraft.diagnosis import service as diagnosis_service
from signalcraft.diagnosis import upload
from signalcraft.diagnosis.errors import AnalysisBusy, AudioFieldMissing, UploadBroken, UploadMalformed
from signalcraft.diagnosis.routes import UPLOAD_FORM
from signalcraft.diagnosis.service import Recording
from signalcraft.settings import Settings
from signalcraft.tasks import service
from signalcraft.tasks.errors import KeyReused, LaneFull, StreamsFull, TaskBegun, TasksFull, TaskUnknown
from signalcraft.tasks.models import TaskRow
from signalcraft.tasks.schemas import (
    EXAMPLE_FAILURE,
    EXAMPLE_STATUS_URL,
    EXAMPLE_SUCCESS,
    AcceptedTask,
    FinishedTask,
    RunningTask,
    TaskState,
)
from signalcraft.tasks.service import Intake
from signalcraft.tasks.streams import Streams
from signalcraft.tasks.things import TASK

UPLOAD_ERRORS = (UploadMalformed, UploadBroken, AudioFieldMissing, Invalid, ClipTooLarge)
INTAKE_ERRORS = (
    RegistryFull,
    TasksFull,
    LaneFull,
    AnalysisBusy,
    ClipStoreUnavailable,
    StorageFull,
    DatabaseUnavailable,
)
IDEMPOTENCY_KEY: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same request under the same key is one task, however often it is sent.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
            "example": "5a3f0c8e-phone-17",
        }
    ]
}
LOCATION: dict[str, Any] = {
    "headers": {
        "Location": {
            "description": "Where its result is read.",
            "schema": {"type": "string"},
            "example": EXAMPLE_STATUS_URL,
        }
    }
}

sender_of = needs(Right.INGEST)
Reader = Annotated[Caller, Depends(needs(Right.READ, of=TASK))]
Canceller = Annotated[Caller, Depends(needs(Right.INGEST, of=TASK))]

router = APIRouter(prefix="/api", tags=["tasks"], dependencies=CREDENTIALS)


async def intake_of(request: Request) -> Intake:
    """What accepting recordings needs, of this process."""
    state = request.app.state
    return Intake(state.database, state.clips, state.task_upkeep, state.settings)


CurrentIntake = Annotated[Intake, Depends(intake_of)]


async def analyze_later(request: Request) -> Response:
    """Store a recording, to be judged later; answered after its task is stored."""
    state = request.app.state
    settings: Settings = state.settings
    caller = await sender_of(request)
    key = service.idempotency_key(request.headers.get("idempotency-key"))
    intake = await intake_of(request)
    intake.require_room()
    with state.uploads.one_more():
        received = await upload.receive(request, settings.recordings.max_bytes)
        try:
            recording = diagnosis_service.recording_of(received.fields, caller, settings.ingest.ahead_s)
            await admit(request, caller, recording)
            task_id = await service.accept(intake, received, recording, key)
        finally:
            received.close()
    accepted = AcceptedTask(task_id=task_id, status_url=service.status_url(task_id))
    return Response(
        accepted.model_dump_json(),
        status_code=HTTPStatus.ACCEPTED,
        headers={"Location": accepted.status_url},
        media_type="application/json",
    )


async def admit(request: Request, caller: Caller, recording: Recording, *, count: int = 1) -> None:
    """Count the recordings, and see that a person may send them for that device.

    Raises:
        RateLimited: too many were sent.
        DeviceUnknown: the device is none of the person's.
    """
    rate: RateLimit = request.app.state.limits.recordings
    if caller is ANYONE:
        rate.spend(recording.device_id or f"address {counted_address(client_address(request))}")
    else:
        caller.spend(rate)
        caller.charge(rate, count - 1)
    if caller.person is not None:
        await SiteAdmission(request.app.state.database, caller.sites).register(recording.device_id or "")


router.add_api_route(
    "/ai/analyze",
    analyze_later,
    methods=["POST"],
    status_code=HTTPStatus.ACCEPTED,
    route_class_override=BareRoute,
    response_model=AcceptedTask,
    openapi_extra=UPLOAD_FORM | IDEMPOTENCY_KEY,
    responses={
        202: LOCATION,
        **problems(*ACCESS_ERRORS, DeviceUnknown, *UPLOAD_ERRORS, KeyReused, *INTAKE_ERRORS),
    },
)


@router.get(
    "/analyze/result/{task_id}",
    responses={
        200: {
            "model": FinishedTask,
            "description": "It is finished.",
            "content": {
                "application/json": {
                    "examples": {
                        "success": {"value": EXAMPLE_SUCCESS},
                        "failure": {"value": EXAMPLE_FAILURE},
                    }
                }
            },
        },
        202: {"model": RunningTask, "description": "It is not finished yet."},
        **problems(*ACCESS_ERRORS, TaskUnknown, Invalid, DatabaseUnavailable),
    },
)
async def get_result(
    task_id: UUID, caller: Reader, session: ReadSession, response: Response, language: AnswerLanguage
) -> TaskState:
    """How far a task is; its result, once there is one."""
    state = await service.state_of(session, await service.find(session, task_id, caller), caller, language)
    if isinstance(state, RunningTask):
        response.status_code = HTTPStatus.ACCEPTED
    return state


async def _followed(
    request: Request,
    task_id: Annotated[UUID, Path()],
    caller: Reader,
) -> TaskRow:
    database: Database = request.app.state.database
    async with database.session(read_only=True) as session:
        return await service.find(session, task_id, caller)


async def _stream_place(request: Request) -> AsyncIterator[Streams]:
    streams: Streams = request.app.state.task_streams
    with streams.one_more():
        yield streams


@router.get(
    "/analyze/events/{task_id}",
    response_class=EventSourceResponse,
    responses=problems(*ACCESS_ERRORS, TaskUnknown, StreamsFull, Invalid, DatabaseUnavailable),
)
async def follow_task(
    seen: Annotated[TaskRow, Depends(_followed, scope="function")],
    caller: Reader,
    streams: Annotated[Streams, Depends(_stream_place, scope="request")],
    language: AnswerLanguage,
    last_event_id: Annotated[
        str | None, Header(max_length=20, description="The `id` of the last event that was received.")
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The same as the result, as server-sent events: `state` at each change, then `end`.

    A comment is sent every 15 seconds. The stream ends after five minutes at the latest; a client that then comes again
    with `Last-Event-ID`, as browsers do, misses nothing, whichever worker it reaches.
    """
    async for event in streams.of(seen, caller, language, last_event_id):
        yield event


@router.delete(
    "/analyze/result/{task_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(*ACCESS_ERRORS, TaskUnknown, TaskBegun, Invalid, DatabaseUnavailable),
)
async def cancel_task(task_id: UUID, caller: Canceller, intake: CurrentIntake) -> None:
    """Cancel a task that has not begun; its result is then a failure, `task_cancelled`."""
    await service.cancel(intake, task_id, caller)
