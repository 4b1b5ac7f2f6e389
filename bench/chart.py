"""A day's chart of one device, from 100 thousand readings and from ten million: it should cost the same.

Three ways to be large: a hundred times as many days of the same devices, as many devices, and as many readings in the
day itself. The charts are asked for in turns, so that whatever else the machine does meets all of them.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from signalcraft.core import migrations
from signalcraft.core.database import Database
from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.settings import DatabaseSettings
from signalcraft.telemetry import rollup_repository, service
from signalcraft.telemetry.ranges import Range

SMALL_ROWS, FACTOR = 100_000, 100
ROUNDS = 60
AT_MOST = 1.2
BUCKETS = [timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1)]
DAY = datetime(2024, 6, 15, tzinfo=UTC)
# Filled as ingest would have done it, without its way over HTTP.
FILL = """
    INSERT INTO readings
    SELECT 'device-' || device, at, -18 + random(), random(), random(), random(), 45 + random(), 150, 0.9
    FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 microsecond', $3::interval) AS at,
        generate_series(1, $4::int) AS device
    ORDER BY at, device
"""
# In the order of time, as readings come.
MARK = """
    INSERT INTO rollup_marks
    SELECT DISTINCT device_id, date_trunc('minute', ts) AS minute FROM readings WHERE ts >= $1 AND ts < $2
    ORDER BY minute, device_id
"""
MARKS_A_TURN = 1_000


@dataclass(frozen=True)
class Table:
    """What a table holds: readings of so many devices, for so many days, one each so many seconds."""

    name: str
    devices: int
    days: int
    every: timedelta

    @property
    def rows(self) -> int:
        return self.devices * self.days * int(timedelta(days=1) / self.every)


TABLES = [
    Table("small", 10, 1, timedelta(days=1) / (SMALL_ROWS // 10)),
    Table("many days", 10, FACTOR, timedelta(days=1) / (SMALL_ROWS // 10)),
    Table("many devices", 10 * FACTOR, 1, timedelta(days=1) / (SMALL_ROWS // 10)),
    Table("many readings a day", 10, 1, timedelta(days=1) / (SMALL_ROWS // 10 * FACTOR)),
]


async def fill(url: str, table: Table) -> None:
    connection = await asyncpg.connect(url)
    start = DAY - timedelta(days=table.days // 2)
    month = start.replace(day=1)
    while month < start + timedelta(days=table.days):
        following = (month + timedelta(days=32)).replace(day=1)
        await connection.execute(
            f"CREATE TABLE readings_{month:%Y_%m} PARTITION OF readings FOR VALUES FROM ('{month}') TO ('{following}')"
        )
        month = following
    for day in range(table.days):
        first = start + timedelta(days=day)
        await connection.execute(FILL, first, first + timedelta(days=1), table.every, table.devices)
        await connection.execute(MARK, first, first + timedelta(days=1))
        await roll_up(url, start)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def roll_up(url: str, oldest: datetime) -> None:
    """As the upkeep does it, without its rests."""
    database = Database(url, DatabaseSettings(statement_timeout_s=600))
    marks = MARKS_A_TURN
    while marks == MARKS_A_TURN:
        async with database.session() as session:
            assert await rollup_repository.try_rollup_lock(session)
            marks = await rollup_repository.mend(session, MARKS_A_TURN, oldest)
    await database.close()


async def chart_ms(database: Database, bucket: timedelta) -> float:
    """All that the service does for a chart, but for HTTP."""
    asked = Range(DAY, DAY + timedelta(days=1), bucket)
    started_s = time.perf_counter()
    async with database.session(read_only=True) as session:
        page = await service.read(session, "device-7", asked, None, 10_000)
    elapsed_ms = (time.perf_counter() - started_s) * 1000
    assert page.entry_count == timedelta(days=1) // bucket
    return elapsed_ms


async def measure(urls: dict[Table, str]) -> int:
    databases = {table: Database(url, DatabaseSettings()) for table, url in urls.items()}
    is_good = True
    for bucket in BUCKETS:
        runs: dict[Table, list[float]] = {table: [] for table in TABLES}
        for _ in range(ROUNDS):
            for table, database in databases.items():
                runs[table].append(await chart_ms(database, bucket))
        small_ms = statistics.median(runs[TABLES[0]][10:])
        for table in TABLES:
            median_ms = statistics.median(runs[table][10:])
            is_good &= median_ms / small_ms <= AT_MOST
            print(
                f"bucket {bucket}, {table.name}, {table.rows:,} rows: {median_ms:.2f} ms = {median_ms / small_ms:.2f} × small"
            )
    for database in databases.values():
        await database.close()
    return 0 if is_good else 1


async def prepare(server_url: str) -> dict[Table, str]:
    urls = {}
    for number, table in enumerate(TABLES):
        connection = await asyncpg.connect(server_url)
        await connection.execute(f"CREATE DATABASE chart_{number}")
        await connection.close()
        address, mark, parameters = server_url.partition("?")
        urls[table] = address.rsplit("/", 1)[0] + f"/chart_{number}{mark}{parameters}"
        await asyncio.to_thread(migrations.upgrade, urls[table])
        started_s = time.monotonic()
        await fill(urls[table], table)
        print(f"{table.name}: {table.rows:,} rows filled in {time.monotonic() - started_s:.0f} s", flush=True)
    return urls


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="sc-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        return asyncio.run(_main(server.database_url))


async def _main(url: str) -> int:
    return await measure(await prepare(url))


if __name__ == "__main__":
    sys.exit(main())
