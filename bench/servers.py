"""The servers that are measured, each as it runs in production: Gunicorn with Uvicorn workers."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

WORKERS = 2
START_LIMIT_S = 60
REPOSITORY = Path(__file__).parents[1]


@contextmanager
def gunicorn(application: str, *arguments: str, health: str, **environment: str) -> Iterator[str]:
    """The address of a running application on a data folder of its own; it is ready when `health` answers 200."""
    with (
        TemporaryDirectory(prefix="sc-") as folder,
        _started(
            application, *arguments, health=health, SIGNALCRAFT_DATA_DIR=folder, **environment
        ) as address,
    ):
        yield address


@contextmanager
def _started(application: str, *arguments: str, health: str, **environment: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *arguments, application],
        env={**os.environ, "HOST": "127.0.0.1", "PORT": port, "GUNICORN_WORKERS": str(WORKERS), **environment}
        | {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port} --workers {WORKERS}"},
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, address + health)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_until_ready(process: subprocess.Popen, address: str) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"not ready within {START_LIMIT_S} s")
