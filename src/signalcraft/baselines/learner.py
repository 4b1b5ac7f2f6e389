"""When a baseline has something to learn, and learning it: in an inference process, on behalf of a web worker.

What is to be learnt stands in the database at any time, so nothing is lost when a process dies in the middle: the next
clip, or the next look, learns it again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from signalcraft.acoustics.version import EMBEDDING_VERSION, FEWEST_CLIPS
from signalcraft.baselines import repository
from signalcraft.baselines.models import BaselineRow
from signalcraft.baselines.own import OwnNormal
from signalcraft.core.clock import utcnow
from signalcraft.core.database import Database
from signalcraft.core.errors import SignalCraftError
from signalcraft.core.logging import get_logger
from signalcraft.diagnosis.client import InferenceClient
from signalcraft.diagnosis.learning import LearningTask, Learnt

MOST_CLIPS = 500
# After outliers were left out. Fewer, and learning goes on.
FEWEST_KEPT = 15
# A clip that a careless client sends again and again must not make counting dear.
LOOKED_AT = 4 * MOST_CLIPS
LOOK_EVERY_S = 5.0
# Baselines looked at in one turn.
_TURN = 100
# Drift is followed after so many new normal clips, if no more than this part of the newest is anomalous.
FOLLOWED_CLIPS = 20
MOST_ANOMALOUS = 0.1
MOST_ADAPTATIONS = 200

logger = get_logger(__name__)


class Learner:
    """Learns the baselines that are due."""

    def __init__(self, database: Database, inference: InferenceClient) -> None:
        self._database = database
        self._inference = inference
        self._busy: set[str] = set()

    async def attend(self, own: OwnNormal) -> None:
        """After a clip of this device was stored: learn if that was the last one needed."""
        if own.is_learning or own.adapt:
            await self.learn_if_due(own.device_id)

    async def run(self) -> None:
        """Look for what is due until cancelled: a time that has run out, or what another process left undone."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                async with self._database.session(read_only=True) as session:
                    devices = await repository.due(session, _TURN)
            except SignalCraftError:
                continue  # The database is away; whoever asks for it is told.
            for device_id in devices:
                await self.learn_if_due(device_id)

    async def learn_if_due(self, device_id: str) -> None:
        """Learn, if enough clips have arrived; what hinders it is logged and tried again later.

        The clip that led here is stored and judged already: its sender has nothing to do with learning.
        """
        if device_id in self._busy:
            return
        self._busy.add(device_id)
        try:
            await self._learn_if_due(device_id)
        except SignalCraftError as hindered:
            logger.warning("baseline_not_learnt", device_id=device_id, reason=str(hindered))
        finally:
            self._busy.discard(device_id)

    async def _learn_if_due(self, device_id: str) -> None:
        async with self._database.session(read_only=True) as session:
            row = await repository.find(session, device_id)
            if row is None:
                return
            followed: Sequence[RowMapping] = []
            if row.ready_at is None:
                if not _is_enough(row, await repository.count_learnable(session, learnable(row))):
                    return
                clips = await repository.find_learnable(session, learnable(row))
            else:
                followed = await _to_follow(session, row)
                if not followed:
                    return
                clips = await repository.embeddings(session, device_id, row.learnt, EMBEDDING_VERSION)
        await self._learn(row, clips, followed)

    async def _learn(
        self, row: BaselineRow, clips: Sequence[RowMapping], followed: Sequence[RowMapping]
    ) -> None:
        async with self._database.session(read_only=True) as session:
            named = await named_embeddings(session, row.device_id, row.states)
        in_order = sorted([*clips, *followed], key=lambda clip: clip["recorded_at"])
        learnt = await self.learn(row, in_order, named, screened=row.ready_at is None)
        kept = [clip["id"] for place, clip in enumerate(in_order) if place not in set(learnt.outliers)]
        async with self._database.session() as session:
            if row.ready_at is None and len(kept) < FEWEST_KEPT:
                await repository.want_more(
                    session,
                    {
                        "device_id": row.device_id,
                        "version": row.version,
                        "started_at": row.started_at,
                        "clips_wanted": row.clips_wanted + len(learnt.outliers),
                        "most": MOST_CLIPS,
                        "problem": f"{len(learnt.outliers)} of {len(in_order)} clips stand apart; more are learnt",
                    },
                )
                return
            is_new = {clip["id"] for clip in followed}
            await repository.set_machine(
                session,
                machine_values(row, learnt)
                | {
                    "learnt": row.learnt or kept,
                    "followed": [one for one in kept if one in is_new],
                    "outliers": row.outliers or len(learnt.outliers),
                    "adaptation": [{"at": utcnow().isoformat(), "clips": len(is_new)}] if is_new else [],
                },
            )
        logger.info("baseline_learnt", device_id=row.device_id, clips=len(kept), followed=len(is_new))

    async def learn(
        self,
        row: BaselineRow,
        clips: Sequence[RowMapping],
        named: Mapping[str, Sequence[bytes]],
        *,
        screened: bool,
    ) -> Learnt:
        """What an inference process makes of the clips, in order of time; screened: outliers are left out."""
        embeddings = [clip["embedding"] for clip in clips]
        return await self._inference.learn(
            LearningTask(row.false_alarm_rate, embeddings, named, screened=screened)
        )


def learnable(row: BaselineRow) -> dict[str, Any]:
    """Which clips a baseline that is being learnt is learnt from."""
    return {
        "device_id": row.device_id,
        "since": row.started_at,
        "embedding_version": EMBEDDING_VERSION,
        "looked_at": LOOKED_AT,
        "clips": row.clips_wanted,
    }


def machine_values(row: BaselineRow, learnt: Learnt) -> dict[str, Any]:
    """What is stored of a machine that was learnt; the caller adds what has changed."""
    return {
        "device_id": row.device_id,
        "version": row.version,
        "started_at": row.started_at,
        "machine": learnt.machine,
        "embedding_version": EMBEDDING_VERSION,
        "learnt": row.learnt,
        "followed": row.followed,
        "outliers": row.outliers,
        "quality": learnt.quality,
        "states": row.states,
        "adaptation": [],
    }


async def named_embeddings(
    session: Any, device_id: str, states: Mapping[str, Any] | None
) -> dict[str, list[bytes]]:
    """The clips that name each operating state."""
    named = {}
    for name, state in (states or {}).items():
        ids = [UUID(one) for one in state["clips"]]
        found = await repository.embeddings(session, device_id, ids, EMBEDDING_VERSION)
        named[name] = [clip["embedding"] for clip in found]
    return named


def _is_enough(row: BaselineRow, clips: int) -> bool:
    is_over = row.learn_until is not None and utcnow() >= row.learn_until
    return clips >= row.clips_wanted or (is_over and clips >= FEWEST_CLIPS)


async def _to_follow(session: Any, row: BaselineRow) -> Sequence[RowMapping]:
    """New normal clips that the baseline shall follow; none if it is not told to, or if too much is anomalous."""
    if not row.adapt or row.learnt_at is None or len(row.adaptations) >= MOST_ADAPTATIONS:
        return []
    new = await repository.new_normal(
        session, row.device_id, row.learnt_at, max(FOLLOWED_CLIPS, len(row.learnt)), EMBEDDING_VERSION
    )
    if len(new) < FOLLOWED_CLIPS:
        return []
    drift = await repository.drift(session, row.device_id, row.learnt_at, MOST_CLIPS)
    return [] if drift["anomalous"] > MOST_ANOMALOUS * drift["clips"] else new
