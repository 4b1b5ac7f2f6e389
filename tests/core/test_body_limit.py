"""A route's body is bounded before anyone thinks of it."""

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from signalcraft.core.body_limit import DEFAULT_BYTES, BodyLimit, allow_body
from signalcraft.core.problems import install_problem_handlers


class Note(BaseModel):
    text: str


@pytest.fixture
async def client():
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(BodyLimit)

    @app.post("/json")
    async def json_route(note: Note) -> int:
        return len(note.text)

    @app.post("/form")
    async def form_route(request: Request) -> int:
        return len(await request.form())

    @app.post("/larger")
    async def larger_route(request: Request) -> int:
        allow_body(request, 2 * DEFAULT_BYTES)
        return len(await request.body())

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://signalcraft.test"
    ) as client:
        yield client


async def pieces(total: int):
    """A body that does not say how long it is."""
    for _ in range(total // 1024):
        yield b"x" * 1024


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/json", "application/json"),
        ("/json", "text/plain"),
        ("/form", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("is_told", [True, False])
async def test_a_longer_body_is_refused_as_a_problem(client, path, content_type, is_told):
    content = b"x" * (DEFAULT_BYTES + 1) if is_told else pieces(2 * DEFAULT_BYTES)
    answer = await client.post(path, content=content, headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert str(DEFAULT_BYTES) in answer.json()["detail"]


async def test_one_within_the_bound_is_taken(client):
    text = "x" * (DEFAULT_BYTES - 20)

    assert (await client.post("/json", json={"text": text})).json() == len(text)


async def test_a_route_may_ask_for_more(client):
    taken = await client.post("/larger", content=pieces(2 * DEFAULT_BYTES))
    refused = await client.post("/larger", content=pieces(2 * DEFAULT_BYTES + 1024))

    assert taken.json() == 2 * DEFAULT_BYTES
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


async def test_deep_json_is_a_bad_request(client):
    for deep in (
        b"[" * 30_000,
        b'{"text":' * 5_000,
        b"[" * 30_000 + b"]" * 30_000,
        b'{"text": ' + b"9" * 60_000 + b"}",
    ):
        answer = await client.post("/json", content=deep, headers={"Content-Type": "application/json"})

        assert answer.status_code in {400, 422}
