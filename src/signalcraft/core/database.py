"""PostgreSQL: one engine a process, and a session a request.

One request is one transaction: the session's dependency commits when the route has answered without an error and
rolls back otherwise; nothing below it commits. `ReadSession` is a transaction that PostgreSQL itself keeps from
writing.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import Executable, RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from signalcraft.core.errors import DatabaseUnavailable, StorageFull
from signalcraft.settings import DatabaseSettings

# What asyncpg and the sockets beneath raise when PostgreSQL is away, starting, stopping or full.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# What it says when it is there and can't: stopping, out of disk or memory, over a time limit, a standby, or an
# administrator who has closed it or changed its password. All of it passes, without a change to the request.
CANNOT_NOW = (
    *UNAVAILABLE,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)

# Load balancers and firewalls forget idle connections, mostly after five minutes or more.
CONNECTION_LIFE_S = 240


class Base(DeclarativeBase):
    """The tables of all domains."""


class Database:
    """The engine and its sessions."""

    def __init__(self, url: str, settings: DatabaseSettings) -> None:
        async def connect(**_pool_arguments: Any) -> Any:
            # asyncpg reads the address itself, so every libpq parameter works (sslmode, host=/a/socket, …).
            return await asyncpg.connect(
                url,
                timeout=settings.connect_timeout_s,
                server_settings=session_parameters(settings),
            )

        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout_s,
            # No pre-ping: it would cost every request a round trip. The first request that meets a connection which
            # died with PostgreSQL is told to come again, and all of the same age are dropped with it.
            pool_recycle=CONNECTION_LIFE_S,
            # A failing statement's values may be secrets or their digests, and its message goes into the log.
            hide_parameters=True,
        )
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def session(self, *, read_only: bool = False) -> AsyncIterator[AsyncSession]:
        """A transaction, committed when the block ends well.

        Raises:
            DatabaseUnavailable: PostgreSQL is away.
        """
        with _told_as_unavailable():
            async with self._sessions() as session, session.begin():
                if read_only:
                    await session.connection(execution_options={"postgresql_readonly": True})
                yield session

    async def execute_alone(self, statement: Executable, values: Mapping[str, Any]) -> None:
        """Execute one statement as a transaction of its own: one round trip, where a session takes three.

        Raises:
            DatabaseUnavailable: PostgreSQL is away.
        """
        with _told_as_unavailable():
            async with self._alone.connect() as connection:
                await connection.execute(statement, values)

    async def fetch_alone(self, statement: Executable, values: Mapping[str, Any]) -> RowMapping | None:
        """The first row of one statement, likewise; the connection is free again when this returns.

        Raises:
            DatabaseUnavailable: PostgreSQL is away.
        """
        with _told_as_unavailable():
            async with self._alone.connect() as connection:
                return (await connection.execute(statement, values)).mappings().first()

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def session_parameters(settings: DatabaseSettings) -> dict[str, str]:
    """What each connection sets for itself."""
    return {
        "application_name": "signalcraft",
        "timezone": "UTC",
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
    }


async def database_of(request: Request) -> Database:
    """The process's database."""
    database: Database = request.app.state.database
    return database


async def _session(database: Annotated[Database, Depends(database_of)]) -> AsyncIterator[AsyncSession]:
    async with database.session() as session:
        yield session


async def _read_session(database: Annotated[Database, Depends(database_of)]) -> AsyncIterator[AsyncSession]:
    async with database.session(read_only=True) as session:
        yield session


# scope="function": the commit happens before the answer is sent, so what was answered is stored.
Session = Annotated[AsyncSession, Depends(_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(_read_session, scope="function")]


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    """Turn what SQLAlchemy and asyncpg raise when PostgreSQL is away into DatabaseUnavailable."""
    try:
        yield
    except DBAPIError as error:
        told = _driver_error(error)
        if isinstance(told, asyncpg.DiskFullError):
            raise StorageFull from error
        if error.connection_invalidated or isinstance(told, CANNOT_NOW):
            raise DatabaseUnavailable from error
        raise
    except (PoolTimeout, *CANNOT_NOW) as away:
        raise DatabaseUnavailable from away


def _driver_error(error: DBAPIError) -> Any:
    """asyncpg's own exception beneath SQLAlchemy's two wrappers."""
    return getattr(error.orig, "__cause__", None)
