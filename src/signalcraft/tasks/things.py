"""Tasks and jobs as things that belong to a site: that of their device. One without a device is an administrator's."""

from uuid import UUID

from sqlalchemy import text

from signalcraft.access.things import Thing
from signalcraft.tasks.errors import JobUnknown, TaskUnknown

TASK = Thing(
    "task_id",
    text("""
        SELECT d.site_id, t.device_id FROM analysis_tasks t LEFT JOIN devices d ON d.device_id = t.device_id
        WHERE t.id = :value
    """),
    TaskUnknown,
    UUID,
)
JOB = Thing(
    "job_id",
    text("""
        SELECT d.site_id, j.device_id FROM analysis_jobs j LEFT JOIN devices d ON d.device_id = j.device_id
        WHERE j.id = :value
    """),
    JobUnknown,
    UUID,
)
