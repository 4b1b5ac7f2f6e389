"""People: sessions checked and logins, against what bounds them.

* `/api/auth/verify` ÷ a bare FastAPI route that does one indexed look-up by asyncpg's pool (`bare_lookup.py`)
* 100 users who log in at the same moment: all are in within 6 s, and `/health` answers meanwhile with a p99 under 50 ms
* 100 sessions that check and log in (one request in 20 is a login): at least 100 requests a second, under 1 % errors

The goals in seconds are shown as rates, so that every line is a ratio that must be reached.
"""

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Self

import httpx

import load
from ingest import Ratio, must_be_answered
from servers import gunicorn
from signalcraft.auth import service
from signalcraft.auth.passwords import hash_now
from signalcraft.auth.sessions import Origin, open_session
from signalcraft.core.database import Database
from signalcraft.core.embedded_postgres import EmbeddedPostgres
from signalcraft.settings import DatabaseSettings

USERS = 100
CLIENTS = 64
TURNS = 3
TURN_S = 4.0
MIX_S = 10.0
LOGIN_EVERY = 20
PASSWORD = "correct horse battery staple"
ALL_IN_WITHIN_S = 6.0
HEALTH_P99_S = 0.05
HEALTH_EVERY_S = 0.02
MIX_PER_S = 100
MOST_ERRORS = 0.01


def verifying(tokens: list[str], client: int) -> Iterator[bytes]:
    """Endless checks of one session."""
    head = f"GET /api/auth/verify HTTP/1.1\r\nHost: bench\r\nCookie: sessionId={tokens[client]}\r\n\r\n"
    return itertools.repeat(head.encode())


def looking_up(tokens: list[str], client: int) -> Iterator[bytes]:
    head = f"GET /lookup/{tokens[client]} HTTP/1.1\r\nHost: bench\r\n\r\n"
    return itertools.repeat(head.encode())


def login(client: int) -> bytes:
    body = json.dumps({"username": f"user-{client}", "password": PASSWORD}).encode()
    return load.post("/api/auth/login", body, {})


def one_login(client: int) -> Iterator[bytes]:
    return iter([login(client)])


def mixed(tokens: list[str], client: int) -> Iterator[bytes]:
    """Checks with a login now and then, not in step with the other clients."""
    checks = verifying(tokens, client)
    for number in itertools.count(client):
        yield login(client) if number % LOGIN_EVERY == 0 else next(checks)


async def tokens_of_users(url: str) -> list[str]:
    """A user for each client, with a session."""
    database, hashed, tokens = Database(url, DatabaseSettings()), hash_now(PASSWORD), []
    for number in range(USERS):
        async with database.session() as session:
            user_id = await service.add_user(
                session, f"user-{number}", f"user-{number}@bench.example", hashed, is_admin=False
            )
            issued = await open_session(session, user_id, Origin("127.0.0.1", "bench"), timedelta(days=1))
        tokens.append(issued.secret)
    await database.close()
    return tokens


class HealthWatch:
    """Asks for `/health` fifty times a second, so that it takes no core for itself."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.latencies_s: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        with httpx.Client(base_url=self._address, timeout=30) as http:
            while not self._stop.wait(HEALTH_EVERY_S):
                started_s = time.perf_counter()
                http.get("/health").raise_for_status()
                self.latencies_s.append(time.perf_counter() - started_s)

    @property
    def p99_s(self) -> float:
        return sorted(self.latencies_s)[int(0.99 * len(self.latencies_s))]


def verify_ratio(ours_at: str, bare_at: str, tokens: list[str]) -> Ratio:
    ours, bare = [], []
    for _ in range(TURNS):
        run = load.run(ours_at, partial(verifying, tokens), clients=CLIENTS, duration_s=TURN_S)
        must_be_answered(run)
        ours.append(run.per_s)
        other = load.run(bare_at, partial(looking_up, tokens), clients=CLIENTS, duration_s=TURN_S)
        must_be_answered(other)
        bare.append(other.per_s)
    note = f"p50 {run.percentile_ms(0.5):.1f} ms, p99 {run.percentile_ms(0.99):.1f} ms"
    name = "session checked ÷ bare route, one look-up"
    return Ratio(name, statistics.median(ours), statistics.median(bare), 0.7, note)


def rush_ratios(address: str) -> list[Ratio]:
    with HealthWatch(address) as health:
        run = load.run(address, one_login, clients=USERS, duration_s=60)
    must_be_answered(run)
    slowest_s = max(run.latencies_s)
    return [
        Ratio(
            "100 logins at once ÷ all in within 6 s",
            USERS / slowest_s,
            USERS / ALL_IN_WITHIN_S,
            1.0,
            f"all in after {slowest_s:.2f} s",
        ),
        Ratio(
            "/health in the rush ÷ p99 of 50 ms",
            1 / health.p99_s,
            1 / HEALTH_P99_S,
            1.0,
            f"p99 {health.p99_s * 1000:.1f} ms of {len(health.latencies_s)}",
        ),
    ]


def mix_ratio(address: str, tokens: list[str]) -> Ratio:
    run = load.run(address, partial(mixed, tokens), clients=USERS, duration_s=MIX_S)
    errors = 1 - run.statuses[200] / sum(run.statuses.values())
    return Ratio(
        "100 sessions, checks and logins ÷ 100/s",
        run.per_s if errors < MOST_ERRORS else 0,
        MIX_PER_S,
        1.0,
        f"errors {errors:.1%}, p50 {run.percentile_ms(0.5):.1f} ms, p99 {run.percentile_ms(0.99):.0f} ms",
    )


def measure(url: str) -> list[Ratio]:
    """All lines."""
    with (
        gunicorn("signalcraft.app:app", "-c", "gunicorn.conf.py", health="/ready", DATABASE_URL=url) as ours,
        gunicorn(
            "bare_lookup:app",
            "-k",
            "uvicorn_worker.UvicornWorker",
            "--pythonpath",
            "bench",
            health="/health",
            DATABASE_URL=url,
        ) as bare,
    ):
        tokens = asyncio.run(tokens_of_users(url))
        return [verify_ratio(ours, bare, tokens), *rush_ratios(ours), mix_ratio(ours, tokens)]


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="sc-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        ratios = measure(server.database_url)
    for line in ratios:
        print(
            f"{line.name}: {line.ours_per_s:,.1f}/s ÷ {line.reference_per_s:,.1f}/s = {line.ratio:.2f} "
            f"(at least {line.at_least}); {line.note}"
        )
    return 0 if all(line.ratio >= line.at_least for line in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
