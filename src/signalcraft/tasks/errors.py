"""What can go wrong with tasks.

BadRequest
├── TaskUnknown, JobUnknown
├── KeyReused, TaskBegun (409)
└── BatchEmpty, BatchTooLong, ArchiveRefused (422), ArchiveTooLarge (413)
TryAgain
├── TasksFull (503)
├── LaneFull (429)
└── StreamsFull (503)
The reason of a task's FAILURE, beside those of a synchronous analysis
└── TaskAbandoned, TaskCancelled, ClipLost
"""

from signalcraft.core.errors import BadRequest, Invalid, NotFound, SignalCraftError, TryAgain


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


class StreamsFull(TryAgain):
    """Too many clients follow their tasks at the moment; read the result instead, or try again later."""

    code = "streams_full"
    retry_after_s = 5


class BatchEmpty(Invalid):
    """There is no recording in the request: send files named `audio`, or one ZIP named `archive`."""

    code = "batch_empty"


class BatchTooLong(Invalid):
    """There are more than {limit} recordings in the request; send several requests."""

    code = "batch_too_long"


class ArchiveRefused(Invalid):
    """The archive can't be unpacked: {reason}."""

    code = "archive_refused"


class ArchiveTooLarge(BadRequest):
    """What is in the archive is larger than {limit_mb} MB; send several."""

    status, code = 413, "archive_too_large"


class TaskAbandoned(SignalCraftError):
    """The recording could not be judged: {tries} times the process that worked on it ended or met a fault. Send it again."""

    code = "task_abandoned"


class TaskCancelled(SignalCraftError):
    """The task was cancelled before it began."""

    code = "task_cancelled"


class ClipLost(SignalCraftError):
    """The stored recording is gone from the clip store, so it can't be judged any more. Send it again."""

    code = "clip_lost"
