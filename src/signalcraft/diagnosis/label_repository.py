"""All SQL of the labels."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, func, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Uuid

from signalcraft.diagnosis.models import LabelRow

# The last word on each diagnosis; of two in one transaction, the one that came later.
CURRENT = text("""
    SELECT DISTINCT ON (diagnosis_id) diagnosis_id, label, said_by, note, labelled_at
    FROM diagnosis_labels WHERE diagnosis_id = ANY(:diagnosis_ids) ORDER BY diagnosis_id, id DESC
""").bindparams(bindparam("diagnosis_ids", type_=ARRAY(Uuid)))
# The last word on each kept recording, whichever of its diagnoses it was said of; the newest first.
LABELLED_CLIPS = text("""
    SELECT * FROM (
        SELECT DISTINCT ON (d.clip_sha256) d.clip_sha256 AS sha256, l.label, l.labelled_at, d.device_id
        FROM diagnosis_labels l
        JOIN diagnoses d ON d.id = l.diagnosis_id
        JOIN clips c ON c.sha256 = d.clip_sha256
        ORDER BY d.clip_sha256, l.id DESC
    ) last ORDER BY labelled_at, sha256
""")


async def add(
    session: AsyncSession, diagnosis_id: UUID, label: str, said_by: str | None, note: str | None
) -> None:
    """Keep one more label."""
    values = {"diagnosis_id": diagnosis_id, "label": label, "said_by": said_by, "note": note}
    await session.execute(insert(LabelRow).values(values))


async def count(session: AsyncSession, diagnosis_id: UUID) -> int:
    """How many labels the diagnosis has."""
    query = select(func.count()).where(LabelRow.diagnosis_id == diagnosis_id)
    return int((await session.execute(query)).scalar_one())


async def history(session: AsyncSession, diagnosis_id: UUID) -> list[LabelRow]:
    """All labels of a diagnosis, newest first."""
    query = select(LabelRow).where(LabelRow.diagnosis_id == diagnosis_id).order_by(LabelRow.id.desc())
    return list((await session.execute(query)).scalars())


async def current(session: AsyncSession, diagnosis_ids: Collection[UUID]) -> dict[UUID, str]:
    """The last label of each of the diagnoses that have one."""
    result = await session.execute(CURRENT, {"diagnosis_ids": list(diagnosis_ids)})
    return {row.diagnosis_id: row.label for row in result}


async def labelled_clips(session: AsyncSession) -> Sequence[RowMapping]:
    """The kept recordings that have a label, in the order in which they were labelled."""
    return (await session.execute(LABELLED_CLIPS)).mappings().all()
