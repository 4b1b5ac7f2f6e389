"""PostgreSQL goes away and comes back: 503 meanwhile, then all is as before, without a restart."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from signalcraft.core import migrations
from signalcraft.core.database import Database
from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.settings import DatabaseSettings, IngestSettings, RetentionSettings, Settings
from signalcraft.telemetry.ingest import Ingest, Stored
from signalcraft.telemetry.upkeep import run_upkeep
from tests.readings import AT, a_row, eventually

LIMIT_S = 30


@pytest.fixture
def server(short_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this test alone, to be killed."""
    with EmbeddedPostgres(short_folder / f"away-{time.monotonic_ns()}") as server:
        migrations.upgrade(server.database_url)
        yield server


@pytest.fixture
async def ingest(server: EmbeddedPostgres) -> AsyncIterator[Ingest]:
    """A writer on it."""
    ingest = Ingest(server.database_url, IngestSettings())
    await ingest.start()
    yield ingest
    await ingest.stop()


def kill(server: EmbeddedPostgres) -> None:
    os.kill(server.pid, signal.SIGKILL)
    server._process.wait()


async def restart(server: EmbeddedPostgres) -> None:
    server.relaunch()

    async def is_ready() -> bool:
        return server.is_ready

    await eventually(is_ready, LIMIT_S)


async def posted(ingest: Ingest, row) -> Stored:
    """What a sensor does: send again until it is acknowledged."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                return await ingest.store([row])
            except DatabaseUnavailable:
                await asyncio.sleep(0.02)


async def test_each_reading_that_was_acknowledged_is_there_after_a_kill(server, ingest):
    acknowledged = []

    async def sensor(number: int) -> None:
        for place in range(150):
            row = a_row(f"sensor-{number}", AT + timedelta(seconds=place))
            await posted(ingest, row)
            acknowledged.append((row.device_id, row.ts_us))

    async def fate() -> None:
        for _ in range(2):
            so_far = len(acknowledged)

            async def went_on(so_far=so_far) -> bool:
                return len(acknowledged) > so_far + 100

            await eventually(went_on, LIMIT_S)
            kill(server)
            await restart(server)

    await asyncio.gather(fate(), *(sensor(number) for number in range(8)))

    connection = await asyncpg.connect(server.database_url)
    rows = await connection.fetch(
        "SELECT device_id, (extract(epoch FROM ts) * 1000000)::bigint AS ts_us FROM readings"
    )
    await connection.close()
    assert sorted(acknowledged) == sorted((row["device_id"], row["ts_us"]) for row in rows)
    assert len(acknowledged) == 8 * 150


async def test_while_it_is_away_senders_are_told_so_at_once(server, ingest):
    await ingest.store([a_row()])
    kill(server)

    with pytest.raises(DatabaseUnavailable):
        async with asyncio.timeout(5):
            await ingest.store([a_row()])


async def test_a_writer_may_start_before_its_database(server):
    kill(server)
    ingest = Ingest(server.database_url, IngestSettings())
    await ingest.start()
    with pytest.raises(DatabaseUnavailable):
        await ingest.store([a_row()])

    await restart(server)
    assert await posted(ingest, a_row()) == Stored(1, 0)
    await ingest.stop()


async def test_a_commit_that_nobody_confirmed_is_no_success(server, ingest):
    """PostgreSQL stands still in the middle of it: whether it was stored, nobody knows."""
    await ingest.store([a_row()])
    blocker = await asyncpg.connect(server.database_url)
    async with blocker.transaction():
        # The group waits behind this lock, so it is certainly under way when its connection ends.
        await blocker.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        waiting = [asyncio.create_task(ingest.store([a_row(f"sensor-{number}")])) for number in range(5)]
        await eventually(
            lambda: blocker.fetchval(
                "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'readings'::regclass"
            )
        )
        await blocker.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signalcraft ingest'"
        )
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    await blocker.close()

    assert all(isinstance(outcome, DatabaseUnavailable) for outcome in outcomes)
    assert await posted(ingest, a_row("sensor-0")) == Stored(1, 0)


async def test_upkeep_goes_on_when_it_is_back(server, ingest):
    retention = RetentionSettings(rollup_every_s=0.2, upkeep_every_s=1)
    database = Database(server.database_url, DatabaseSettings())
    upkeep = asyncio.create_task(run_upkeep(database, Settings(retention=retention)))
    kill(server)
    await restart(server)

    await posted(ingest, a_row())
    connection = await asyncpg.connect(server.database_url)
    await eventually(lambda: connection.fetchval("SELECT sum(readings) = 1 FROM rollup_minute"), LIMIT_S)
    await connection.close()
    upkeep.cancel()
    await asyncio.wait([upkeep])
    await database.close()
