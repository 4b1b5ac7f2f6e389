"""The short way of a posted reading answers as the long one does."""

import httpx
import pytest
from fastapi import FastAPI

from signalcraft.telemetry.shortcut import ENDPOINTS
from tests.readings import AT_S, POST, POST_BATCH, a_reading


@pytest.fixture
async def long_way(open_client) -> httpx.AsyncClient:
    """The same application below a path, where the shortcut does not apply."""
    mounting = FastAPI()
    mounting.mount("/below", open_client.app)
    transport = httpx.ASGITransport(mounting)
    async with httpx.AsyncClient(transport=transport, base_url="http://signalcraft.test/below") as client:
        yield client


def told(answer: httpx.Response) -> tuple:
    """All of an answer but its request's id."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, headers.pop("content-length") is not None, headers, _without_id(answer.json())


def _without_id(body: dict) -> dict:
    return {name: value for name, value in body.items() if name != "request_id"}


def test_they_are_the_addresses_of_the_routes():
    assert set(ENDPOINTS) == {POST, POST_BATCH}


@pytest.mark.parametrize(
    "request_",
    [
        {"json": a_reading(timestamp=AT_S - 1)},
        {"json": a_reading(temperature=1000)},
        {"content": b"{"},
        {"content": b" " * 70_000},
        {"content": b"{}", "headers": {"Content-Encoding": "br"}},
    ],
)
async def test_both_ways_answer_the_same(open_client, long_way, request_):
    await open_client.post(POST, json=a_reading(timestamp=AT_S - 1))

    for path in (POST, POST_BATCH):
        assert told(await open_client.post(path, **request_)) == told(await long_way.post(path, **request_))


async def test_a_refusal_carries_its_requests_id(open_client):
    answer = await open_client.post(POST, content=b"{", headers={"X-Request-ID": "from-the-sensor"})

    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "from-the-sensor"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_no_business_of_it(open_client, method):
    answer = await open_client.request(method, POST)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
