"""Partitions ahead, retention, and what becomes of rollups then."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from signalcraft.core.clock import utcnow
from signalcraft.settings import RetentionSettings
from signalcraft.telemetry.errors import PartitionInUse
from signalcraft.telemetry.ingest import Stored
from signalcraft.telemetry.months import Month
from signalcraft.telemetry.upkeep import drop_expired, make_partitions_ahead, roll_up, run_upkeep
from tests.readings import AT, a_row, eventually

LONG_AGO = AT - timedelta(days=1500)
A_YEAR = RetentionSettings(readings_days=365, rollups_days=3650)


async def partitions(tables) -> list[str]:
    rows = await tables.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'readings'::regclass AND c.relkind = 'r'"
    )
    return sorted(row["name"] for row in rows)


async def test_this_month_and_two_more_have_their_partitions(database, tables):
    await asyncio.gather(*(make_partitions_ahead(database) for _ in range(3)))

    this = Month.of(utcnow())
    assert await partitions(tables) == [month.partition for month in (this, this.next(), this.next().next())]


async def test_readings_are_kept_their_time_and_dropped_by_the_month(ingest, database, tables):
    kept = utcnow() - timedelta(days=364)
    await ingest.store([a_row(at=LONG_AGO), a_row(at=kept)])

    assert await drop_expired(database, A_YEAR) == [Month.of(LONG_AGO)]
    assert await tables.fetchval("SELECT array_agg(ts) FROM readings") == [kept]
    assert await drop_expired(database, A_YEAR) == []


async def test_rollups_outlive_their_readings(ingest, database, tables):
    await ingest.store([a_row(at=LONG_AGO + timedelta(seconds=place)) for place in range(10)])
    await roll_up(database, RetentionSettings())
    await drop_expired(database, A_YEAR)

    # Even one that comes now does not take their place.
    assert await ingest.store([a_row(at=LONG_AGO + timedelta(seconds=11))]) == Stored(1, 0)
    await roll_up(database, A_YEAR)

    assert await tables.fetchval("SELECT sum(readings) FROM rollup_minute") == 10
    assert await tables.fetchval("SELECT count(*) FROM rollup_marks") == 0


async def test_rollups_are_dropped_in_their_time(ingest, database, tables):
    await ingest.store([a_row(at=LONG_AGO), a_row(at=utcnow())])
    await roll_up(database, RetentionSettings())

    await drop_expired(database, RetentionSettings(rollups_days=365))

    for table in ("rollup_minute", "rollup_hour"):
        assert await tables.fetchval(f"SELECT count(*) FROM {table}") == 1


async def test_a_long_query_keeps_a_month_from_being_dropped_and_ingest_goes_on(
    ingest, database, database_url, tables
):
    await ingest.store([a_row(at=LONG_AGO)])
    reader = await asyncpg.connect(database_url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM readings")
        with pytest.raises(PartitionInUse):
            await drop_expired(database, A_YEAR)
        assert await ingest.store([a_row(at=utcnow())]) == Stored(1, 0)
    await reader.close()

    assert await drop_expired(database, A_YEAR) == [Month.of(LONG_AGO)]


async def test_upkeep_does_all_of_it_by_itself(ingest, database, settings, tables):
    often = settings.model_copy(
        update={"retention": RetentionSettings(readings_days=365, rollup_every_s=0.2, upkeep_every_s=1)}
    )
    upkeep = [asyncio.create_task(run_upkeep(database, often)) for _ in range(2)]
    await eventually(lambda: partitions(tables))
    await ingest.store([a_row(at=LONG_AGO), a_row(at=utcnow())])

    await eventually(lambda: tables.fetchval("SELECT count(*) = 1 FROM rollup_minute"))
    await eventually(lambda: tables.fetchval("SELECT count(*) = 1 FROM readings"))
    for task in upkeep:
        task.cancel()
    await asyncio.wait(upkeep)
    assert all(task.cancelled() for task in upkeep)
