"""Recordings sent to be judged later, and what becomes of them."""

import asyncio
import itertools
from time import monotonic

import httpx

from tests.recordings import machine, packed

PATH = "/api/ai/analyze"
_numbers = itertools.count()


def another_clip() -> bytes:
    """A recording that no other is like: half a second of a machine, each a little louder."""
    return packed(machine(0.6, level=0.05 + 1e-5 * next(_numbers)))


async def sent(client: httpx.AsyncClient, clip: bytes | None = None, **request) -> str:
    """The id of a task that was accepted."""
    answer = await client.post(PATH, files={"audio": clip or another_clip()}, **request)
    assert answer.status_code == 202, answer.text
    return answer.json()["task_id"]


async def finished(client: httpx.AsyncClient, task_id: str, limit_s: float = 30, **request) -> dict:
    """What the task came to."""
    deadline = monotonic() + limit_s
    while True:
        answer = await client.get(f"/api/analyze/result/{task_id}", **request)
        if answer.status_code == 200:
            return answer.json()
        assert answer.status_code == 202, answer.text
        assert monotonic() < deadline, answer.text
        await asyncio.sleep(0.01)
