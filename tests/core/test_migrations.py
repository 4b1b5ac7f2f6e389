"""Migrations: up, down again, and many processes at once."""

import asyncio
import sys
from uuid import uuid4

import asyncpg
import pytest

from signalcraft.core import migrations

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"


@pytest.fixture
async def empty_database(postgres_url):
    name = f"empty_{uuid4().hex}"
    address, _, parameters = postgres_url.partition("?")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE DATABASE {name}")
    yield address.rsplit("/", 1)[0] + f"/{name}?{parameters}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    count = await connection.fetchval(TABLES)
    await connection.close()
    return count


async def test_they_go_up_and_down_again(empty_database):
    await asyncio.to_thread(migrations.upgrade, empty_database)
    built = await tables(empty_database)

    await asyncio.to_thread(migrations.downgrade, empty_database, "base")
    # Alembic's own table stays.
    assert await tables(empty_database) == 1

    await asyncio.to_thread(migrations.upgrade, empty_database)
    assert await tables(empty_database) == built > 3


async def test_many_processes_may_start_at_once(empty_database):
    program = "import sys; from signalcraft.core.migrations import upgrade; upgrade(sys.argv[1])"
    starts = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, empty_database) for _ in range(4)
    ]

    assert [await start.wait() for start in starts] == [0, 0, 0, 0]
    assert await tables(empty_database) > 3


async def test_one_that_waits_for_a_lock_gives_up_and_leaves_nothing_half_done(empty_database):
    await asyncio.to_thread(migrations.upgrade, empty_database)
    await asyncio.to_thread(migrations.downgrade, empty_database, "0003")
    built = await tables(empty_database)
    reader = await asyncpg.connect(empty_database)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM diagnoses")

        with pytest.raises(Exception, match="lock timeout"):
            await asyncio.to_thread(migrations.downgrade, empty_database, "0002")

    await reader.close()
    assert await tables(empty_database) == built


async def test_the_release_before_sites_goes_on_adding_devices(empty_database):
    await asyncio.to_thread(migrations.upgrade, empty_database)
    await asyncio.to_thread(migrations.downgrade, empty_database, "0006")
    connection = await asyncpg.connect(empty_database)
    # As that release's code has it; once before the migration and once after.
    add_device = "INSERT INTO devices (device_id, name) VALUES ($1, NULL) ON CONFLICT (device_id) DO NOTHING"
    await connection.execute(add_device, "before")
    await asyncio.to_thread(migrations.upgrade, empty_database)
    await connection.execute(add_device, "after")

    placed = await connection.fetch("SELECT device_id, site_id FROM devices ORDER BY device_id")
    assert [tuple(row) for row in placed] == [("after", "default"), ("before", "default")]
    await connection.close()
