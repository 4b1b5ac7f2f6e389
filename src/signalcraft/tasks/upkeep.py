"""What keeps the table of tasks in shape: those that nobody can finish, those that are long finished, the count."""

import asyncio
from datetime import timedelta
from time import monotonic

from signalcraft.core.clock import utcnow
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.tasks import performing, repository, work_repository
from signalcraft.tasks.errors import TaskAbandoned
from signalcraft.tasks.performing import MOST_TRIES, Workshop

_A_TURN = 100
_EXPIRE_A_TURN = 5_000
_EXPIRE_EVERY_S = 3600.0

logger = get_logger(__name__)


class TaskUpkeep:
    """Every process runs one; what one is at, the others step over. `waiting`: tasks that were not finished lately."""

    def __init__(self, shop: Workshop) -> None:
        self.waiting = 0
        self._shop = shop
        self._expire_at_s = 0.0

    async def run(self) -> None:
        """Look every `poll_s` until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as later:
                logger.warning("task_upkeep_postponed", reason=str(later))
            # Whatever a look meets, the next one may do: giving up would let tasks wait for ever.
            except Exception:
                logger.exception("task_upkeep_failed")
            await asyncio.sleep(self._shop.settings.tasks.poll_s)

    async def look(self) -> None:
        """Look once."""
        settings, database = self._shop.settings.tasks, self._shop.database
        async with database.session(read_only=True) as session:
            self.waiting = await repository.backlog(session, settings.most_waiting)
        await self._end_abandoned()
        if monotonic() >= self._expire_at_s:
            await self.expire()
            self._expire_at_s = monotonic() + _EXPIRE_EVERY_S

    async def expire(self) -> None:
        """Forget the tasks whose time is over."""
        before = utcnow() - timedelta(days=self._shop.settings.tasks.days)
        deleted = _EXPIRE_A_TURN
        while deleted == _EXPIRE_A_TURN:
            async with self._shop.database.session() as session:
                deleted = await repository.expire(session, before, _EXPIRE_A_TURN)
        async with self._shop.database.session() as session:
            await repository.expire_jobs(session, before)

    async def _end_abandoned(self) -> None:
        async with self._shop.database.session() as session:
            abandoned = await work_repository.take_abandoned(
                session, limit=_A_TURN, lease=self._shop.lease, most_tries=MOST_TRIES
            )
        for task in abandoned:
            logger.error("task_abandoned", task_id=str(task.id), tries=task.tries)
            await performing.finish(self._shop, task, performing.failure(TaskAbandoned(tries=task.tries)))
