"""Limits that many processes share, counted in a real Redis."""

import subprocess
from collections.abc import Iterator

import pytest
import redis

from signalcraft.auth.errors import LimitsUnavailable, TooManyFailures
from signalcraft.auth.limits import Attempt, Limits
from tests.live import free_port, wait_until
from tests.programs import needed

ATTEMPT = Attempt("minji", "203.0.113.66", None)


@pytest.fixture
def redis_server(tmp_path) -> Iterator[tuple[str, subprocess.Popen]]:
    port = free_port()
    server = subprocess.Popen(
        [
            needed("redis-server"),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(tmp_path),
        ],
        stdout=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return bool(redis.Redis(port=port).ping())
        except redis.ConnectionError:
            return False

    wait_until(answers, "a Redis that answers")
    yield f"redis://127.0.0.1:{port}/0", server
    server.kill()
    server.wait()


async def test_processes_that_share_a_redis_count_together_and_let_nobody_in_without_it(redis_server):
    url, server = redis_server
    workers = [Limits(url), Limits(url)]
    for number in range(5):
        async with workers[number % 2].attempt(ATTEMPT):
            await workers[number % 2].failed(ATTEMPT)
    for worker in workers:
        with pytest.raises(TooManyFailures) as refused:
            async with worker.attempt(ATTEMPT):
                pass
        assert 0 < refused.value.details["retry_after_s"] <= 15 * 60

    server.kill()
    server.wait()
    with pytest.raises(LimitsUnavailable):
        async with workers[0].attempt(ATTEMPT):
            pass
