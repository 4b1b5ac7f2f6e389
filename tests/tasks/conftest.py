"""A service that accepts tasks, and the database beneath it."""

import asyncpg
import pytest


@pytest.fixture
async def sql(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def idle(running):
    """A service that accepts tasks and works on none."""
    async with running(devices={"access": "open"}) as client:
        await client.app.state.task_runner.stop()
        yield client
