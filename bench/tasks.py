"""Recordings judged later: what a task costs beyond the synchronous answer. `python bench/tasks.py`.

* tasks a second (accepted over HTTP and judged, until the last one is finished) ÷ synchronous analyses a second
* the same as milliseconds of the whole machine for each task

Both run in turns, against one service; the figures are those of the medians.
"""

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import asyncpg

import analyses
import load
from servers import gunicorn
from signalcraft.core.embedded_postgres import EmbeddedPostgres

TURNS = 3
PATH = "/api/ai/analyze"
WAIT_S = 0.02
LIMIT_S = 120.0


def uploads(recording: bytes, tokens: list[str], turn: int, client: int) -> Iterator[bytes]:
    """As for the synchronous route, other recordings in each turn."""
    line = f"POST {analyses.PATH} ".encode()
    of_turn = itertools.islice(analyses.uploads(recording, tokens, client), turn * 500, None)
    return (request.replace(line, f"POST {PATH} ".encode(), 1) for request in of_turn)


async def until_finished(url: str) -> None:
    connection = await asyncpg.connect(url)
    deadline_s = time.monotonic() + LIMIT_S
    while await connection.fetchval("SELECT EXISTS (SELECT FROM analysis_tasks WHERE finished_at IS NULL)"):
        if time.monotonic() > deadline_s:
            raise SystemExit("tasks are left over")
        await asyncio.sleep(WAIT_S)
    await connection.close()


def tasks_per_s(address: str, url: str, recording: bytes, tokens: list[str], turn: int) -> float:
    started_s = time.monotonic()
    run = load.run(
        address,
        partial(uploads, recording, tokens, turn),
        clients=analyses.CLIENTS,
        duration_s=analyses.TURN_S,
    )
    if set(run.statuses) != {202}:
        raise SystemExit(f"not all were accepted: {dict(run.statuses)}")
    asyncio.run(until_finished(url))
    return run.statuses[202] / (time.monotonic() - started_s)


def main() -> None:
    recording = analyses.clip()
    before = os.getloadavg()[0]
    ours, at_once = [], []
    with (
        tempfile.TemporaryDirectory(prefix="sc-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
        gunicorn(
            "signalcraft.app:app",
            "-c",
            "gunicorn.conf.py",
            health="/ready",
            DATABASE_URL=server.database_url,
        ) as address,
    ):
        tokens = asyncio.run(analyses.tokens_of(server.database_url))
        synchronously = partial(analyses.uploads, recording, tokens)
        for turn in range(TURNS):
            run = load.run(address, synchronously, clients=analyses.CLIENTS, duration_s=analyses.TURN_S)
            at_once.append(run.per_s)
            ours.append(tasks_per_s(address, server.database_url, recording, tokens, turn + 1))
    tasks, answers = statistics.median(ours), statistics.median(at_once)
    print(f"synchronous analyses: {answers:.1f}/s {[round(figure, 1) for figure in at_once]}")
    print(f"tasks through the table: {tasks:.1f}/s {[round(figure, 1) for figure in ours]}")
    print(f"ratio {tasks / answers:.2f}; overhead of a task {1000 / tasks - 1000 / answers:.1f} ms")
    print(f"{os.cpu_count()} cores; load of the machine before: {before:.1f}")


if __name__ == "__main__":
    main()
