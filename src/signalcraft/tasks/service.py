"""The rules of tasks: accept a recording once, tell how far it is, cancel what has not begun."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.clips import service as clips
from signalcraft.clips.errors import ClipStoreUnavailable, StoreOfAnother
from signalcraft.clips.store import ClipStore, StoredClip
from signalcraft.core.database import Database
from signalcraft.core.errors import Invalid, StorageFull
from signalcraft.core.language import Language
from signalcraft.core.object_store import StoreFull, StoreUnavailable
from signalcraft.devices.access import Caller
from signalcraft.devices.service import register_in_open_mode
from signalcraft.diagnosis import service as diagnosis_service
from signalcraft.diagnosis.schemas import Diagnosis
from signalcraft.diagnosis.service import Recording
from signalcraft.diagnosis.upload import Upload
from signalcraft.settings import DeviceAccess, Settings
from signalcraft.tasks import performing, repository
from signalcraft.tasks.errors import KeyReused, LaneFull, TaskBegun, TasksFull, TaskUnknown
from signalcraft.tasks.models import TaskRow
from signalcraft.tasks.repository import NewTask
from signalcraft.tasks.schemas import FailedTask, RunningTask, SucceededTask, TaskError, TaskState
from signalcraft.tasks.upkeep import TaskUpkeep

# A task gives its hold up itself; until then nothing may remove its clip, however long it waits.
UNTIL_RELEASED: Final = timedelta(days=36_500)
# Printable ASCII, as the header's draft (draft-ietf-httpapi-idempotency-key-header) and most clients have it.
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Intake:
    """What accepting recordings needs."""

    database: Database
    store: ClipStore
    upkeep: TaskUpkeep
    settings: Settings

    def require_room(self) -> None:
        """See that the queue is not full.

        Raises:
            TasksFull: it is.
        """
        if self.upkeep.waiting >= self.settings.tasks.most_waiting:
            raise TasksFull


def idempotency_key(given: str | None) -> str | None:
    """The key as it was given.

    Raises:
        Invalid: it can't be one.
    """
    if given is not None and not _KEY.fullmatch(given):
        reason = "must be 1 to 200 printable ASCII characters without blanks"
        raise Invalid(errors=[{"field": "header.Idempotency-Key", "reason": reason}])
    return given


async def accept(intake: Intake, upload: Upload, recording: Recording, key: str | None) -> UUID:
    """Store a recording and its task; the task's id, after the commit. The same request under the same key is one task.

    Raises:
        TasksFull, LaneFull: too many wait.
        KeyReused: something else was sent under the key.
        ClipStoreUnavailable, StorageFull: the recording can't be stored at the moment.
        RegistryFull: too many devices have registered themselves.
    """
    file = upload.descriptor()
    clip = await write_clip(intake, file)
    task = NewTask(
        id=uuid4(),
        device_id=recording.device_id,
        recorded_at=recording.recorded_at,
        clip_sha256=clip.sha256,
        idempotency_key=key,
        request_digest=None if key is None else _digest(clip, upload.fields),
    )
    is_new = False
    try:
        async with intake.database.session() as session:
            await register(session, recording, intake.settings)
            turn = await next_turn(session, task.lane, intake.settings)
            is_new = await repository.add(session, task, turn)
            if is_new:
                await hold_clip(session, intake.store, clip, file)
                await repository.announce_waiting(session)
                return task.id
            known = await repository.by_key(session, task.lane, key or "")
    finally:
        if not is_new:
            await performing.remove_leftover(intake.database, intake.store, clip.sha256)
    if known is None or known[1] != task.request_digest:
        raise KeyReused
    return known[0]


async def write_clip(intake: Intake, file: int) -> StoredClip:
    """Put a recording's file into the store.

    Raises:
        ClipStoreUnavailable, StorageFull: not at the moment.
    """
    try:
        return await clips.write(intake.database, intake.store, file)
    except StoreFull as full:
        raise StorageFull from full
    except (StoreUnavailable, StoreOfAnother) as away:
        raise ClipStoreUnavailable from away


async def hold_clip(session: AsyncSession, store: ClipStore, clip: StoredClip, file: int) -> None:
    """Keep the clip until its task has ended.

    Raises:
        ClipStoreUnavailable: not at the moment.
    """
    try:
        await clips.enter(session, store, clip, file, hold=UNTIL_RELEASED, is_temporary=True)
    except StoreUnavailable as away:
        raise ClipStoreUnavailable from away


async def register(session: AsyncSession, recording: Recording, settings: Settings) -> None:
    """Where access is open, register the recording's device.

    Raises:
        RegistryFull: too many devices have registered themselves.
    """
    if recording.device_id is not None and settings.devices.access is DeviceAccess.OPEN:
        await register_in_open_mode(session, [recording.device_id], settings.devices.open_devices_max)


async def next_turn(session: AsyncSession, lane: str, settings: Settings, *, more: int = 1) -> int:
    """The turn of the lane's next task, where so many more are to come.

    Raises:
        LaneFull: too many of the lane wait already.
    """
    served, turn = await repository.place(session, lane)
    # Turns of a lane follow one another, so this is how many of it wait.
    if turn - served + more > settings.tasks.most_waiting_per_device:
        raise LaneFull
    return turn


async def find(session: AsyncSession, task_id: UUID, caller: Caller) -> TaskRow:
    """A task that the caller may see.

    Raises:
        TaskUnknown: there is none, or it is another device's.
    """
    row = await repository.find(session, task_id)
    if row is None or caller.device_id not in (None, row.device_id):
        raise TaskUnknown(task_id=task_id)
    return row


async def state_of(session: AsyncSession, row: TaskRow, caller: Caller, language: Language) -> TaskState:
    """How far a task is, or what came out, for a reader of that language."""
    if row.status == "FAILURE":
        error = TaskError(code=row.error_code or "", message=row.error_message or "")
        return FailedTask(status="FAILURE", error=error)
    if row.diagnosis_id is not None:
        result = Diagnosis.of(await diagnosis_service.find(session, row.diagnosis_id, caller), language)
        return SucceededTask(status="SUCCESS", result=result)
    return RunningTask(status="PENDING" if row.status == "PENDING" else "PROGRESS", progress=row.progress)


async def cancel(intake: Intake, task_id: UUID, caller: Caller) -> None:
    """Cancel a task that has not begun; nothing happens to one that was cancelled before.

    Raises:
        TaskUnknown: there is none, or it is another device's.
        TaskBegun: it has begun.
    """
    async with intake.database.session() as session:
        row = await find(session, task_id, caller)
        if row.is_cancelled:
            return
        sha256 = await repository.cancel(session, task_id)
        if sha256 is None:
            raise TaskBegun
        is_leftover = await release_clip(session, sha256, task_id)
    if is_leftover:
        await performing.remove_leftover(intake.database, intake.store, sha256)


async def release_clip(session: AsyncSession, sha256: str, task_id: UUID) -> bool:
    """Give a cancelled task's hold up; whether nobody wants the clip any more."""
    await clips.lock_for_release(session, sha256)
    is_needed = await repository.is_clip_needed(session, sha256, beside=task_id)
    return await clips.release(session, sha256, is_wanted=False, is_still_held=is_needed)


def status_url(task_id: UUID) -> str:
    """Where a task's result is read."""
    return f"/api/analyze/result/{task_id}"


def _digest(clip: StoredClip, fields: dict[str, str]) -> str:
    """Of all that was sent: the recording and the text beside it."""
    return hashlib.sha256(json.dumps([clip.sha256, sorted(fields.items())]).encode()).hexdigest()
