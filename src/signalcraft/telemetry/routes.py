"""Readings in, readings and charts out."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic_core import to_json

from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.posting import POSTING_ERRORS, SiteAdmission, poster_of
from signalcraft.access.rights import Right
from signalcraft.core.bare_route import BareRoute
from signalcraft.core.clock import utcnow
from signalcraft.core.database import ReadSession
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid
from signalcraft.core.problems import problems
from signalcraft.core.rate_limit import RateLimit
from signalcraft.core.timestamps import EPOCH
from signalcraft.devices.access import ANYONE, Caller
from signalcraft.devices.errors import DeviceIdInvalid, DeviceUnknown, RegistryFull
from signalcraft.devices.service import DEVICE_ID_PATTERN
from signalcraft.devices.things import DEVICE
from signalcraft.settings import Settings
from signalcraft.telemetry import service
from signalcraft.telemetry.batch_room import BatchRoom
from signalcraft.telemetry.bodies import many_readings, one_reading
from signalcraft.telemetry.body import read_body
from signalcraft.telemetry.errors import (
    AllReadingsInvalid,
    BodyIncomplete,
    BodyMalformed,
    EncodingUnsupported,
    GzipBroken,
    IngestBusy,
    RangeInvalid,
    ReadingInvalid,
    TooManyReadings,
)
from signalcraft.telemetry.ingest import Ingest, Stored
from signalcraft.telemetry.ranges import Cursor, Range, ReadingQuery
from signalcraft.telemetry.readings import Clock, Rejected, parse_batch, parse_reading
from signalcraft.telemetry.registration import Admission, SelfRegistration
from signalcraft.telemetry.schemas import Accepted, BatchAccepted, DevicePage, ReadingPage

USUAL_READING_BYTES: Final = 250
# All beyond the usual is room for what newer firmware may send besides.
READING_BYTES: Final = 64 * 1024
POST_ERRORS: Final = (
    BodyMalformed,
    BodyIncomplete,
    GzipBroken,
    *POSTING_ERRORS,
    DeviceIdInvalid,
    RegistryFull,
    BodyTooLarge,
    EncodingUnsupported,
    IngestBusy,
    DatabaseUnavailable,
)


DeviceReader = Annotated[Caller, Depends(needs(Right.READ, of=DEVICE))]
Reader = Annotated[Caller, Depends(needs(Right.READ))]

router = APIRouter(prefix="/api/iot", tags=["readings"], dependencies=CREDENTIALS)


async def post_reading(request: Request) -> Response:
    """Store one reading; answered after PostgreSQL has committed it.

    The same device and time again is a duplicate and changes nothing, so send again whatever was not answered. Any
    time since 2020 may come, in any order. Fields that are not named here are ignored.
    """
    rate = _rate(request)
    caller = await poster_of(request, rate)
    body = await read_body(request, READING_BYTES)
    reading = parse_reading(body, Clock(_settings(request).ingest.ahead_s))
    stored = await service.store_one(reading, caller, rate, _admission(request, caller), _ingest(request))
    return _json(
        {
            "success": True,
            "message": "The reading is stored." if stored.inserted else "The reading was stored before.",
            "timestamp": EPOCH + timedelta(microseconds=reading.ts_us),
            "inserted": stored.inserted,
            "duplicates": stored.duplicates,
        }
    )


async def post_batch(request: Request) -> Response:
    """Store up to 10,000 readings (8 MB unpacked): a JSON array, or NDJSON, plain or gzip.

    All valid readings are stored by the time of the answer; it lists the others. Whether the body is an array or
    lines is seen from its first character, whatever the content type says. A body that is not JSON at all stores
    nothing; in NDJSON a broken line is rejected alone.
    """
    rate = _rate(request)
    caller = await poster_of(request, rate)
    limits = _settings(request).ingest
    room: BatchRoom = request.app.state.batch_room
    with room.held() as take:
        body = await read_body(request, limits.batch_bytes, take)
        try:
            batch = await parse_batch(body, Clock(limits.ahead_s), limits.batch_readings, room.one_by_one)
        except BadRequest as refused:
            # To find out has taken as long as to read it.
            faults = len(refused.details.get("errors", ()))
            caller.charge(rate, max(faults, len(body) // USUAL_READING_BYTES))
            raise
        stored, rejected = await service.store_batch(
            batch, caller, rate, _admission(request, caller), _ingest(request)
        )
    return _json(
        {
            "success": True,
            "message": _told(stored, rejected),
            "inserted": stored.inserted,
            "duplicates": stored.duplicates,
            "rejected": rejected,
        }
    )


router.add_api_route(
    "/sensors/data",
    post_reading,
    methods=["POST"],
    route_class_override=BareRoute,
    response_model=Accepted,
    openapi_extra=one_reading(),
    responses=problems(*POST_ERRORS, ReadingInvalid),
)
router.add_api_route(
    "/sensors/data/batch",
    post_batch,
    methods=["POST"],
    route_class_override=BareRoute,
    response_model=BatchAccepted,
    openapi_extra=many_readings(),
    responses=problems(*POST_ERRORS, TooManyReadings, AllReadingsInvalid),
)


@router.get(
    "/sensors/data/{device_id}",
    response_model=ReadingPage,
    responses=problems(*ACCESS_ERRORS, DeviceUnknown, RangeInvalid, Invalid, DatabaseUnavailable),
)
async def get_readings(
    request: Request,
    _caller: DeviceReader,
    session: ReadSession,
    device_id: Annotated[str, Path(pattern=DEVICE_ID_PATTERN, examples=["test-device-1"])],
    query: Annotated[ReadingQuery, Query()],
) -> Response:
    """Readings of a device, or with `bucket` their least, mean and greatest values, newest first."""
    ahead = timedelta(seconds=_settings(request).ingest.ahead_s)
    asked = Range.of(query, now=utcnow(), ahead=ahead)
    page = await service.read(session, device_id, asked, query.cursor, query.limit)
    return _paged({"success": True, "device_id": device_id}, page)


@router.get(
    "/devices",
    response_model=DevicePage,
    responses=problems(*ACCESS_ERRORS, RangeInvalid, Invalid, DatabaseUnavailable),
)
async def get_devices(
    caller: Reader,
    session: ReadSession,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Cursor = None,
) -> Response:
    """Devices by id, with their last reading; with a device's token, the device alone."""
    page = await service.list_devices(session, caller, cursor, limit)
    return _paged({"success": True}, page)


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _rate(request: Request) -> RateLimit:
    rate: RateLimit = request.app.state.limits.readings
    return rate


