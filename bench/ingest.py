"""Readings in: the whole path over HTTP against what bounds it.

* one reading a request ÷ a naive FastAPI route with one asyncpg INSERT a request (`naive.py`)
* batches of 100 ÷ bare asyncpg COPY of the same rows, 100 a COPY, into a table with the same key and
  the same partitions

Both sides of a ratio have the same number of clients (connections), the same rows, two processes and the same
PostgreSQL. They run in turns; the ratio is that of the medians.
"""

import asyncio
import itertools
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import uvloop

import load
import naive
from servers import WORKERS, gunicorn
from signalcraft.core.database import Database
from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.devices import service as devices
from signalcraft.settings import DatabaseSettings

CLIENTS = 64
TURNS = 3
SINGLE_S = 4.0
BATCH = 100
BATCHES_A_CLIENT = 60
# Each turn sends readings of a time of its own, so none is a duplicate of an earlier turn's.
START_S, TURN_S, EVERY_S = 1_600_000_000, 10_000_000, 5
SINGLE, MANY = "/api/iot/sensors/data", "/api/iot/sensors/data/batch"
LIKE_READINGS = "CREATE TABLE copied (LIKE readings, PRIMARY KEY (device_id, ts)) PARTITION BY RANGE (ts)"
MONTH = "CREATE TABLE copied_{0:%Y_%m} PARTITION OF copied FOR VALUES FROM ('{0}') TO ('{1}')"


@dataclass(frozen=True)
class Ratio:
    """One line of the table."""

    name: str
    ours_per_s: float
    reference_per_s: float
    at_least: float
    note: str

    @property
    def ratio(self) -> float:
        return self.ours_per_s / self.reference_per_s


def timestamps(turn: int) -> Iterator[float]:
    """A reading every five seconds."""
    return (START_S + turn * TURN_S + number * EVERY_S + 0.25 for number in itertools.count())


def reading(client: int) -> str:
    """The JSON of a reading, as a template for its timestamp."""
    example = {
        "device_id": f"bench-{client}",
        "timestamp": 0,
        "temperature": -18.5,
        "vibration": {"x": 0.21, "y": 0.13, "z": 0.98},
        "power_consumption": 45.2,
        "audio_level": 150,
        "sensor_quality": 0.95,
    }
    return json.dumps(example).replace('"timestamp": 0', '"timestamp": %.2f')


def singles(path: str, tokens: list[str], turn: int, client: int) -> Iterator[bytes]:
    """Endless requests of one reading."""
    template, headers = reading(client), {"Authorization": f"Bearer {tokens[client]}"}
    return (load.post(path, (template % at).encode(), headers) for at in timestamps(turn))


def batches(path: str, tokens: list[str], turn: int, client: int) -> Iterator[bytes]:
    """So many requests of a hundred readings, made before the clock runs."""
    template = "[" + ",".join([reading(client)] * BATCH) + "]"
    headers, times = {"Authorization": f"Bearer {tokens[client]}"}, timestamps(turn)
    bodies = [template % tuple(itertools.islice(times, BATCH)) for _ in range(BATCHES_A_CLIENT)]
    return iter([load.post(path, body.encode(), headers) for body in bodies])


async def copy(url: str, turn: int, clients: list[int]) -> tuple[float, float]:
    """The same rows by COPY, a connection a client; from when to when."""
    work = []
    for client in clients:
        times = timestamps(turn)
        batches = [
            [
                (
                    f"bench-{client}",
                    datetime.fromtimestamp(at, UTC),
                    -18.5,
                    0.21,
                    0.13,
                    0.98,
                    45.2,
                    150.0,
                    0.95,
                )
                for at in itertools.islice(times, BATCH)
            ]
            for _ in range(BATCHES_A_CLIENT)
        ]
        # Two clients share a connection: PostgreSQL's are few, and the service holds some.
        connection = await asyncpg.connect(url) if len(work) % 2 == 0 else None
        work.append((connection, batches))
    work = [
        (connection, [*one, *other])
        for (connection, one), (_, other) in zip(work[::2], work[1::2], strict=True)
    ]

    async def one_client(connection, batches) -> None:
        for records in batches:
            await connection.copy_records_to_table("copied", records=records)

    started_s = time.monotonic()
    await asyncio.gather(*(one_client(connection, batches) for connection, batches in work))
    return started_s, time.monotonic()


