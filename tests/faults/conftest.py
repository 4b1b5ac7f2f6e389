"""One service for the faults of this folder: each test must leave it well."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveService, live_service


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[LiveService]:
    with live_service(Path(tmp_path_factory.mktemp("service"))) as service:
        yield service
