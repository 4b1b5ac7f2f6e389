"""The rules of baselines: start one, tell how far it is, name its states, end it."""

from datetime import UTC, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.acoustics.version import EMBEDDING_VERSION
from signalcraft.audit.service import Action, Actor
from signalcraft.baselines import repository
from signalcraft.baselines.errors import BaselineExists, BaselineNotReady, StatesInvalid
from signalcraft.baselines.learner import Learner, learnable, machine_values
from signalcraft.baselines.models import BaselineRow
from signalcraft.baselines.schemas import (
    DEFAULT_CLIPS,
    MOST_CLIPS,
    Adaptation,
    Baseline,
    Drift,
    NameStates,
    OperatingState,
    Quality,
    StartBaseline,
    Status,
)
from signalcraft.core.clock import utcnow
from signalcraft.core.database import Database
from signalcraft.devices.management import record_of_device

# Drift is told of the newest so many clips.
_DRIFT_CLIPS = 50


async def start(session: AsyncSession, device_id: str, asked: StartBaseline) -> Baseline:
    """Learn the clips that arrive from now on.

    Raises:
        BaselineExists: the device has a baseline, or is learning one.
    """
    by_time = asked.learn_s is not None
    values = {
        "device_id": device_id,
        "clips_wanted": MOST_CLIPS if by_time else asked.clips or DEFAULT_CLIPS,
        "learn_until": utcnow() + timedelta(seconds=asked.learn_s) if asked.learn_s is not None else None,
        "false_alarm_rate": asked.false_alarm_rate,
        "adapt": asked.adapt,
    }
    if not await repository.add(session, values):
        raise BaselineExists(device_id=device_id)
    return await tell(session, device_id)


async def tell(session: AsyncSession, device_id: str) -> Baseline:
    """How far the device's baseline is."""
    row = await repository.find(session, device_id)
    if row is None:
        return Baseline(device_id=device_id, status=Status.NONE, message="none")
    status = _status(row)
    learnt = (
        min(await repository.count_learnable(session, learnable(row)), row.clips_wanted)
        if status is Status.LEARNING
        else len(row.learnt) + len(row.followed)
    )
    return Baseline(
        device_id=device_id,
        status=status,
        message=_message(row, status, learnt),
        learnt=learnt,
        wanted=row.clips_wanted,
        learn_until=row.learn_until,
        started_at=row.started_at,
        ready_since=row.ready_at,
        version=row.version,
        false_alarm_rate=row.false_alarm_rate,
        adapt=row.adapt,
        outliers_left_out=row.outliers,
        quality=None if row.quality is None else Quality(**row.quality),
        drift=await _drift(session, row),
        adaptations=[Adaptation(**one) for one in row.adaptations],
        operating_states=[
            OperatingState(name=name, is_running=state["is_running"], clips=len(state["clips"]))
            for name, state in (row.states or {}).items()
        ],
    )


async def remove(session: AsyncSession, device_id: str) -> Baseline:
    """Forget the device's baseline; its diagnoses stay. The reference model judges again."""
    await repository.remove(session, device_id)
    return await tell(session, device_id)


async def name_states(
    database: Database, learner: Learner, device_id: str, given: NameStates, actor: Actor
) -> Baseline:
    """Name the operating states by clips; diagnoses from now on tell their state.

    Raises:
        BaselineNotReady: there is no baseline whose states could be named.
        StatesInvalid: clips are not this device's, or are named twice.
        AnalysisBusy: all inference processes are busy.
        AnalysisAway: none is ready.
    """
    named: dict[str, list[bytes]] = {}
    async with database.session(read_only=True) as session:
        row = await repository.find(session, device_id)
        if row is None or _status(row) is not Status.READY:
            raise BaselineNotReady(device_id=device_id)
        _must_differ(given)
        for state in given.states:
            found = await repository.embeddings(session, device_id, state.diagnosis_ids, EMBEDDING_VERSION)
            missing = set(state.diagnosis_ids) - {clip["id"] for clip in found}
            if missing:
                raise StatesInvalid(reason=f"device {device_id} has no diagnosis {min(map(str, missing))}")
            named[state.name] = [clip["embedding"] for clip in found]
        clips = await repository.embeddings(
            session, device_id, [*row.learnt, *row.followed], EMBEDDING_VERSION
        )
    in_order = sorted(clips, key=lambda clip: clip["recorded_at"])
    learnt = await learner.learn(row, in_order, named, screened=False)
    states = {
        state.name: {"is_running": state.is_running, "clips": [str(one) for one in state.diagnosis_ids]}
        for state in given.states
    }
    async with database.session() as session:
        if not await repository.set_machine(session, machine_values(row, learnt) | {"states": states}):
            raise BaselineNotReady(device_id=device_id)
        for state in given.states:
            await repository.name_state(session, device_id, state.name, state.diagnosis_ids)
        names = [state.name for state in given.states]
        await record_of_device(session, actor, Action.STATES_NAMED, device_id, states=names)
        return await tell(session, device_id)


def _must_differ(given: NameStates) -> None:
    names = [state.name for state in given.states]
    ids: list[UUID] = [one for state in given.states for one in state.diagnosis_ids]
    if len(set(names)) < len(names):
        raise StatesInvalid(reason="two states have the same name")
    if len(set(ids)) < len(ids):
        raise StatesInvalid(reason="a diagnosis is named twice")


def _status(row: BaselineRow) -> Status:
    if row.ready_at is None:
        return Status.LEARNING
    return Status.READY if row.embedding_version == EMBEDDING_VERSION else Status.OUTDATED


def _message(row: BaselineRow, status: Status, learnt: int) -> str:
    match status:
        case Status.READY if row.ready_at is not None:
            return f"ready since {row.ready_at.astimezone(UTC).isoformat()}"
        case Status.LEARNING:
            told = f"learning {learnt} of {row.clips_wanted}"
            return told if row.last_problem is None else f"{told}: {row.last_problem}"
    return "outdated: it rests on statistics of an earlier release and can't be learnt again from them; start over"


async def _drift(session: AsyncSession, row: BaselineRow) -> Drift | None:
    if row.learnt_at is None:
        return None
    found = await repository.drift(session, row.device_id, row.learnt_at, _DRIFT_CLIPS)
    clips = found["clips"]
    median = found["median_deviation"]
    return Drift(
        clips=clips,
        since=found["since"],
        median_deviation=None if median is None else round(median, 3),
        anomalous_share=round(found["anomalous"] / clips, 3) if clips else None,
    )
