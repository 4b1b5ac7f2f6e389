"""All SQL of working on tasks: claiming, keeping and ending leases, and the end of a task.

A lease is a random id in the task's row and a time. Whoever has it works on the task; when its time is over anyone may
take the task with a new id. So what a worker brings that was thought dead is not taken: its id is no longer there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Integer, Interval, SmallInteger, Text, Uuid

_LEASE = bindparam("lease", type_=Interval)
_FREE = "finished_at IS NULL AND (lease_until IS NULL OR lease_until < now())"

# The few that others work on stand first in the index and are stepped over.
CLAIM = text(f"""
    WITH next AS (
        SELECT id FROM analysis_tasks WHERE {_FREE} AND tries < :most_tries
        ORDER BY turn, created_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE analysis_tasks AS task
    SET status = 'PROGRESS', progress = :progress, tries = tries + 1, version = version + 1,
        lease_id = gen_random_uuid(), lease_until = now() + :lease
    FROM next WHERE task.id = next.id
    RETURNING task.id, task.lease_id, task.device_id, task.recorded_at, task.clip_sha256, task.tries, task.progress,
        pg_notify('analysis_changed', task.id::text)
""").bindparams(  # noqa: S608 - no value from outside
    _LEASE,
    bindparam("limit", type_=Integer),
    bindparam("most_tries", type_=SmallInteger),
    bindparam("progress", type_=SmallInteger),
)
RENEW = text("""
    UPDATE analysis_tasks AS task
    SET lease_until = now() + :lease, progress = held.progress,
        version = version + (task.progress <> held.progress)::int
    FROM unnest(:ids, :leases, :progresses) AS held (id, lease_id, progress)
    WHERE task.id = held.id AND task.lease_id = held.lease_id AND finished_at IS NULL
    RETURNING task.id, pg_notify('analysis_changed', task.id::text)
""").bindparams(
    _LEASE,
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("leases", type_=ARRAY(Uuid)),
    bindparam("progresses", type_=ARRAY(SmallInteger)),
)
GIVE_BACK = text("""
    UPDATE analysis_tasks
    SET status = 'PENDING', progress = 0, version = version + 1, lease_id = NULL, lease_until = now() + :pause,
        tries = tries - (NOT :is_counted)::int
    WHERE id = :id AND lease_id = :lease_id AND finished_at IS NULL
    RETURNING pg_notify('analysis_changed', id::text), pg_notify('analysis_waiting', '')
""").bindparams(bindparam("pause", type_=Interval))
FINISH = text("""
    UPDATE analysis_tasks
    SET status = :status, progress = :progress, version = version + 1, finished_at = now(), lease_id = NULL,
        lease_until = NULL, diagnosis_id = :diagnosis_id, error_code = :code, error_message = :message
    WHERE id = :id AND lease_id = :lease_id AND finished_at IS NULL
    RETURNING pg_notify('analysis_changed', id::text)
""").bindparams(
    bindparam("progress", type_=SmallInteger),
    bindparam("diagnosis_id", type_=Uuid),
    bindparam("code", type_=Text),
    bindparam("message", type_=Text),
)
# Those whose last try ended with its process. They are taken, like any other, before they are finished.
TAKE_ABANDONED = text(f"""
    UPDATE analysis_tasks SET lease_id = gen_random_uuid(), lease_until = now() + :lease
    WHERE id IN (
        SELECT id FROM analysis_tasks WHERE {_FREE} AND tries >= :most_tries
        ORDER BY turn LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, lease_id, device_id, recorded_at, clip_sha256, tries, progress
""").bindparams(  # noqa: S608 - as above
    _LEASE, bindparam("limit", type_=Integer), bindparam("most_tries", type_=SmallInteger)
)


@dataclass(slots=True)
class Claimed:
    """A task that is ours until its lease ends. `progress` is what the work has reached, in percent."""

    id: UUID
    lease_id: UUID
    device_id: str | None
    recorded_at: datetime
    clip_sha256: str
    tries: int
    progress: int


@dataclass(frozen=True, slots=True)
class End:
    """How a task ends."""

    status: str
    progress: int
    diagnosis_id: UUID | None = None
    code: str | None = None
    message: str | None = None


async def claim(
    session: AsyncSession, *, limit: int, lease: timedelta, most_tries: int, progress: int
) -> list[Claimed]:
    """Take those whose turn it is and that nobody works on."""
    values = {"limit": limit, "lease": lease, "most_tries": most_tries, "progress": progress}
    return [_claimed(row) for row in await session.execute(CLAIM, values)]


async def take_abandoned(
    session: AsyncSession, *, limit: int, lease: timedelta, most_tries: int
) -> list[Claimed]:
    """Take those that may not be tried again."""
    values = {"limit": limit, "lease": lease, "most_tries": most_tries}
    return [_claimed(row) for row in await session.execute(TAKE_ABANDONED, values)]


async def renew(session: AsyncSession, held: Sequence[Claimed], lease: timedelta) -> set[UUID]:
    """Keep them for longer and write down how far they are; those that are still ours."""
    values = {
        "lease": lease,
        "ids": [task.id for task in held],
        "leases": [task.lease_id for task in held],
        "progresses": [task.progress for task in held],
    }
    return {row.id for row in await session.execute(RENEW, values)}


async def give_back(session: AsyncSession, task: Claimed, *, pause: timedelta, is_counted: bool) -> None:
    """Let anyone have it after `pause`; the try counts, or has never been."""
    values = {"id": task.id, "lease_id": task.lease_id, "pause": pause, "is_counted": is_counted}
    await session.execute(GIVE_BACK, values)


async def finish(session: AsyncSession, task: Claimed, end: End) -> bool:
    """End it; false if it is no longer ours."""
    values: dict[str, Any] = {name: getattr(end, name) for name in End.__slots__}
    values |= {"id": task.id, "lease_id": task.lease_id}
    return (await session.execute(FINISH, values)).first() is not None


def _claimed(row: Any) -> Claimed:
    return Claimed(*(getattr(row, name) for name in Claimed.__slots__))
