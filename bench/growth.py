"""Whether a web worker's memory grows with the requests that it has answered.

This is what the default of `GUNICORN_MAX_REQUESTS` rests on: a worker that does not grow needs no replacement.
"""

import argparse
import asyncio
import tempfile
from functools import partial
from pathlib import Path

import psutil

import analyses
import ingest
import load
from servers import gunicorn
from signalcraft.core.embedded_postgres import EmbeddedPostgres

ROUNDS = 8


def workers_mb() -> list[float]:
    """Resident memory of each web worker."""
    gunicorns = [p for p in psutil.Process().children(recursive=True) if "signalcraft.app:app" in p.cmdline()]
    master = min(gunicorns, key=lambda process: process.create_time())
    return [round(p.memory_info().rss / 1024**2, 1) for p in gunicorns if p.ppid() == master.pid]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--round-s", type=float, default=10, help="Seconds of each of the rounds.")
    round_s = parser.parse_args().round_s
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
        readers = asyncio.run(ingest.prepare(server.database_url))
        ears = asyncio.run(analyses.tokens_of(server.database_url))
        recording, readings, recordings = analyses.clip(), 0, 0
        print(f"before: {workers_mb()} MB", flush=True)
        for turn in range(ROUNDS):
            run = load.run(
                address,
                partial(ingest.singles, ingest.SINGLE, readers, turn),
                clients=ingest.CLIENTS,
                duration_s=round_s,
            )
            readings += run.statuses[200]
            run = load.run(
                address,
                partial(analyses.uploads, recording, ears),
                clients=analyses.CLIENTS,
                duration_s=round_s,
            )
            recordings += run.statuses[200]
            print(f"after {readings:,} readings and {recordings:,} recordings: {workers_mb()} MB", flush=True)


if __name__ == "__main__":
    main()
