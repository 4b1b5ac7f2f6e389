"""The running service's database, for the commands that work on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.core.database import Database
from signalcraft.core.embedded_postgres import find_database_url
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.operator_error import OperatorError
from signalcraft.settings import Settings, get_settings

T = TypeVar("T")


def service_database_url(settings: Settings) -> str:
    """DATABASE_URL, or the embedded PostgreSQL of the service on the data folder.

    Raises:
        ServiceNotRunning: neither is there.
    """
    if settings.database.url is not None:
        return settings.database.url.get_secret_value()
    return find_database_url(settings.data_dir)


def in_transaction(work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """What `work` returns, done in one transaction on the service's database."""

    async def one(database: Database) -> T:
        async with database.session() as session:
            return await work(session)

    return with_database(one)


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` returns, done in as many transactions on the service's database as it takes."""
    settings = get_settings()

    async def run() -> T:
        database = Database(service_database_url(settings), settings.database)
        try:
            return await work(database)
        except DatabaseUnavailable as away:
            raise OperatorError(
                f"The database can't be used: {away.__cause__}. Is DATABASE_URL right?"
            ) from None
        finally:
            await database.close()

    return asyncio.run(run())
