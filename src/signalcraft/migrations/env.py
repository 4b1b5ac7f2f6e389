"""Alembic's way into our tables; `signalcraft.core.migrations` calls it with a connection."""

import asyncio
from importlib import import_module

from alembic import context
from sqlalchemy import Connection

from signalcraft.core.database import Base
from signalcraft.settings import get_settings

# Importing the models fills the metadata that `alembic check` compares with the database.
DOMAINS = (
    "registry",
    "sites",
    "auth",
    "audit",
    "clips",
    "devices",
    "telemetry",
    "diagnosis",
    "baselines",
    "tasks",
)
for domain in DOMAINS:
    import_module(f"signalcraft.{domain}.models")


def _include(name: str | None, kind: str, _parents: object) -> bool:
    """Partitions are made by the service while it runs, not by migrations."""
    return not (kind == "table" and name is not None and name.startswith("readings_"))


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=_include,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run_from_command_line() -> None:
    url = get_settings().database.url
    if url is None:
        message = "Set DATABASE_URL to the database that Alembic shall work on."
        raise SystemExit(message)
    from signalcraft.core.migrations import engine_for  # noqa: PLC0415 - only the command line needs it

    engine = engine_for(url.get_secret_value())
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    asyncio.run(_run_from_command_line())
