"""Diagnoses as things that belong to a site: that of their device. One without a device is an administrator's."""

from uuid import UUID

from sqlalchemy import text

from signalcraft.access.things import Thing
from signalcraft.diagnosis.errors import DiagnosisUnknown

DIAGNOSIS = Thing(
    "diagnosis_id",
    text("""
        SELECT d.site_id, g.device_id FROM diagnoses g LEFT JOIN devices d ON d.device_id = g.device_id
        WHERE g.id = :value
    """),
    DiagnosisUnknown,
    UUID,
)
