"""Group commit: what was acknowledged is stored once, whoever sends it and however often."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalcraft.settings import IngestSettings
from signalcraft.telemetry.errors import IngestBusy
from signalcraft.telemetry.ingest import Ingest, Stored
from signalcraft.telemetry.readings import ReadingRow
from tests.readings import AT, EPOCH, a_row

# Rows of few devices and times, so that the same ones come again and again; the value tells who came first.
ROWS = st.builds(
    lambda device, second: (device, second),
    st.integers(0, 2),
    st.integers(0, 9),
)
SENDINGS = st.lists(st.lists(ROWS, min_size=1, max_size=8), min_size=1, max_size=12)


async def test_a_reading_sent_again_is_a_duplicate_and_changes_nothing(ingest, tables):
    assert await ingest.store([a_row(temperature_c=1)]) == Stored(1, 0)
    assert await ingest.store([a_row(temperature_c=2)]) == Stored(0, 1)

    assert await tables.fetchval("SELECT array_agg(temperature_c) FROM readings") == [1]


async def test_a_sensor_that_repeats_itself_does_not_fill_the_disk(ingest, tables):
    """Rows of a statement that failed take room until PostgreSQL has cleared them away."""
    rows = [a_row(at=AT + timedelta(seconds=place)) for place in range(1000)]
    await ingest.store(rows)
    once_bytes = await tables.fetchval("SELECT pg_relation_size('readings_2024_11')")

    for _ in range(60):
        assert await ingest.store(rows) == Stored(0, 1000)

    assert await tables.fetchval("SELECT pg_relation_size('readings_2024_11')") <= 4 * once_bytes


async def test_what_was_sent_is_read_back_exactly(ingest, tables):
    row = ReadingRow("exact", 1732226400_123_457, -18.1, 0.1, 1e-17, -0.0, 1 / 3, 16777215.0, None)
    await ingest.store([row])

    found = await tables.fetchrow("SELECT * FROM readings")
    assert found["ts"] == EPOCH + timedelta(microseconds=row.ts_us)
    assert tuple(found)[2:] == row[2:]


async def test_copies_within_one_group_count_as_one_reading(ingest):
    outcomes = await asyncio.gather(*(ingest.store([a_row()]) for _ in range(50)))

    assert sorted(outcomes) == [Stored(0, 1)] * 49 + [Stored(1, 0)]


async def test_of_two_readings_of_one_time_the_first_is_stored(ingest, tables):
    outcomes = await asyncio.gather(
        *(
            ingest.store([a_row(temperature_c=value), a_row(temperature_c=value + 1)])
            for value in (10, 20, 30)
        )
    )

    assert outcomes == [Stored(1, 1), Stored(0, 2), Stored(0, 2)]
    assert await tables.fetchval("SELECT array_agg(temperature_c) FROM readings") == [10]


async def test_two_processes_share_their_devices(database_url, settings, tables):
    """Both send the same readings in other orders at once: neither waits for the other for ever."""
    both = [Ingest(database_url, settings.ingest) for _ in range(2)]
    rows = [a_row(f"sensor-{place % 5}", AT + timedelta(seconds=place)) for place in range(400)]
    for ingest in both:
        await ingest.start()
    outcomes = await asyncio.gather(
        *(ingest.store(random.sample(rows, 40)) for ingest in both for _ in range(60)),
        *(ingest.store(rows) for ingest in both),
    )
    for ingest in both:
        await ingest.stop()

    assert sum(stored.inserted for stored in outcomes) == 400
    assert await tables.fetchval("SELECT count(*) FROM readings") == 400


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sendings=SENDINGS)
async def test_any_order_and_repetition_gives_the_same_table(database_url, tables, sendings):
    prefix = uuid4().hex
    # New each time: one that has met a duplicate expects more of them for a while.
    ingest = Ingest(database_url, IngestSettings())
    await ingest.start()
    batches = [
        [a_row(f"{prefix}-{device}", AT + timedelta(seconds=second)) for device, second in sending]
        for sending in sendings
    ]
    outcomes = await asyncio.gather(*(ingest.store(batch) for batch in batches))
    for batch in batches:
        assert (await ingest.store(batch)).inserted == 0
    await ingest.stop()

    keys = {(row.device_id, row.ts_us) for batch in batches for row in batch}
    found = await tables.fetch("SELECT device_id, ts FROM readings WHERE starts_with(device_id, $1)", prefix)
    assert {(row["device_id"], (row["ts"] - EPOCH) // timedelta(microseconds=1)) for row in found} == keys
    assert sum(stored.inserted for stored in outcomes) == len(keys)
    assert [sum(stored) for stored in outcomes] == [len(batch) for batch in batches]


async def test_late_readings_find_their_month(ingest, tables):
    months = [datetime(year, month, 1, tzinfo=UTC) for year in (2020, 2023) for month in range(1, 13)]
    at_the_edges = [
        at for month in months for at in (month, month - timedelta(microseconds=1)) if at.year >= 2020
    ]

    stored = await ingest.store([a_row(at=at) for at in at_the_edges])

    assert stored.inserted == len(at_the_edges)
    names = await tables.fetch("SELECT DISTINCT tableoid::regclass::text AS name FROM readings")
    assert {"readings_2020_01", "readings_2022_12", "readings_2023_12"} <= {row["name"] for row in names}


async def test_a_month_dropped_behind_the_writers_back_is_made_again(ingest, tables):
    await ingest.store([a_row()])
    await tables.execute("DROP TABLE readings_2024_11")

    assert await ingest.store([a_row()]) == Stored(1, 0)


async def test_a_full_queue_refuses_at_once_and_a_batch_larger_than_it_still_gets_in(database_url):
    ingest = Ingest(database_url, IngestSettings(queue_rows=1000, commit_rows=100))
    large = [a_row("large", AT + timedelta(seconds=place)) for place in range(1500)]
    # Not started yet, so everything waits.
    waiting = asyncio.create_task(ingest.store(large))
    await asyncio.sleep(0)

    with pytest.raises(IngestBusy):
        await ingest.store([a_row()])

    await ingest.start()
    assert await waiting == Stored(1500, 0)
    assert await ingest.store([a_row()]) == Stored(1, 0)
    await ingest.stop()


async def test_a_sender_that_goes_away_leaves_its_neighbours_alone(database_url, settings, tables):
    ingest = Ingest(database_url, settings.ingest)
    senders = [
        asyncio.create_task(ingest.store([a_row(at=AT + timedelta(seconds=place))])) for place in range(10)
    ]
    await asyncio.sleep(0)
    for gone in senders[::2]:
        gone.cancel()
    await ingest.start()

    assert await asyncio.gather(*senders[1::2]) == [Stored(1, 0)] * 5
    await ingest.stop()
    assert await tables.fetchval("SELECT count(*) FROM readings") == 5


async def test_a_stop_stores_what_waits_and_refuses_what_comes_then(database_url, settings, tables):
    ingest = Ingest(database_url, settings.ingest)
    await ingest.start()
    senders = [
        asyncio.create_task(ingest.store([a_row(at=AT + timedelta(seconds=place))])) for place in range(10)
    ]
    await asyncio.sleep(0)
    await ingest.stop()

    assert await asyncio.gather(*senders) == [Stored(1, 0)] * 10
    with pytest.raises(IngestBusy):
        await ingest.store([a_row()])


async def test_a_row_that_postgresql_refuses_fails_no_neighbour(database_url, settings, tables):
    """No request can bring one: a NUL is refused before. It stands for whatever may slip through one day."""
    ingest = Ingest(database_url, settings.ingest)
    senders = [
        asyncio.create_task(ingest.store([a_row(device_id)]))
        for device_id in ("before", "with\x00nul", "behind")
    ]
    await asyncio.sleep(0)
    await ingest.start()
    before, refused, behind = await asyncio.gather(*senders, return_exceptions=True)
    await ingest.stop()

    assert (before, behind) == (Stored(1, 0), Stored(1, 0))
    assert refused.status == 500
    assert await tables.fetchval("SELECT count(*) FROM readings") == 2
