"""All SQL of the baselines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TIMESTAMP, Integer, RowMapping, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.baselines.models import BaselineRow

# The machine itself only where the caller has another one. Who starts over starts at the first version again, so the
# version alone does not tell.
OWN_NORMAL = text("""
    SELECT version, started_at, adapt, embedding_version, machine IS NOT NULL AS is_ready,
           CASE WHEN (version, started_at) IS DISTINCT FROM (:version, :started_at) THEN machine END AS machine
    FROM baselines WHERE device_id = :device_id
""").bindparams(bindparam("version", type_=Integer), bindparam("started_at", type_=TIMESTAMP(timezone=True)))
# The last ones: a baseline that follows drift has learnt from them last.
LEARNT_SPECTRA = text("""
    SELECT d.spectrum_dbfs FROM baselines b JOIN diagnoses d ON d.id = ANY (b.learnt || b.followed)
    WHERE b.device_id = :device_id AND d.spectrum_dbfs IS NOT NULL ORDER BY d.created_at DESC LIMIT 500
""")
ADD = text("""
    INSERT INTO baselines (device_id, clips_wanted, learn_until, false_alarm_rate, adapt)
    VALUES (:device_id, :clips_wanted, :learn_until, :false_alarm_rate, :adapt)
    ON CONFLICT (device_id) DO NOTHING
    RETURNING device_id
""")
REMOVE = text("DELETE FROM baselines WHERE device_id = :device_id RETURNING device_id")
# The same clip sent twice says nothing new; the first that arrived counts. Of all that arrived since, only the first few
# can be among those that are learnt.
LEARNABLE = """
    SELECT DISTINCT ON (embedding) id, recorded_at, created_at, embedding
    FROM (SELECT id, recorded_at, created_at, embedding FROM diagnoses
          WHERE device_id = :device_id AND created_at > :since AND embedding_version = :embedding_version
          ORDER BY created_at, id LIMIT :looked_at) AS arrived
    ORDER BY embedding, created_at, id
"""
COUNT_LEARNABLE = text(f"SELECT count(*) FROM ({LEARNABLE}) AS learnable")
FIND_LEARNABLE = text(f"""
    SELECT id, recorded_at, embedding FROM ({LEARNABLE}) AS learnable ORDER BY created_at, id LIMIT :clips
""")
EMBEDDINGS = text("""
    SELECT id, recorded_at, embedding FROM diagnoses
    WHERE device_id = :device_id AND id = ANY(:ids) AND embedding_version = :embedding_version
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
SET_MACHINE = text("""
    UPDATE baselines SET machine = :machine, version = version + 1, embedding_version = :embedding_version,
        ready_at = COALESCE(ready_at, now()), learnt_at = now(), learnt = :learnt, followed = :followed,
        outliers = :outliers, quality = :quality, states = :states, last_problem = NULL,
        adaptations = adaptations || CAST(:adaptation AS jsonb)
    WHERE device_id = :device_id AND version = :version AND started_at = :started_at
    RETURNING version
""").bindparams(
    bindparam("learnt", type_=ARRAY(Uuid)),
    bindparam("followed", type_=ARRAY(Uuid)),
    bindparam("quality", type_=JSONB),
    bindparam("states", type_=JSONB(none_as_null=True)),
    bindparam("adaptation", type_=JSONB),
)
WANT_MORE = text("""
    UPDATE baselines SET clips_wanted = LEAST(:clips_wanted, :most), version = version + 1, last_problem = :problem
    WHERE device_id = :device_id AND version = :version AND started_at = :started_at
""")
# A person's word on the state of a clip stands for the clip.
NAME_STATE = text("""
    UPDATE diagnoses SET operating_state = :name WHERE device_id = :device_id AND id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
# In a new order each time, so that each comes to its turn however many there are.
DUE = text("""
    SELECT device_id FROM baselines WHERE machine IS NULL OR adapt ORDER BY random() LIMIT :limit
""")
# What a baseline was learnt from, and what names its states, stays; so does all of a device that is still learning.
DROP_EMBEDDINGS = text("""
    UPDATE diagnoses SET embedding = NULL WHERE id IN (
        SELECT id FROM diagnoses AS old
        WHERE embedding IS NOT NULL AND created_at < :before AND NOT EXISTS (
            SELECT FROM baselines AS b WHERE b.device_id = old.device_id
              AND (b.machine IS NULL OR old.id = ANY(b.learnt) OR old.id = ANY(b.followed)
                   OR CAST(b.states AS text) LIKE '%' || old.id || '%'))
        ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)
""")
DRIFT = text("""
    SELECT count(*) AS clips, count(*) FILTER (WHERE verdict = 'anomalous') AS anomalous,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY deviation) AS median_deviation,
           min(recorded_at) AS since
    FROM (SELECT verdict, deviation, recorded_at FROM diagnoses
          WHERE device_id = :device_id AND basis = 'baseline' AND created_at > :since
          ORDER BY created_at DESC, id DESC LIMIT :clips) AS newest
