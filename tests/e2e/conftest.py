"""A running service for the end-to-end tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveService, live_service


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[LiveService]:
    with live_service(Path(tmp_path_factory.mktemp("service"))) as service:
        yield service


@pytest.fixture(scope="module")
def open_service(tmp_path_factory) -> Iterator[LiveService]:
    with live_service(
        Path(tmp_path_factory.mktemp("open-service")),
        SIGNALCRAFT_DEVICE_ACCESS="open",
        # Clients that post without a pause stand for many devices.
        SIGNALCRAFT_LIMITS__RECORDINGS_A_MINUTE="1000000",
    ) as service:
        yield service
