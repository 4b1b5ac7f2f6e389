"""All SQL of the model registry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TIMESTAMP, Integer

from signalcraft.core.database import Database
from signalcraft.diagnosis.judgement import Judgement
from signalcraft.registry.models import ModelRoleRow, ModelRow, ShadowJudgementRow

# "mode" in ASCII: one change of roles at a time, so that each knows the one before it.
LOCK_ROLES = text("SELECT pg_advisory_xact_lock(1836016741)")
# The last row of each role. Asked once a second by every web worker.
ROLES = text("""
    SELECT DISTINCT ON (r.role) r.role, r.digest, r.since, m.name, m.version
    FROM model_roles r LEFT JOIN models m USING (digest) ORDER BY r.role, r.id DESC
""")
_JOINED = """
    FROM shadow_judgements s JOIN diagnoses d ON d.id = s.diagnosis_id
    LEFT JOIN LATERAL (
        SELECT label FROM diagnosis_labels l WHERE l.diagnosis_id = d.id ORDER BY l.id DESC LIMIT 1
    ) said ON true
    WHERE s.digest = :digest AND s.judged_at >= :since
"""
# What a person's word means as a verdict.
_TRUTH = "CASE WHEN said.label IN ('normal', 'healthy') THEN 'normal' WHEN said.label = 'unknown' THEN 'unknown' ELSE 'anomalous' END"
_SINCE = bindparam("since", type_=TIMESTAMP(timezone=True))
VERDICTS = text(f"""
    SELECT d.model_name, d.model_version, d.verdict AS active, s.verdict AS shadow, count(*) AS clips,
           count(*) FILTER (WHERE d.state IS DISTINCT FROM s.state) AS other_state,
           count(said.label) AS labelled,
           count(*) FILTER (WHERE said.label IS NOT NULL AND d.verdict = {_TRUTH}) AS active_right,
           count(*) FILTER (WHERE said.label IS NOT NULL AND s.verdict = {_TRUTH}) AS shadow_right,
           avg(s.inference_ms) AS shadow_ms
    {_JOINED}
    GROUP BY d.model_name, d.model_version, d.verdict, s.verdict ORDER BY 1, 2, 3, 4
""").bindparams(_SINCE)  # noqa: S608 - no value from outside
DIFFERENCES = text(f"""
    SELECT d.id AS diagnosis_id, d.device_id, d.recorded_at, d.verdict, d.state, d.confidence,
           s.verdict AS shadow_verdict, s.state AS shadow_state, s.confidence AS shadow_confidence, said.label
    {_JOINED} AND (d.verdict <> s.verdict OR d.state IS DISTINCT FROM s.state)
    ORDER BY s.judged_at DESC LIMIT :limit
""").bindparams(_SINCE, bindparam("limit", type_=Integer))  # noqa: S608 - as above


async def add(session: AsyncSession, values: dict[str, Any]) -> None:
    """Keep a model."""
    await session.execute(insert(ModelRow).values(values))


async def find(session: AsyncSession, digest: str) -> ModelRow | None:
    """The model of this digest."""
    return await session.get(ModelRow, digest)


async def all_models(session: AsyncSession) -> Sequence[ModelRow]:
    """All models, in the order in which they were added."""
    return (
        (await session.execute(select(ModelRow).order_by(ModelRow.added_at, ModelRow.digest))).scalars().all()
    )


async def lock_roles(session: AsyncSession) -> None:
    """Let nobody else change a role until the transaction ends."""
    await session.execute(LOCK_ROLES)


async def roles(session: AsyncSession) -> dict[str, RowMapping]:
    """What holds at the moment, by role."""
    return {row["role"]: row for row in (await session.execute(ROLES)).mappings()}


async def history(session: AsyncSession, role: str) -> Sequence[ModelRoleRow]:
    """All rows of a role, oldest first."""
    query = select(ModelRoleRow).where(ModelRoleRow.role == role).order_by(ModelRoleRow.id)
    return (await session.execute(query)).scalars().all()


async def set_role(
    session: AsyncSession, role: str, digest: str | None, by: str, *, is_rollback: bool = False
) -> None:
    """From now on the model has the role."""
    values = {"role": role, "digest": digest, "set_by": by, "is_rollback": is_rollback}
    await session.execute(insert(ModelRoleRow).values(values))


async def add_shadow_judgement(
    database: Database, diagnosis_id: UUID, digest: str, judgement: Judgement
) -> None:
    """Keep what a shadow made of a recording."""
    values = {
        "diagnosis_id": diagnosis_id,
        "digest": digest,
        "verdict": judgement.verdict.value,
        "state": judgement.state,
        "confidence": judgement.confidence,
        "anomaly_score": judgement.anomaly_score,
        "inference_ms": judgement.inference_ms,
    }
    await database.execute_alone(insert(ShadowJudgementRow), values)


async def verdicts(session: AsyncSession, digest: str, since: datetime) -> Sequence[RowMapping]:
    """How often which verdict of the active model met which one of the shadow."""
    return (await session.execute(VERDICTS, {"digest": digest, "since": since})).mappings().all()


async def differences(
    session: AsyncSession, digest: str, since: datetime, limit: int
) -> Sequence[RowMapping]:
    """Recordings on which the two differ, newest first."""
    values = {"digest": digest, "since": since, "limit": limit}
    return (await session.execute(DIFFERENCES, values)).mappings().all()
