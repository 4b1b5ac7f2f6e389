"""The writer of readings, and a look into the tables."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from signalcraft.settings import Settings
from signalcraft.telemetry.ingest import Ingest


@pytest.fixture
async def ingest(database_url: str, settings: Settings) -> AsyncIterator[Ingest]:
    """A running writer on the test's own database."""
    ingest = Ingest(database_url, settings.ingest)
    await ingest.start()
    yield ingest
    await ingest.stop()


@pytest.fixture
async def tables(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to look into the tables with."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
