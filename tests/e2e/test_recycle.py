"""Workers that are replaced while requests come in."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.live import LiveService, live_service, wait_until

RECYCLE_AFTER = 150
REQUESTS = 2000
CLIENTS = 8


WAYS = {"kept connections": None, "a connection a request": 0}


async def failures(service: LiveService, idle_connections: int | None, requests: int) -> list[str]:
    """What went wrong with so many requests by several clients that never try twice."""
    found: list[str] = []
    left = iter(range(requests))

    async def client(http: httpx.AsyncClient) -> None:
        for _ in left:
            try:
                answer = await http.get("/health")
            except httpx.TransportError as error:
                found.append(repr(error))
            else:
                found.extend([] if answer.status_code == 200 else [answer.text])

    limits = httpx.Limits(max_keepalive_connections=idle_connections)
    async with httpx.AsyncClient(base_url=service.address, timeout=30, limits=limits) as http:
        await asyncio.gather(*(client(http) for _ in range(CLIENTS)))
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("recycled"))
    with live_service(folder, GUNICORN_MAX_REQUESTS=str(RECYCLE_AFTER), LOG_LEVEL="WARNING") as service:
        yield service


@pytest.mark.parametrize("idle_connections", WAYS.values(), ids=WAYS)
async def test_a_recycled_worker_loses_no_request_and_no_warmed_process(service, idle_connections):
    workers, inference = set(service.gunicorn_workers()), set(service.inference_pids())
    assert await failures(service, idle_connections, REQUESTS) == []
    assert workers.isdisjoint(service.gunicorn_workers())
    assert inference == set(service.inference_pids())


@pytest.mark.parametrize("idle_connections", WAYS.values(), ids=WAYS)
async def test_workers_renewed_by_a_signal_lose_no_request(service, idle_connections):
    workers = set(service.gunicorn_workers())
    load = asyncio.create_task(failures(service, idle_connections, REQUESTS))
    os.kill(service.gunicorn_master(), signal.SIGHUP)
    assert await load == []
    wait_until(lambda: workers.isdisjoint(service.gunicorn_workers()), "all workers are new")
