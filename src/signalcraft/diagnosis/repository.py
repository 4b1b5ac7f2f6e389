"""All SQL of the diagnoses."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.core.database import Database
from signalcraft.devices.models import DeviceRow
from signalcraft.diagnosis.models import DiagnosisRow

# Its time is PostgreSQL's, so that all workers' diagnoses have one order.
_COLUMNS = tuple(column.name for column in DiagnosisRow.__table__.columns if column.name != "created_at")
ADD = insert(DiagnosisRow)


async def add(database: Database, diagnosis: DiagnosisRow) -> None:
    """Keep a diagnosis, in a transaction of its own: a unit of work around one row costs more than the row."""
    await database.execute_alone(ADD, _values(diagnosis))


async def add_within(session: AsyncSession, diagnosis: DiagnosisRow) -> None:
    """Keep a diagnosis together with whatever else the transaction keeps."""
    await session.execute(ADD, _values(diagnosis))


async def find(session: AsyncSession, diagnosis_id: UUID) -> DiagnosisRow | None:
    """The diagnosis of this id."""
    return await session.get(DiagnosisRow, diagnosis_id)


async def newest(
    session: AsyncSession,
    device_id: str | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
    *,
    sites: frozenset[str] | None,
) -> Sequence[DiagnosisRow]:
    """Diagnoses, newest first, of one device or of all; `before` is the last one of the page before."""
    query = select(DiagnosisRow).order_by(DiagnosisRow.created_at.desc(), DiagnosisRow.id.desc()).limit(limit)
    if device_id is not None:
        query = query.where(DiagnosisRow.device_id == device_id)
    elif sites is not None:
        of_sites = select(DeviceRow.device_id).where(DeviceRow.site_id.in_(sites))
        query = query.where(DiagnosisRow.device_id.in_(of_sites))
    if before is not None:
        query = query.where(
            tuple_(DiagnosisRow.created_at, DiagnosisRow.id) < tuple_(literal(before[0]), literal(before[1]))
        )
    return (await session.execute(query)).scalars().all()


def _values(diagnosis: DiagnosisRow) -> dict[str, Any]:
    return {name: getattr(diagnosis, name) for name in _COLUMNS}
