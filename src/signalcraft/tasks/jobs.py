"""The rules of jobs: recordings that were sent together, one task each, all of them or none."""

from collections import Counter
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.clips.store import StoredClip
from signalcraft.devices.access import Caller
from signalcraft.diagnosis.service import Recording
from signalcraft.tasks import performing, repository, service
from signalcraft.tasks.archive import Member
from signalcraft.tasks.errors import JobUnknown
from signalcraft.tasks.job_schemas import AcceptedJob, Job, JobTask, NamedTask
from signalcraft.tasks.repository import NewTask
from signalcraft.tasks.service import Intake, status_url


async def accept(intake: Intake, members: list[Member], recording: Recording) -> AcceptedJob:
    """Store the recordings and their tasks; answered after the commit.

    Raises:
        TasksFull, LaneFull, ClipStoreUnavailable, StorageFull, RegistryFull: as for one recording.
    """
    clips: list[StoredClip] = []
    is_stored = False
    try:
        for member in members:
            # One by one, so that those before a failure are known.
            clips.append(await service.write_clip(intake, member.file.fileno()))  # noqa: PERF401 - as said
        job = await _enter(intake, members, clips, recording)
        is_stored = True
    finally:
        if not is_stored:
            for clip in clips:
                await performing.remove_leftover(intake.database, intake.store, clip.sha256)
    return job


async def _enter(
    intake: Intake, members: list[Member], clips: list[StoredClip], recording: Recording
) -> AcceptedJob:
    job_id = uuid4()
    tasks = [
        NewTask(
            id=uuid4(),
            device_id=recording.device_id,
            recorded_at=recording.recorded_at,
            clip_sha256=clip.sha256,
            job_id=job_id,
            position=place,
            name=member.name,
        )
        for place, (member, clip) in enumerate(zip(members, clips, strict=True))
    ]
    async with intake.database.session() as session:
        await service.register(session, recording, intake.settings)
        turn = await service.next_turn(session, tasks[0].lane, intake.settings, more=len(tasks))
        await repository.add_job(session, job_id, recording.device_id)
        for place, task in enumerate(tasks):
            await repository.add(session, task, turn + place)
        # In one order, so that two batches with the same recordings can't wait for each other.
        for clip, member in sorted(zip(clips, members, strict=True), key=lambda pair: pair[0].sha256):
            await service.hold_clip(session, intake.store, clip, member.file.fileno())
        await repository.announce_waiting(session)
    return AcceptedJob(
        job_id=job_id,
        status_url=f"/api/analyze/batch/{job_id}",
        tasks=[
            NamedTask(task_id=task.id, status_url=status_url(task.id), name=task.name or "") for task in tasks
        ],
    )


async def find(session: AsyncSession, job_id: UUID, caller: Caller) -> Job:
    """How far a job is.

    Raises:
        JobUnknown: there is none, or it is another device's.
    """
    rows = await repository.of_job(session, job_id)
    if not rows or caller.device_id not in (None, rows[0].device_id):
        raise JobUnknown(job_id=job_id)
    count = Counter("CANCELLED" if row.is_cancelled else row.status for row in rows)
    return Job(
        job_id=job_id,
        total=len(rows),
        pending=count["PENDING"],
        running=count["PROGRESS"],
        succeeded=count["SUCCESS"],
        failed=count["FAILURE"],
        cancelled=count["CANCELLED"],
        progress=sum(100 if row.finished_at else row.progress for row in rows) // len(rows),
        tasks=[
            JobTask.model_validate(
                {
                    "task_id": row.id,
                    "status_url": status_url(row.id),
                    "name": row.name or "",
                    "status": row.status,
                    "progress": 100 if row.finished_at else row.progress,
                }
            )
            for row in rows
        ],
    )