def _ingest(request: Request) -> Ingest:
    ingest: Ingest = request.app.state.ingest
    return ingest


def _admission(request: Request, caller: Caller) -> Admission | None:
    """Who sees to the devices that are posted for: nobody where a device posts as itself."""
    if caller.person is not None:
        return SiteAdmission(request.app.state.database, caller.sites)
    return _self_registration(request) if caller is ANYONE else None


def _self_registration(request: Request) -> SelfRegistration:
    """Where access is open: who registers unknown devices."""
    state = request.app.state
    if not hasattr(state, "self_registration"):
        state.self_registration = SelfRegistration(
            state.database, _settings(request).devices.open_devices_max
        )
    registration: SelfRegistration = state.self_registration
    return registration


def _paged(head: dict[str, Any], page: service.Page) -> Response:
    """The page within its object; its entries are JSON already."""
    tail = to_json({"count": page.entry_count, "next_cursor": page.next_cursor})
    body = b"".join([to_json(head)[:-1], b',"data":', page.entries, b",", tail[1:]])
    return Response(body, media_type="application/json")


def _told(stored: Stored, rejected: Sequence[Rejected]) -> str:
    return f"Stored: {stored.inserted}; stored before: {stored.duplicates}; rejected: {len(rejected)}."


def _json(content: dict[str, Any]) -> Response:
    return Response(to_json(content), media_type="application/json")
