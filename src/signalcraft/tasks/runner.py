"""The table's runner: each web worker takes tasks from the table, a few at a time."""

import asyncio
from datetime import timedelta
from time import monotonic
from uuid import UUID

from signalcraft.core.database import Database
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.tasks import performing, work_repository
from signalcraft.tasks.news import TaskNews
from signalcraft.tasks.performing import BEGUN_PERCENT, MOST_TRIES, Workshop
from signalcraft.tasks.work_repository import Claimed

# How soon a client sees that a long recording gets on.
_REPORT_EVERY_S = 0.5
# So often in the time of a lease it is made longer.
_RENEWALS = 4
_AFTER_ERROR_S = 1.0
# At a stop what has begun is finished, if it takes no longer.
_DRAIN_S = 5.0

logger = get_logger(__name__)


class Leases:
    """The tasks that this process holds; their leases are kept, and their progress is written down, by `keep`."""

    def __init__(self, database: Database, lease: timedelta) -> None:
        self.held: dict[UUID, Claimed] = {}
        self._database = database
        self._lease = lease
        self._written: dict[UUID, int] = {}
        self._renewed_s = 0.0

    async def keep(self) -> None:
        """Look after them until cancelled."""
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            try:
                await self._report()
            except DatabaseUnavailable as away:
                logger.warning("leases_not_renewed", reason=str(away))
            # Whatever it was: without renewals all that is at work here would be done twice.
            except Exception:
                logger.exception("leases_not_renewed")

    async def _report(self) -> None:
        held = list(self.held.values())
        progress = {task.id: task.progress for task in held}
        is_due = monotonic() - self._renewed_s > self._lease.total_seconds() / _RENEWALS
        if not held or (progress == self._written and not is_due):
            return
        async with self._database.session() as session:
            await work_repository.renew(session, held, self._lease)
        self._written, self._renewed_s = progress, monotonic()


class TableRunner:
    """Takes tasks in their order as long as it has hands free."""

    def __init__(self, shop: Workshop, news: TaskNews) -> None:
        self.shop = shop
        self._news = news
        self._leases = Leases(shop.database, shop.lease)
        self._at_work: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work."""
        self._loops = [asyncio.create_task(loop) for loop in (self._take(), self._leases.keep())]

    async def stop(self) -> None:
        """End what has begun, or give it back; nothing happens the second time."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._leave()

    async def _take(self) -> None:
        settings = self.shop.settings.tasks
        while True:
            # Before the look, so that what comes during it is seen in the next one.
            self._news.waiting.clear()
            pause_s = settings.poll_s
            if free := settings.in_flight - len(self._at_work):
                try:
                    for task in await self.claim(free):
                        self._begin(task)
                except DatabaseUnavailable as away:
                    logger.warning("tasks_not_claimed", reason=str(away))
                    pause_s = _AFTER_ERROR_S
                # Whatever it was: without this loop no task would be judged any more.
                except Exception:
                    logger.exception("tasks_not_claimed")
                    pause_s = _AFTER_ERROR_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._news.waiting.wait()
            except TimeoutError:
                continue

    async def claim(self, limit: int) -> list[Claimed]:
        """Take at most so many of those whose turn it is."""
        async with self.shop.database.session() as session:
            return await work_repository.claim(
                session, limit=limit, lease=self.shop.lease, most_tries=MOST_TRIES, progress=BEGUN_PERCENT
            )

    def _begin(self, task: Claimed) -> None:
        self._leases.held[task.id] = task
        work = asyncio.create_task(performing.perform(self.shop, task))
        self._at_work.add(work)

        def end(work: asyncio.Task[None]) -> None:
            self._at_work.discard(work)
            del self._leases.held[task.id]
            self._news.waiting.set()

        work.add_done_callback(end)

    async def _leave(self) -> None:
        if not self._at_work:
            return
        _, unfinished = await asyncio.wait(self._at_work, timeout=_DRAIN_S)
        for work in unfinished:
            work.cancel()
        left = list(self._leases.held.values())
        for task in left:
            await performing.give_back(self.shop, task, pause=timedelta(0), is_counted=False)
