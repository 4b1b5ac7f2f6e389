"""What can go wrong with tasks.

BadRequest
├── TaskUnknown, JobUnknown
└── KeyReused, TaskBegun (409)
TryAgain
├── TasksFull (503)
├── LaneFull (429)
└── StreamsFull (503)
The reason of a task's FAILURE, beside those of a synchronous analysis
└── TaskAbandoned, TaskCancelled, ClipLost
"""

from signalcraft.core.errors import BadRequest, NotFound, SignalCraftError, TryAgain


class TaskUnknown(NotFound):
    """There is no task {task_id}."""

    code = "task_unknown"


class JobUnknown(NotFound):
    """There is no job {job_id}."""

    code = "job_unknown"


class KeyReused(BadRequest):
    """Another request was sent under this Idempotency-Key before; use a new key for a new recording."""

    status, code = 409, "idempotency_key_reused"


class TaskBegun(BadRequest):
    """The task has begun or is finished already, so it can't be cancelled; read its result."""

    status, code = 409, "task_begun"


class TasksFull(TryAgain):
    """Too many recordings wait to be judged; send the same one again later."""

    code = "tasks_full"
    retry_after_s = 30


class LaneFull(TryAgain):
    """Too many recordings of this device wait to be judged; send the same one again later."""

    status, code = 429, "too_many_tasks"
    retry_after_s = 30


class TaskAbandoned(SignalCraftError):
    """The recording could not be judged: {tries} times the process that worked on it ended or met a fault. Send it again."""

    code = "task_abandoned"


class TaskCancelled(SignalCraftError):
    """The task was cancelled before it began."""

    code = "task_cancelled"


class ClipLost(SignalCraftError):
    """The stored recording is gone from the clip store, so it can't be judged any more. Send it again."""

    code = "clip_lost"