def copy_in_process(url: str, turn: int, clients: list[int]) -> tuple[float, float]:
    return uvloop.run(copy(url, turn, clients))


def copied_per_s(url: str, turn: int) -> float:
    """Rows a second by COPY from as many processes as the service has workers."""
    shares = [(url, turn, list(range(CLIENTS))[share::WORKERS]) for share in range(WORKERS)]
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        spans = pool.starmap(copy_in_process, shares)
    elapsed_s = max(end for _, end in spans) - min(start for start, _ in spans)
    return CLIENTS * BATCHES_A_CLIENT * BATCH / elapsed_s


async def prepare(url: str) -> list[str]:
    """Register the clients' devices; their tokens. Make the tables of the other sides."""
    database = Database(url, DatabaseSettings())
    tokens = []
    for client in range(CLIENTS):
        async with database.session() as session:
            tokens.append((await devices.add_device(session, f"bench-{client}", None)).secret)
    await database.close()
    connection = await asyncpg.connect(url)
    await connection.execute(naive.CREATE)
    await connection.execute(LIKE_READINGS)
    month = datetime.fromtimestamp(START_S, UTC).replace(day=1, hour=0, minute=0, second=0)
    while month.timestamp() < START_S + 2 * TURNS * TURN_S:
        following = (month + timedelta(days=32)).replace(day=1)
        await connection.execute(MONTH.format(month, following))
        month = following
    await connection.close()
    return tokens


def measure(url: str) -> list[Ratio]:
    """Both ratios."""
    ours, plain, batched, bare = [], [], [], []
    notes = {}
    with (
        gunicorn(
            "signalcraft.app:app", "-c", "gunicorn.conf.py", health="/health", DATABASE_URL=url
        ) as signalcraft,
        gunicorn(
            "naive:app",
            "-k",
            "uvicorn_worker.UvicornWorker",
            "--pythonpath",
            "bench",
            health="/health",
            DATABASE_URL=url,
        ) as other,
    ):
        tokens = asyncio.run(prepare(url))
        for turn in range(TURNS):
            run = load.run(
                signalcraft, partial(singles, SINGLE, tokens, turn), clients=CLIENTS, duration_s=SINGLE_S
            )
            ours.append(run.per_s)
            notes["single"] = f"p50 {run.percentile_ms(0.5):.1f} ms, p99 {run.percentile_ms(0.99):.1f} ms"
            must_be_answered(run)
            run = load.run(
                other, partial(singles, "/readings", tokens, turn), clients=CLIENTS, duration_s=SINGLE_S
            )
            plain.append(run.per_s)
            must_be_answered(run)
            run = load.run(
                signalcraft, partial(batches, MANY, tokens, TURNS + turn), clients=CLIENTS, duration_s=300
            )
            batched.append(run.per_s * BATCH)
            notes["batch"] = f"p50 {run.percentile_ms(0.5):.1f} ms, p99 {run.percentile_ms(0.99):.1f} ms"
            must_be_answered(run)
            bare.append(copied_per_s(url, TURNS + turn))
    median = statistics.median
    return [
        Ratio("one reading a request ÷ naive route", median(ours), median(plain), 2.0, notes["single"]),
        Ratio("batches of 100 ÷ bare COPY, readings", median(batched), median(bare), 0.5, notes["batch"]),
    ]


def must_be_answered(run: load.Outcome) -> None:
    if set(run.statuses) != {200}:
        raise SystemExit(f"not all were stored: {dict(run.statuses)}")


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="sc-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        ratios = measure(server.database_url)
    for line in ratios:
        print(
            f"{line.name}: {line.ours_per_s:,.0f}/s ÷ {line.reference_per_s:,.0f}/s = {line.ratio:.2f} "
            f"(at least {line.at_least}); {line.note}"
        )
    return 0 if all(line.ratio >= line.at_least for line in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