""")
NEW_NORMAL = text("""
    SELECT id, recorded_at, embedding FROM diagnoses
    WHERE device_id = :device_id AND basis = 'baseline' AND verdict = 'normal' AND created_at > :since
      AND embedding_version = :embedding_version
    ORDER BY created_at DESC, id DESC LIMIT :clips
""")


async def own_normal(session: AsyncSession, device_id: str, known: tuple[int, datetime] | None) -> Any | None:
    """What judging by a device's baseline needs; the machine only if it is not of the `known` version and start."""
    version, started_at = known or (None, None)
    values = {"device_id": device_id, "version": version, "started_at": started_at}
    return (await session.execute(OWN_NORMAL, values)).first()


async def learnt_spectra(session: AsyncSession, device_id: str) -> list[list[float]]:
    """The spectra of the clips that the device's baseline was learnt from, as far as they have one."""
    return list((await session.execute(LEARNT_SPECTRA, {"device_id": device_id})).scalars())


async def find(session: AsyncSession, device_id: str) -> BaselineRow | None:
    """The device's baseline, without the machine."""
    return (
        await session.execute(select(BaselineRow).where(BaselineRow.device_id == device_id))
    ).scalar_one_or_none()


async def add(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Whether the device had none."""
    return (await session.execute(ADD, values)).first() is not None


async def remove(session: AsyncSession, device_id: str) -> bool:
    """Whether the device had one."""
    return (await session.execute(REMOVE, {"device_id": device_id})).first() is not None


async def count_learnable(session: AsyncSession, values: Mapping[str, Any]) -> int:
    """How many different clips have arrived since learning began."""
    return int((await session.execute(COUNT_LEARNABLE, values)).scalar_one())


async def find_learnable(session: AsyncSession, values: Mapping[str, Any]) -> Sequence[RowMapping]:
    """The first different clips that have arrived since learning began: id, recorded_at, embedding."""
    return (await session.execute(FIND_LEARNABLE, values)).mappings().all()


async def embeddings(
    session: AsyncSession, device_id: str, ids: Sequence[UUID], embedding_version: int
) -> Sequence[RowMapping]:
    """The device's clips of these ids: id, recorded_at, embedding."""
    values = {"device_id": device_id, "ids": list(ids), "embedding_version": embedding_version}
    return (await session.execute(EMBEDDINGS, values)).mappings().all()


async def set_machine(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Whether the machine was set: not if the baseline has changed since."""
    return (await session.execute(SET_MACHINE, values)).first() is not None


async def want_more(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Learn on."""
    await session.execute(WANT_MORE, values)


async def name_state(session: AsyncSession, device_id: str, name: str, ids: Sequence[UUID]) -> None:
    """Keep the state that a person gave to clips."""
    await session.execute(NAME_STATE, {"device_id": device_id, "name": name, "ids": list(ids)})


async def due(session: AsyncSession, limit: int) -> Sequence[str]:
    """Devices whose baseline may have something to learn."""
    return (await session.execute(DUE, {"limit": limit})).scalars().all()


async def drift(session: AsyncSession, device_id: str, since: datetime, clips: int) -> RowMapping:
    """How the newest clips since then deviate."""
    values = {"device_id": device_id, "since": since, "clips": clips}
    return (await session.execute(DRIFT, values)).mappings().one()


async def drop_embeddings(session: AsyncSession, before: datetime, limit: int) -> int:
    """Drop statistics that are older and needed by no baseline; how many, at most `limit`."""
    result: Any = await session.execute(DROP_EMBEDDINGS, {"before": before, "limit": limit})
    return int(result.rowcount)


async def new_normal(
    session: AsyncSession, device_id: str, since: datetime, clips: int, embedding_version: int
) -> Sequence[RowMapping]:
    """The newest clips since then that the baseline called normal: id, recorded_at, embedding."""
    values = {
        "device_id": device_id,
        "since": since,
        "clips": clips,
        "embedding_version": embedding_version,
    }
    return (await session.execute(NEW_NORMAL, values)).mappings().all()
