"""Tasks as things that belong to a site: that of their device. One without a device is an administrator's."""

from uuid import UUID

from sqlalchemy import text

from signalcraft.access.things import Thing
from signalcraft.tasks.errors import TaskUnknown

TASK = Thing(
    "task_id",
    text("""
        SELECT d.site_id, t.device_id FROM analysis_tasks t LEFT JOIN devices d ON d.device_id = t.device_id
        WHERE t.id = :value
    """),
    TaskUnknown,
    UUID,
)
