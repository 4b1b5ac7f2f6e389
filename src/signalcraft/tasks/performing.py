"""What is done for one task, whoever does it: the table's runner in a web worker or a Celery worker."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from signalcraft.baselines.own import Baselines
from signalcraft.clips import collection
from signalcraft.clips import service as clips
from signalcraft.clips.store import ClipStore
from signalcraft.core.database import Database
from signalcraft.core.errors import BadRequest, DatabaseUnavailable, SignalCraftError, TryAgain
from signalcraft.core.logging import get_logger
from signalcraft.core.object_store import StoreUnavailable
from signalcraft.diagnosis import repository as diagnoses
from signalcraft.diagnosis import service as diagnosis_service
from signalcraft.diagnosis.client import InferenceClient
from signalcraft.diagnosis.errors import ClipUnprocessable
from signalcraft.diagnosis.keeping import ClipProblem, is_wanted
from signalcraft.diagnosis.models import DiagnosisRow
from signalcraft.diagnosis.service import Recording
from signalcraft.registry.shadow import Shadow
from signalcraft.registry.watch import ModelWatch
from signalcraft.settings import Settings
from signalcraft.tasks import repository, work_repository
from signalcraft.tasks.errors import ClipLost, TaskAbandoned
from signalcraft.tasks.work_repository import Claimed, End

MOST_TRIES: Final = 3
# What a task has reached, in percent: when somebody works on it, when it is decoded; its windows share the rest.
BEGUN_PERCENT: Final = 5
_DECODED_PERCENT = 20
_JUDGED_PERCENT = 95
# A fault that was somebody else's is over sooner or later; a clip that kills its process should not do so at once again.
_PAUSE_AFTER_FAULT = timedelta(seconds=1)
# PostgreSQL comes back after a crash within a second or two. Whoever waits longer loses the lease, and judges again.
_COMMIT_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 5.0, 5.0, 10.0)

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What work on tasks needs."""

    database: Database
    store: ClipStore
    inference: InferenceClient
    baselines: Baselines
    models: ModelWatch
    shadow: Shadow
    settings: Settings

    @property
    def lease(self) -> timedelta:
        """For how long a task is ours without a word."""
        return timedelta(seconds=self.settings.tasks.lease_s)


async def perform(shop: Workshop, task: Claimed) -> None:
    """Judge a claimed task's recording and end it, or give it back; nothing is raised that a task could cause."""
    try:
        await _judge_and_finish(shop, task)
    except ClipUnprocessable as unprocessable:
        await _after_fault(shop, task, unprocessable)
    except (BadRequest, ClipLost) as refused:
        await finish(shop, task, failure(refused))
    except TryAgain as later:
        logger.warning("task_postponed", task_id=str(task.id), reason=str(later))
        await give_back(shop, task, pause=timedelta(seconds=later.retry_after_s), is_counted=False)
    except StoreUnavailable as later:
        logger.warning("task_postponed", task_id=str(task.id), reason=str(later))
        await give_back(shop, task, pause=timedelta(seconds=shop.settings.clips.timeout_s), is_counted=False)
    except Exception as fault:
        # Whatever it was, the task must come to an end: by another try, or by a failure that its owner can read.
        logger.exception("task_failed", task_id=str(task.id))
        await _after_fault(shop, task, fault if isinstance(fault, SignalCraftError) else None)


def failure(error: SignalCraftError) -> End:
    """A task's end by that error."""
    return End("FAILURE", 100, code=error.code, message=str(error))


async def finish(shop: Workshop, task: Claimed, end: End, diagnosis: DiagnosisRow | None = None) -> bool:
    """Store the diagnosis and the task's end in one transaction, if it is still ours; whether it was.

    A commit of which nobody knows whether it happened is tried again: if it did, the task is no longer ours.
    """
    for pause_s in _COMMIT_PAUSES_S:
        try:
            return await _finish_once(shop, task, end, diagnosis)
        except DatabaseUnavailable:
            await asyncio.sleep(pause_s)
    logger.error("task_end_not_stored", task_id=str(task.id), status=end.status)
    return False


async def give_back(shop: Workshop, task: Claimed, *, pause: timedelta, is_counted: bool) -> None:
    """Let another process have the task. If PostgreSQL is away that happens by itself, when the lease is over."""
    try:
        async with shop.database.session() as session:
            await work_repository.give_back(session, task, pause=pause, is_counted=is_counted)
    except DatabaseUnavailable as away:
        logger.warning("task_not_given_back", task_id=str(task.id), reason=str(away))


async def _judge_and_finish(shop: Workshop, task: Claimed) -> None:
    def watch(judged: int, windows: int) -> None:
        task.progress = _DECODED_PERCENT + (_JUDGED_PERCENT - _DECODED_PERCENT) * judged // windows

    try:
        file = await shop.store.fetch(task.clip_sha256)
    except FileNotFoundError:
        raise ClipLost from None
    with file:
        recording = Recording(task.device_id, task.recorded_at)
        own = await shop.baselines.of_device(task.device_id)
        diagnosis = await diagnosis_service.judge(
            shop.inference, file.fileno(), recording, model=shop.models.active(), own=own, watch=watch
        )
        end = End("SUCCESS", 100, diagnosis_id=diagnosis.id)
        if await finish(shop, task, end, diagnosis):
            # A baseline that has now enough to learn from is found by the learner's own look.
            shop.shadow.offer(diagnosis.id, file.fileno())


async def _after_fault(shop: Workshop, task: Claimed, fault: SignalCraftError | None) -> None:
    if task.tries < MOST_TRIES:
        await give_back(shop, task, pause=_PAUSE_AFTER_FAULT, is_counted=True)
    else:
        await finish(shop, task, failure(fault or TaskAbandoned(tries=MOST_TRIES)))


async def _finish_once(shop: Workshop, task: Claimed, end: End, diagnosis: DiagnosisRow | None) -> bool:
    wanted = diagnosis is not None and is_wanted(diagnosis, shop.settings.clips.keep)
    async with shop.database.session() as session:
        if not await work_repository.finish(session, task, end):
            logger.warning("task_was_taken_by_another", task_id=str(task.id))
            return False
        await clips.lock_for_release(session, task.clip_sha256)
        is_needed = await repository.is_clip_needed(session, task.clip_sha256, beside=task.id)
        is_leftover = await clips.release(
            session, task.clip_sha256, is_wanted=wanted, is_still_held=is_needed
        )
        if diagnosis is not None:
            diagnosis.clip_sha256 = task.clip_sha256 if wanted else None
            diagnosis.clip_problem = None if wanted else ClipProblem.NOT_WANTED
            await diagnoses.add_within(session, diagnosis)
    if is_leftover:
        await remove_leftover(shop.database, shop.store, task.clip_sha256)
    return True


async def remove_leftover(database: Database, store: ClipStore, sha256: str) -> None:
    """Delete the file of a clip that nobody wants; one that stays behind is found by the store's own upkeep."""
    try:
        await collection.remove_file(database, store, sha256)
    except (StoreUnavailable, DatabaseUnavailable) as away:
        logger.warning("clip_left_behind", sha256=sha256, reason=str(away))
