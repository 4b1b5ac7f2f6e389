"""Recordings judged later: what a task costs beyond the synchronous answer. `python bench/tasks.py`.

* tasks a second (accepted over HTTP and judged, until the last one is finished) ÷ synchronous analyses a second
* the same as milliseconds of the whole machine for each task
* processor time of service and PostgreSQL for each, which a busy machine changes less

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
import psutil

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


def busy_s() -> float:
    """Processor time of all that this bench has running."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(time.user + time.system for time in times)


def answers(address: str, recording: bytes, tokens: list[str]) -> tuple[float, float]:
    """Synchronous analyses a second, and the processor time of each in seconds."""
    before_s = busy_s()
    run = load.run(
        address,
        partial(analyses.uploads, recording, tokens),
        clients=analyses.CLIENTS,
        duration_s=analyses.TURN_S,
    )
    return run.per_s, (busy_s() - before_s) / run.statuses[200]


def tasks(address: str, url: str, recording: bytes, tokens: list[str], turn: int) -> tuple[float, float]:
    """Tasks a second, and the processor time of each in seconds."""
    before_s = busy_s()
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
    count = run.statuses[202]
    return count / (time.monotonic() - started_s), (busy_s() - before_s) / count


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
        for turn in range(TURNS):
            at_once.append(answers(address, recording, tokens))
            ours.append(tasks(address, server.database_url, recording, tokens, turn + 1))
    task_rate, task_s = (statistics.median(column) for column in zip(*ours, strict=True))
    answer_rate, answer_s = (statistics.median(column) for column in zip(*at_once, strict=True))
    print(f"synchronous: {answer_rate:.1f}/s, {answer_s * 1000:.1f} ms of a core each")
    print(f"tasks through the table: {task_rate:.1f}/s, {task_s * 1000:.1f} ms of a core each")
    print(
        f"ratio {task_rate / answer_rate:.2f}; overhead of a task {1000 / task_rate - 1000 / answer_rate:.1f} ms, "
        f"{(task_s - answer_s) * 1000:.1f} ms of a core"
    )
    print(f"{os.cpu_count()} cores; load of the machine before: {before:.1f}")


if __name__ == "__main__":
    main()
