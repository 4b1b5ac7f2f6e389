"""kill -9 of each process in turn, under the load of clients that retry.

Every acknowledged reading is stored and none twice; an unacknowledged one may be or not; service resumes by itself.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.live import LiveService, StubbornMicrophone, StubbornSensor, new_device_id

SENSORS = 6
MICROPHONES = 2
CLIP = min((Path(__file__).parents[2] / "samples" / "bearing").glob("*.flac"))
VICTIMS: dict[str, Callable[[LiveService], int]] = {
    "PostgreSQL": lambda service: service.postgres(),
    "a Gunicorn worker": lambda service: service.gunicorn_workers()[0],
    "the Gunicorn master": lambda service: service.gunicorn_master(),
    "an inference process": lambda service: service.inference_pids()[0],
}


class Load:
    """Sensors and microphones that post until told to stop."""

    def __init__(self, service: LiveService) -> None:
        self.service = service
        self.sensors = [
            StubbornSensor(name := new_device_id(), service.add_device(name)) for _ in range(SENSORS)
        ]
        self.microphones = [
            StubbornMicrophone(sensor.token, CLIP.read_bytes()) for sensor in self.sensors[:MICROPHONES]
        ]
        self._stop = asyncio.Event()

    def run(self, http: httpx.AsyncClient) -> list[asyncio.Task]:
        return [asyncio.create_task(one.run(http, self._stop)) for one in (*self.sensors, *self.microphones)]

    def acknowledged(self) -> int:
        return sum(len(sensor.acknowledged) for sensor in self.sensors)

    def judged(self) -> int:
        return sum(len(microphone.answered) for microphone in self.microphones)

    async def more(self, readings: int, recordings: int) -> None:
        """Wait for so many further answers."""
        readings += self.acknowledged()
        recordings += self.judged()
        deadline = monotonic() + 40
        while self.acknowledged() < readings or self.judged() < recordings:
            assert monotonic() < deadline, f"no service any more\n{self.service.log()}"
            await asyncio.sleep(0.02)

    async def stop(self, tasks: list[asyncio.Task]) -> None:
        self._stop.set()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_a_killed_process_loses_nothing_that_was_acknowledged(service, victim, record_property):
    load = Load(service)
    async with httpx.AsyncClient(base_url=service.address, timeout=15) as http:
        tasks = load.run(http)
        await load.more(readings=200, recordings=4)
        pid = VICTIMS[victim](service)

        os.kill(pid, signal.SIGKILL)
        killed_s = monotonic()
        await load.more(readings=200, recordings=4)
        record_property("resumed_after_s", round(monotonic() - killed_s, 2))
        await load.stop(tasks)

        for sensor in load.sensors:
            stored = await sensor.stored(http)
            assert len(stored) == len(set(stored)), "a reading is stored twice"
            assert sensor.acknowledged <= set(stored), "an acknowledged reading is lost"
            assert set(stored) <= sensor.sent
            assert sensor.strange == []
        for microphone in load.microphones:
            assert microphone.strange == []
            for diagnosis_id in microphone.answered:
                headers = {"Authorization": f"Bearer {microphone.token}"}
                answer = await http.get(f"/api/diagnoses/{diagnosis_id}", headers=headers)
                assert answer.status_code == 200, "an answered diagnosis is lost"
    service.wait_ready()
    assert VICTIMS[victim](service) != pid or victim == "a Gunicorn worker"
    assert len(service.gunicorn_workers()) == 2
    # Two that judge, and the one that works in the background.
    assert len(service.inference_pids()) == 3
