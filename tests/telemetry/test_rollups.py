"""Rollups say at any moment what the readings say."""

import asyncio
import random
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalcraft.settings import RetentionSettings
from signalcraft.telemetry import rollup_repository
from signalcraft.telemetry.ingest import Ingest
from signalcraft.telemetry.models import MEASURED
from signalcraft.telemetry.readings import ReadingRow
from signalcraft.telemetry.upkeep import roll_up
from tests.readings import EPOCH, a_row

START = datetime(2024, 11, 21, 22, 0, tzinfo=UTC)
END = datetime(2024, 11, 23, tzinfo=UTC)
RETENTION = RetentionSettings()
BUCKETS = [
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=7),
    timedelta(hours=1),
    timedelta(hours=24),
]

# Seconds from START, close together and far apart, so that minutes and hours are shared and not.
INSTANTS = st.one_of(st.integers(0, 200), st.integers(3500, 3700), st.integers(0, 90_000))
FIGURES = st.floats(-100, 200, allow_nan=False)
ROWS = st.builds(
    lambda device, second, temperature, quality: (device, second, temperature, quality),
    st.integers(0, 1),
    INSTANTS,
    FIGURES,
    st.none() | st.floats(0, 1),
)
STEPS = st.lists(
    st.one_of(st.lists(ROWS, min_size=1, max_size=10), st.sampled_from(["roll up", "die while rolling up"])),
    min_size=1,
    max_size=12,
)


async def buckets(database, device_id: str, bucket: timedelta) -> list:
    start = EPOCH + (START - EPOCH) // bucket * bucket
    async with database.session(read_only=True) as session:
        found = await rollup_repository.buckets(
            session, device_id, bucket=bucket, start=start, end=END + bucket, limit=1_000_000
        )
    return [row._mapping for row in found]


async def die_while_rolling_up(database) -> None:
    """All is worked out, and the process ends before it has said so."""
    with suppress(KeyboardInterrupt):
        async with database.session() as session:
            assert await rollup_repository.try_rollup_lock(session)
            await rollup_repository.mend(session, 3, START)
            raise KeyboardInterrupt


def by_hand(rows: list[ReadingRow], bucket: timedelta) -> dict[datetime, list[ReadingRow]]:
    found = defaultdict(list)
    for row in rows:
        found[EPOCH + timedelta(microseconds=row.ts_us) // bucket * bucket].append(row)
    return found


async def agree(database, stored: dict[tuple[str, int], ReadingRow], device_ids: list[str]) -> None:
    """The buckets of each width are those that the readings themselves give."""
    for device_id in device_ids:
        rows = [row for row in stored.values() if row.device_id == device_id]
        for width in BUCKETS:
            expected = by_hand(rows, width)
            found = await buckets(database, device_id, width)
            assert [entry["bucket"] for entry in found] == sorted(expected, reverse=True)
            for entry in found:
                inside = expected[entry["bucket"]]
                qualities = [row.sensor_quality for row in inside if row.sensor_quality is not None]
                assert (entry["readings"], entry["sensor_quality_count"]) == (len(inside), len(qualities))
                for field in MEASURED:
                    values = [value for row in inside if (value := getattr(row, field)) is not None]
                    assert entry[f"{field}_min"] == min(values, default=None)
                    assert entry[f"{field}_max"] == max(values, default=None)
                    if values:
                        assert entry[f"{field}_sum"] == pytest.approx(sum(values), rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_buckets_are_exact_whatever_comes_in_whatever_order(ingest, database, steps):
    device_ids = [f"{uuid4().hex}-{number}" for number in range(2)]
    stored: dict[tuple[str, int], ReadingRow] = {}
    for step in steps:
        if step == "roll up":
            await roll_up(database, RETENTION)
        elif step == "die while rolling up":
            await die_while_rolling_up(database)
        else:
            rows = [
                a_row(device_ids[device], START + timedelta(seconds=second), temperature)._replace(
                    sensor_quality=quality
                )
                for device, second, temperature, quality in step
            ]
            await ingest.store(rows)
            for row in rows:
                stored.setdefault((row.device_id, row.ts_us), row)
        await agree(database, stored, device_ids)


async def test_after_a_run_nothing_is_marked_and_the_tables_agree(ingest, database, tables):
    rows = [a_row(f"sensor-{place % 3}", START + timedelta(seconds=place)) for place in range(4000)]
    await ingest.store(rows)

    await roll_up(database, RETENTION)
    assert await tables.fetchval("SELECT count(*) FROM rollup_marks") == 0
    for table in ("rollup_minute", "rollup_hour"):
        assert await tables.fetchval(f"SELECT sum(readings) FROM {table}") == 4000
    # 4,000 s of three devices.
    assert await tables.fetchval("SELECT count(*) FROM rollup_minute") == 3 * 67
    assert await tables.fetchval("SELECT count(*) FROM rollup_hour") == 3 * 2
    assert await roll_up(database, RETENTION) == 0


async def test_a_duplicate_marks_nothing(ingest, database, tables):
    await ingest.store([a_row()])
    await roll_up(database, RETENTION)
    await ingest.store([a_row()])

    assert await tables.fetchval("SELECT count(*) FROM rollup_marks") == 0


async def test_buckets_hold_all_that_is_acknowledged_while_it_comes_in(database_url, settings, database):
    """Two processes store and two roll up without a pause; a chart lacks nothing that was acknowledged before."""
    device_id, seen = "busy", []
    acknowledged = sent = 0
    places = list(range(3000))
    random.shuffle(places)
    is_over = asyncio.Event()

    async def post(ingest: Ingest) -> None:
        nonlocal acknowledged, sent
        while places:
            rows = [
                a_row(device_id, START + timedelta(seconds=places.pop())) for _ in range(min(5, len(places)))
            ]
            sent += len(rows)
            acknowledged += (await ingest.store(rows)).inserted

    async def roll() -> None:
        while not is_over.is_set():
            await roll_up(database, RETENTION)

    async def look() -> None:
        while not is_over.is_set():
            for width in BUCKETS[1:4]:
                before = acknowledged
                count = sum(entry["readings"] for entry in await buckets(database, device_id, width))
                seen.append((before, count, sent))

    processes = [Ingest(database_url, settings.ingest) for _ in range(2)]
    for ingest in processes:
        await ingest.start()
    others = [asyncio.create_task(work()) for work in (roll, roll, look)]
    await asyncio.gather(*(post(ingest) for ingest in processes for _ in range(3)))
    is_over.set()
    await asyncio.gather(*others)
    for ingest in processes:
        await ingest.stop()

    assert seen
    assert [look for look in seen if not look[0] <= look[1] <= look[2]] == []
    await roll_up(database, RETENTION)
    assert sum(entry["readings"] for entry in await buckets(database, device_id, BUCKETS[3])) == 3000
