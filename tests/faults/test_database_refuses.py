"""PostgreSQL is there and can't: a passing 503, never a 500, and the service resumes by itself."""

import asyncio
from time import monotonic

import asyncpg
import pytest

from tests.devices.test_access import PATH, READING


async def until_status(client, path: str, status: int, limit_s: float = 15) -> None:
    deadline = monotonic() + limit_s
    while (answer := await client.get(path)).status_code != status:
        assert monotonic() < deadline, answer.text
        await asyncio.sleep(0.05)


@pytest.fixture
async def administrator(postgres_url):
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def test_a_database_that_is_closed_for_a_while(open_client, administrator, database_url):
    name = database_url.partition("?")[0].rsplit("/", 1)[1]
    assert (await open_client.post(PATH, json=READING)).status_code == 200
    await until_status(open_client, "/ready", 200)

    await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await administrator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
    )
    await until_status(open_client, "/ready", 503)
    posted = await open_client.post(PATH, json=READING)
    listed = await open_client.get("/api/diagnoses")
    degraded = (await open_client.get("/health")).json()
    await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await until_status(open_client, "/ready", 200)

    assert {posted.status_code, listed.status_code} == {503}
    assert {posted.json()["code"], listed.json()["code"]} == {"database_unavailable"}
    assert (degraded["status"], degraded["database"]) == ("degraded", "away")
    assert (await open_client.post(PATH, json=READING)).json()["duplicates"] == 1
    assert (await open_client.get("/health")).json()["status"] == "ok"


async def test_a_statement_over_its_time_limit(running, database_url):
    another = await asyncpg.connect(database_url)
    async with running(database={"statement_timeout_s": 0.3}, devices={"access": "open"}) as client:
        async with another.transaction():
            await another.execute("LOCK TABLE diagnoses")
            answer = await client.get("/api/diagnoses")
        again = await client.get("/api/diagnoses")
    await another.close()

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert again.status_code == 200
