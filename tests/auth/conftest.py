"""A user of the running application, and the browser that she signs in with."""

import pytest

from tests.people import Browser, add_user


@pytest.fixture
async def minji(client, database) -> Browser:
    """A user who has not signed in yet."""
    await add_user(database, "minji")
    return Browser(client.app, "minji")


@pytest.fixture
async def signed_in(minji) -> Browser:
    """The same, signed in."""
    assert (await minji.log_in()).status_code == 200
    return minji
