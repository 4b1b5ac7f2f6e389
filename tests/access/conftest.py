"""The scene in which access is tried."""

import pytest

from tests.access.scene import Scene


@pytest.fixture
async def scene(client, database) -> Scene:
    scene = await Scene.made(database)
    await scene.set_up()
    return scene
