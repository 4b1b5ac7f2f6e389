"""All SQL of the tasks: accepting, reading and cancelling them. Working on them: `work_repository`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TIMESTAMP, Integer, SmallInteger, Text, Uuid

from signalcraft.tasks.errors import TaskCancelled
from signalcraft.tasks.models import TaskRow

# Heard by all processes: a task waits, and (with its id) a task has changed.
WAITING_CHANNEL: Final = "analysis_waiting"
CHANGED_CHANNEL: Final = "analysis_changed"

# Lanes take turns, whatever each has waiting ("start-time fair queueing", Goyal et al. 1996): a task's turn is the one
# after its lane's last, but not before the turn that is being served. Two requests of one lane at once may get the
# same turn; that is as fair.
_SERVED = "SELECT coalesce(min(turn), 0) FROM analysis_tasks WHERE finished_at IS NULL"
_OF_LANE = "SELECT max(turn) FROM analysis_tasks WHERE finished_at IS NULL AND lane = :lane"
PLACE = text(f"SELECT ({_SERVED}) AS served, ({_OF_LANE}) AS last")
ADD = text("""
    INSERT INTO analysis_tasks (
        id, device_id, recorded_at, clip_sha256, lane, turn, idempotency_key, request_digest, job_id, position, name
    ) VALUES (
        :id, :device_id, :recorded_at, :clip_sha256, :lane, :turn, :idempotency_key, :request_digest, :job_id, :position,
        :name
    )
    ON CONFLICT (lane, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id
""").bindparams(
    bindparam("recorded_at", type_=TIMESTAMP(timezone=True)),
    bindparam("id", type_=Uuid),
    bindparam("job_id", type_=Uuid),
    bindparam("position", type_=Integer),
    *(bindparam(name, type_=Text) for name in ("device_id", "idempotency_key", "request_digest", "name")),
)
BY_KEY = text("SELECT id, request_digest FROM analysis_tasks WHERE lane = :lane AND idempotency_key = :key")
ADD_JOB = text("INSERT INTO analysis_jobs (id, device_id) VALUES (:id, :device_id)").bindparams(
    bindparam("id", type_=Uuid), bindparam("device_id", type_=Text)
)
# A job goes after the last of its tasks.
EXPIRE_JOBS = text("""
    DELETE FROM analysis_jobs AS job WHERE created_at < :before
        AND NOT EXISTS (SELECT FROM analysis_tasks WHERE job_id = job.id)
""").bindparams(bindparam("before", type_=TIMESTAMP(timezone=True)))
ANNOUNCE_WAITING = text(f"SELECT pg_notify('{WAITING_CHANNEL}', '')")
BACKLOG = text("""
    SELECT count(*) FROM (SELECT FROM analysis_tasks WHERE finished_at IS NULL LIMIT :at_most) AS unfinished
""").bindparams(bindparam("at_most", type_=Integer))
# Only what nobody works on: who claims it at the same moment is waited for, and then it has begun.
CANCEL = text("""
    UPDATE analysis_tasks SET status = 'FAILURE', is_cancelled = true, finished_at = now(), version = version + 1,
        error_code = :code, error_message = :message
    WHERE id = :id AND finished_at IS NULL AND status = 'PENDING'
    RETURNING clip_sha256, pg_notify('analysis_changed', id::text)
""")
OTHERS = text("""
    SELECT EXISTS (SELECT FROM analysis_tasks WHERE clip_sha256 = :sha256 AND finished_at IS NULL AND id <> :id)
""")
EXPIRE = text("""
    DELETE FROM analysis_tasks WHERE id IN (
        SELECT id FROM analysis_tasks WHERE finished_at < :before ORDER BY finished_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
""").bindparams(bindparam("before", type_=TIMESTAMP(timezone=True)), bindparam("limit", type_=SmallInteger))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task's row before it has a turn."""

    id: UUID
    device_id: str | None
    recorded_at: datetime
    clip_sha256: str
    idempotency_key: str | None = None
    request_digest: str | None = None
    job_id: UUID | None = None
    position: int | None = None
    name: str | None = None

    @property
    def lane(self) -> str:
        """Whom it shares its turns with."""
        return self.device_id or ""


async def place(session: AsyncSession, lane: str) -> tuple[int, int]:
    """The turn that is being served, and the next of the lane."""
    row = (await session.execute(PLACE, {"lane": lane})).one()
    return row.served, row.served if row.last is None else max(row.served, row.last + 1)


async def add(session: AsyncSession, task: NewTask, turn: int) -> bool:
    """Add a task that waits; false if there is one under its key."""
    values: dict[str, Any] = {name: getattr(task, name) for name in NewTask.__slots__}
    return (await session.execute(ADD, values | {"lane": task.lane, "turn": turn})).first() is not None


async def add_job(session: AsyncSession, job_id: UUID, device_id: str | None) -> None:
    """Add a job; its tasks follow in the same transaction."""
    await session.execute(ADD_JOB, {"id": job_id, "device_id": device_id})


async def expire_jobs(session: AsyncSession, before: datetime) -> None:
    """Delete the jobs from before that time that have no tasks any more."""
    await session.execute(EXPIRE_JOBS, {"before": before})


async def by_key(session: AsyncSession, lane: str, key: str) -> tuple[UUID, str] | None:
    """The task that was sent under the key, and the digest of its request."""
    row = (await session.execute(BY_KEY, {"lane": lane, "key": key})).first()
    return None if row is None else (row.id, row.request_digest)


async def announce_waiting(session: AsyncSession) -> None:
    """Wake whoever works on tasks, with the commit."""
    await session.execute(ANNOUNCE_WAITING)


async def find(session: AsyncSession, task_id: UUID) -> TaskRow | None:
    """The task of this id."""
    return await session.get(TaskRow, task_id)


async def backlog(session: AsyncSession, at_most: int) -> int:
    """How many tasks are not finished, counted up to `at_most`."""
    return int((await session.execute(BACKLOG, {"at_most": at_most})).scalar_one())


async def cancel(session: AsyncSession, task_id: UUID) -> str | None:
    """Finish a task that waits; its clip, or None if it does not wait."""
    values = {"id": task_id, "code": TaskCancelled.code, "message": str(TaskCancelled())}
    row = (await session.execute(CANCEL, values)).first()
    return None if row is None else str(row.clip_sha256)


async def is_clip_needed(session: AsyncSession, sha256: str, *, beside: UUID) -> bool:
    """Whether another task that is not finished needs the clip."""
    return bool((await session.execute(OTHERS, {"sha256": sha256, "id": beside})).scalar_one())


async def of_job(session: AsyncSession, job_id: UUID) -> Sequence[TaskRow]:
    """The tasks of a job, in their order."""
    query = select(TaskRow).where(TaskRow.job_id == job_id).order_by(TaskRow.position)
    return (await session.execute(query)).scalars().all()


async def expire(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete tasks that were finished before that time; how many."""
    result: Any = await session.execute(EXPIRE, {"before": before, "limit": limit})
    return int(result.rowcount)
