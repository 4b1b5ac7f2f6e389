"""Bringing the database to the shape that this release works with."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

# Any 64-bit number that no other program uses on the same database: "SignalCr" in ASCII.
ADVISORY_LOCK = 0x5369676E616C4372
# A migration that can't get its table lock gives up, so that it never queues all requests behind itself.
LOCK_TIMEOUT_MS = 5_000

Step = Callable[[Config, str], None]


def upgrade(database_url: str) -> None:
    """Apply all migrations that are missing; processes that start at once wait for each other.

    Raises:
        OSError, asyncpg.PostgresError: the database can't be reached or refuses.
    """
    asyncio.run(_migrate(database_url, command.upgrade, "head"))


def downgrade(database_url: str, revision: str) -> None:
    """Take migrations back down to `revision` ("base" for all)."""
    asyncio.run(_migrate(database_url, command.downgrade, revision))


async def _migrate(database_url: str, step: Step, revision: str) -> None:
    engine = engine_for(database_url)
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            await guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            await connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
            await connection.commit()
            await connection.run_sync(_run, step, revision)
    finally:
        await engine.dispose()


def engine_for(database_url: str) -> AsyncEngine:
    """An engine without a pool, for the few statements of a command."""

    async def connect(**_pool_arguments: Any) -> Any:
        return await asyncpg.connect(database_url, timeout=30)

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)


def _run(connection: Connection, step: Step, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("signalcraft") / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    step(config, revision)
