"""What the running service takes of the machine."""

from pathlib import Path

import psutil
import pytest

from tests.live import live_service

LIMIT_MB = 700
NUMERICAL = ("onnxruntime", "libsndfile", "torch", "librosa", "scipy", "soxr", "numpy")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with live_service(Path(tmp_path_factory.mktemp("footprint"))) as service:
        yield service


def test_two_workers_and_two_inference_processes_fit_into_700_mb(service, record_property):
    everything = [psutil.Process(service.process.pid), *service.processes()]

    # PSS: a page that processes share counts once.
    memory_mb = sum(process.memory_full_info().pss for process in everything) / 1024**2
    record_property("memory_mb", round(memory_mb))
    assert memory_mb < LIMIT_MB


def test_web_workers_load_no_numerical_library(service):
    for pid in service.gunicorn_workers():
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert [library for library in NUMERICAL if library in maps] == []
