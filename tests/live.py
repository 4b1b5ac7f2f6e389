"""A real service in processes of its own, and clients that never give up, for the end-to-end and fault tests."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep, time
from uuid import uuid4

import httpx
import psutil

from signalcraft.core.processes import die_with_parent

START_LIMIT_S = 60
STOP_LIMIT_S = 30
SAMPLES = Path(__file__).parents[1] / "samples"
READINGS = "/api/iot/sensors/data"
RECORDINGS = "/api/lightweight-analyze"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what: str, limit_s: float = 30):
    """The condition's first true value."""
    deadline = monotonic() + limit_s
    while monotonic() < deadline:
        if value := condition():
            return value
        sleep(0.05)
    raise AssertionError(f"not within {limit_s} s: {what}")


@dataclass
class LiveService:
    """`signalcraft serve` on a data folder."""

    process: subprocess.Popen
    data_dir: Path
    address: str
    environment: dict[str, str]

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/ready", timeout=5).is_success
        except httpx.TransportError:
            return False

    def wait_ready(self, limit_s: float = START_LIMIT_S) -> None:
        def ready_or_dead() -> bool:
            assert self.process.poll() is None, (
                f"the service ended with {self.process.returncode}\n{self.log()}"
            )
            return self.is_ready()

        wait_until(ready_or_dead, f"ready\n{self.log()}", limit_s)

    def log(self) -> str:
        return (self.data_dir.parent / "serve.log").read_text(errors="replace")[-8000:]

    def command(self, *arguments: str) -> str:
        """What a `signalcraft` command on this service prints."""
        return subprocess.run(
            [sys.executable, "-m", "signalcraft", *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    def add_device(self, device_id: str) -> str:
        return json.loads(self.command("devices", "add", device_id, "--json"))["token"]

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def inference_pids(self) -> list[int]:
        return [p.pid for p in self.processes() if "signalcraft.diagnosis.inference" in _words(p)]

    def gunicorn_master(self) -> int:
        return min(self._gunicorns(), key=lambda p: p.create_time()).pid

    def gunicorn_workers(self) -> list[int]:
        master = self.gunicorn_master()
        return [p.pid for p in self._gunicorns() if p.pid != master and p.ppid() == master]

    def postgres(self) -> int:
        lines = (self.data_dir / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()
        return int(lines[0])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_LIMIT_S)

    def _gunicorns(self) -> list[psutil.Process]:
        return [p for p in self.processes() if "signalcraft.app:app" in _words(p)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@contextmanager
def live_service(folder: Path, **environment: str) -> Iterator[LiveService]:
    """A service on a fresh folder, ready; killed with all that it started if a test has left it in a bad state."""
    service = start_service(folder, **environment)
    try:
        service.wait_ready()
        yield service
    finally:
        remains = service.processes() if service.process.poll() is None else []
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGTERM)
            try:
                service.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                service.process.kill()
                service.process.wait()
        _, alive = psutil.wait_procs(remains, timeout=10)
        for process in alive:
            process.kill()


def start_service(folder: Path, **environment: str) -> LiveService:
    folder.mkdir(parents=True, exist_ok=True)
    data_dir, port = folder / "data", free_port()
    everything = {**os.environ, "SIGNALCRAFT_DATA_DIR": str(data_dir), **environment}
    tests_pid = os.getpid()
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "signalcraft", "serve", "--port", str(port)],
            env=everything,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # Tests that are killed leave no service behind.
            preexec_fn=lambda: die_with_parent(signal.SIGKILL, parent_pid=tests_pid),  # noqa: PLW1509
        )
    return LiveService(process, data_dir, f"http://127.0.0.1:{port}", everything)


@dataclass
class StubbornSensor:
    """Posts readings one after the other and repeats each until it is acknowledged, as good firmware does."""

    device_id: str
    token: str
    acknowledged: set[float] = field(default_factory=set)
    sent: set[float] = field(default_factory=set)
    failures: int = 0
    strange: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def run(self, http: httpx.AsyncClient, stop: asyncio.Event) -> None:
        at = time() - 86_400
        while not stop.is_set():
            at = round(at + 0.25, 2)
            await self._post_until_acknowledged(http, at)

    async def _post_until_acknowledged(self, http: httpx.AsyncClient, at: float) -> None:
        reading = {
            "device_id": self.device_id,
            "timestamp": at,
            "temperature": -18.5,
            "vibration": {"x": 0.2, "y": 0.1, "z": 0.3},
            "power_consumption": 45.2,
            "audio_level": 150,
        }
        self.sent.add(at)
        deadline = monotonic() + 40
        while monotonic() < deadline:
            try:
                answer = await http.post(READINGS, json=reading, headers=self.headers)
            except httpx.TransportError:
                self.failures += 1
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 200:
                self.acknowledged.add(at)
                return
            if answer.status_code != 503:
                self.strange.append(f"{answer.status_code} {answer.text}")
            self.failures += 1
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.device_id}: never acknowledged; {self.strange[-1:]}")

    async def stored(self, http: httpx.AsyncClient) -> list[float]:
        """The timestamps that the service gives back, page by page."""
        timestamps, cursor = [], None
        while True:
            query = {"hours": 48, "limit": 1000} | ({"cursor": cursor} if cursor else {})
            answer = await http.get(f"{READINGS}/{self.device_id}", params=query, headers=self.headers)
            answer.raise_for_status()
            page = answer.json()
            timestamps += [round(datetime.fromisoformat(r["timestamp"]).timestamp(), 2) for r in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return timestamps


@dataclass
class StubbornMicrophone:
    """Posts the same recording again and again; each post is repeated until it is answered."""

    token: str
    clip: bytes
    answered: list[str] = field(default_factory=list)
    failures: int = 0
    strange: list[str] = field(default_factory=list)

    async def run(self, http: httpx.AsyncClient, stop: asyncio.Event) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        while not stop.is_set():
            try:
                answer = await http.post(RECORDINGS, files={"audio": self.clip}, headers=headers)
            except httpx.TransportError:
                self.failures += 1
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 200:
                self.answered.append(answer.json()["diagnosis_id"])
                continue
            if answer.status_code != 503:
                self.strange.append(f"{answer.status_code} {answer.text}")
            self.failures += 1
            await asyncio.sleep(0.05)


def new_device_id() -> str:
    return f"sensor-{uuid4().hex[:12]}"
