"""Dropping the statistics of recordings that no baseline rests on, once they are old."""

import asyncio
from datetime import timedelta

from signalcraft.baselines import repository
from signalcraft.core.clock import utcnow
from signalcraft.core.database import Database
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.settings import RetentionSettings

_A_TURN = 2_000
# Rest, as other requests want the database too.
_REST_S = 0.2

logger = get_logger(__name__)


async def run_upkeep(database: Database, retention: RetentionSettings) -> None:
    """Drop old statistics until cancelled."""
    while True:
        await asyncio.sleep(retention.upkeep_every_s)
        try:
            dropped = await drop_old(database, retention.embeddings_days)
        except DatabaseUnavailable:
            continue  # The next turn does it.
        if dropped:
            logger.info("embeddings_dropped", recordings=dropped)


async def drop_old(database: Database, days: int) -> int:
    """Drop all that is older than so many days and needed by no baseline; how many that were."""
    total = 0
    while True:
        async with database.session() as session:
            dropped = await repository.drop_embeddings(session, utcnow() - timedelta(days=days), _A_TURN)
        total += dropped
        if dropped < _A_TURN:
            return total
        await asyncio.sleep(_REST_S)
