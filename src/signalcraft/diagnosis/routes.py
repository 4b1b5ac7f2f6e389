"""Recordings in, diagnoses out."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.posting import POSTING_ERRORS, SiteAdmission, poster_of
from signalcraft.access.rights import Right
from signalcraft.audio.errors import CLIP_ERRORS
from signalcraft.clips.errors import ClipNotKept, ClipStoreUnavailable
from signalcraft.core.bare_route import BareRoute
from signalcraft.core.database import ReadSession, database_of
from signalcraft.core.errors import DatabaseUnavailable, Invalid, StorageFull
from signalcraft.core.language import LANGUAGE_PARAMETER, AnswerLanguage, in_language, preferred
from signalcraft.core.problems import problems
from signalcraft.core.rate_limit import RateLimit
from signalcraft.core.request_origin import client_address, counted_address
from signalcraft.devices.access import ANYONE, Caller
from signalcraft.devices.errors import DeviceUnknown, RegistryFull
from signalcraft.devices.service import DEVICE_ID_PATTERN
from signalcraft.devices.things import DEVICE
from signalcraft.diagnosis import keeping, service, upload
from signalcraft.diagnosis.errors import (
    AnalysisAway,
    AnalysisBusy,
    AudioFieldMissing,
    ClipUnprocessable,
    CursorInvalid,
    DiagnosisUnknown,
    ModelUnavailable,
    UploadBroken,
    UploadMalformed,
)
from signalcraft.diagnosis.schemas import Diagnosis, DiagnosisPage
from signalcraft.diagnosis.things import DIAGNOSIS
from signalcraft.settings import Settings

UPLOAD_FORM: dict[str, Any] = {
    "parameters": [LANGUAGE_PARAMETER],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["audio"],
                    "properties": {
                        "audio": {
                            "type": "string",
                            "format": "binary",
                            "description": "WAV, FLAC, OGG or MP3; at most 10 MB, 0.5 to 60 s, 8 to 96 kHz, 1 or 2 channels.",
                        },
                        "device_id": {
                            "type": "string",
                            "pattern": DEVICE_ID_PATTERN,
                            "description": "Whose machine it is; with a token, the token's device.",
                        },
                        "recorded_at": {
                            "type": "string",
                            "description": "Seconds or milliseconds since 1970, or ISO 8601; by default now.",
                            "examples": ["2026-11-20T08:30:00Z"],
                        },
                    },
                }
            }
        },
    },
}

DiagnosisReader = Annotated[Caller, Depends(needs(Right.READ, of=DIAGNOSIS))]
# Of the device in the query, if there is one.
Reader = Annotated[Caller, Depends(needs(Right.READ, of=DEVICE))]

router = APIRouter(prefix="/api", tags=["recordings"], dependencies=CREDENTIALS)


async def analyze_recording(request: Request) -> Response:
    """Judge a recording now; answered after the diagnosis is stored."""
    state = request.app.state
    settings: Settings = state.settings
    rate: RateLimit = state.limits.recordings
    caller = await poster_of(request, rate)
    with state.uploads.one_more():
        received = await upload.receive(request, settings.recordings.max_bytes)
        try:
            recording = service.recording_of(received.fields, caller, settings.ingest.ahead_s)
            if caller is ANYONE:
                rate.spend(recording.device_id or f"address {counted_address(client_address(request))}")
            if caller.person is not None:
                await SiteAdmission(state.database, caller.sites).register(recording.device_id or "")
            own = await state.baselines.of_device(recording.device_id)
            diagnosis = await service.judge(
                state.inference, received.descriptor(), recording, model=state.models.active(), own=own
            )
            clip = await keeping.store_clip(
                state.database, state.clips, received, diagnosis, settings.clips.keep
            )
            # Only now, so that no connection is held while the recording waits for its turn.
            await keeping.keep(
                state.database, state.clips, received, diagnosis, clip=clip, devices=settings.devices
            )
            state.shadow.offer(diagnosis.id, received.descriptor())
        finally:
            received.close()
    if own is not None:
        await state.learner.attend(own)
    language = preferred(request.headers.get("accept-language"))
    answer = Diagnosis.of(service.Seen(diagnosis, diagnosis.clip_problem), language)
    return Response(answer.model_dump_json(), media_type="application/json", headers=in_language(language))


router.add_api_route(
    "/lightweight-analyze",
    analyze_recording,
    methods=["POST"],
    route_class_override=BareRoute,
    response_model=Diagnosis,
    openapi_extra=UPLOAD_FORM,
    responses=problems(
        *POSTING_ERRORS,
        RegistryFull,
        UploadMalformed,
        UploadBroken,
        AudioFieldMissing,
        Invalid,
        *CLIP_ERRORS,
        ClipUnprocessable,
        AnalysisAway,
        AnalysisBusy,
        ModelUnavailable,
        StorageFull,
        DatabaseUnavailable,
    ),
)


@router.get(
    "/diagnoses/{diagnosis_id}",
    responses=problems(*ACCESS_ERRORS, DiagnosisUnknown, Invalid, DatabaseUnavailable),
)
async def get_diagnosis(
    diagnosis_id: UUID, caller: DiagnosisReader, session: ReadSession, language: AnswerLanguage
) -> Diagnosis:
    """One diagnosis."""
    return Diagnosis.of(await service.find(session, diagnosis_id, caller), language)


@router.get(
    "/diagnoses/{diagnosis_id}/spectrogram.png",
    response_class=Response,
    responses=problems(
        *ACCESS_ERRORS,
        DiagnosisUnknown,
        ClipNotKept,
        Invalid,
        ClipUnprocessable,
        AnalysisAway,
        AnalysisBusy,
        ClipStoreUnavailable,
        DatabaseUnavailable,
    )
    | {200: {"content": {"image/png": {}}, "description": "The picture."}},
)
async def get_spectrogram(diagnosis_id: UUID, caller: DiagnosisReader, request: Request) -> Response:
    """The recording as a picture: its spectrogram beside its spectrum and the normal one, differing bands marked."""
    database = await database_of(request)
    async with database.session(read_only=True) as session:
        seen = await service.find(session, diagnosis_id, caller)
    picture = await request.app.state.pictures.of(database, seen.row)
    # A diagnosis never changes; whether its recording is still kept does.
    return Response(picture, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@router.get(
    "/diagnoses",
    responses=problems(*ACCESS_ERRORS, DeviceUnknown, CursorInvalid, Invalid, DatabaseUnavailable),
)
async def list_diagnoses(  # noqa: PLR0917 - FastAPI passes them by name
    caller: Reader,
    session: ReadSession,
    language: AnswerLanguage,
    device_id: Annotated[
        str | None, Query(pattern=DEVICE_ID_PATTERN, description="By default the token's device.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`next_cursor` of the page before.")
    ] = None,
) -> DiagnosisPage:
    """Diagnoses, newest first."""
    page, next_cursor = await service.newest(
        session, device_id or caller.device_id, cursor, limit, sites=caller.sites
    )
    data = [Diagnosis.of(seen, language) for seen in page]
    return DiagnosisPage(data=data, count=len(page), next_cursor=next_cursor)
