"""A device's own normal, its operating states and its duty."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from signalcraft.access.actors import actor_of
from signalcraft.access.needs import ACCESS_ERRORS, CREDENTIALS, needs
from signalcraft.access.rights import Right
from signalcraft.audit.service import Action
from signalcraft.baselines import duty, service
from signalcraft.baselines.errors import (
    BaselineExists,
    BaselineNotReady,
    DutyRangeInvalid,
    StatesInvalid,
    StatesNotNamed,
)
from signalcraft.baselines.schemas import Baseline, Duty, DutyQuery, NameStates, StartBaseline
from signalcraft.core.database import ReadSession, Session
from signalcraft.core.errors import BadRequest, BodyTooLarge, DatabaseUnavailable, Invalid, StorageFull
from signalcraft.core.problems import problems
from signalcraft.devices import service as devices
from signalcraft.devices.access import Caller
from signalcraft.devices.errors import DeviceUnknown
from signalcraft.devices.management import record_of_device
from signalcraft.devices.service import DEVICE_ID_PATTERN
from signalcraft.devices.things import DEVICE
from signalcraft.diagnosis.errors import AnalysisAway, AnalysisBusy, ClipUnprocessable

ERRORS = (*ACCESS_ERRORS, DeviceUnknown, Invalid, DatabaseUnavailable)

router = APIRouter(prefix="/api/devices/{device_id}", tags=["baselines"], dependencies=CREDENTIALS)
Commissioner = Annotated[Caller, Depends(needs(Right.BASELINE, of=DEVICE))]
Reader = Annotated[Caller, Depends(needs(Right.READ, of=DEVICE))]
DeviceId = Annotated[str, Path(pattern=DEVICE_ID_PATTERN, examples=["test-device-1"])]


@router.post(
    "/baseline",
    status_code=201,
    responses=problems(*ERRORS, BadRequest, BodyTooLarge, BaselineExists, StorageFull),
)
async def start_baseline(
    request: Request, caller: Commissioner, device_id: DeviceId, session: Session, asked: StartBaseline
) -> Baseline:
    """Learn this machine's own normal from the clips that arrive next.

    Outlying clips are left out. Once it is ready, the device's verdicts come from it.
    """
    started = await service.start(session, device_id, asked)
    await record_of_device(session, actor_of(request, caller), Action.BASELINE_STARTED, device_id)
    return started


@router.get("/baseline", responses=problems(*ERRORS))
async def get_baseline(_caller: Reader, device_id: DeviceId, session: ReadSession) -> Baseline:
    """How far the baseline is: none, learning n of m, or ready since when; its quality, drift and states."""
    await devices.must_exist(session, device_id)
    return await service.tell(session, device_id)


@router.delete("/baseline", responses=problems(*ERRORS, StorageFull))
async def delete_baseline(
    request: Request, caller: Commissioner, device_id: DeviceId, session: Session
) -> Baseline:
    """Forget the baseline and its named states; its diagnoses stay. POST starts over."""
    await record_of_device(session, actor_of(request, caller), Action.BASELINE_DELETED, device_id)
    return await service.remove(session, device_id)


@router.post(
    "/baseline/states",
    responses=problems(
        *ERRORS,
        BadRequest,
        BodyTooLarge,
        BaselineNotReady,
        StatesInvalid,
        ClipUnprocessable,
        AnalysisAway,
        AnalysisBusy,
        StorageFull,
    ),
)
async def name_operating_states(
    caller: Commissioner, device_id: DeviceId, request: Request, given: NameStates
) -> Baseline:
    """Name the machine's operating states, each by a handful of its diagnoses.

    Diagnoses from now on carry `operating_state`, and `GET …/duty` counts from them. Naming again replaces all states.
    """
    state = request.app.state
    actor = actor_of(request, caller)
    return await service.name_states(state.database, state.learner, device_id, given, actor)


@router.get("/duty", responses=problems(*ERRORS, StatesNotNamed, DutyRangeInvalid))
async def get_duty(
    _caller: Reader,
    device_id: DeviceId,
    session: ReadSession,
    asked: Annotated[DutyQuery, Query()],
) -> Duty:
    """Running time, starts an hour and duty cycle, with the times of which nothing is known."""
    await devices.must_exist(session, device_id)
    return await duty.of(session, device_id, asked.from_, asked.to, asked.longest_pause_s)
