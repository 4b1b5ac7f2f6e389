"""A fleet of simulated sensors, and what became of everything that they sent."""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter, time
from typing import Any

import httpx

from signalcraft.simulator.machine import Machine
from signalcraft.simulator.recordings import CONTENT_TYPE, Clip

READINGS_PATH = "/api/iot/sensors/data"
RECORDINGS_PATH = "/api/lightweight-analyze"
# A refused or unanswered request is sent again, as the firmware does, this often and with this pause.
MAX_TRIES = 5
PAUSE_S = 0.5
# Recordings after which a machine's condition changes, so that a watcher sees verdicts change with it.
RECORDINGS_PER_STATE = 3


@dataclass
class SensorReport:
    """What one sensor has sent and been told."""

    device_id: str
    last_reading: dict[str, Any] | None = None
    last_diagnosis: dict[str, Any] | None = None
    playing: str = ""
    was_playing: str = ""
    readings_stored: int = 0
    recordings_judged: int = 0
    verdicts_right: int = 0
    states_right: int = 0
    failures: int = 0
    last_failure: str = ""
    reading_ms: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    recording_ms: deque[float] = field(default_factory=lambda: deque(maxlen=1000))


class SimulatedSensor:
    """Posts readings and recordings of one machine, each at its own pace."""

    def __init__(
        self, http: httpx.AsyncClient, device_id: str, token: str, clips: dict[str, list[Clip]], place: int
    ) -> None:
        self.report = SensorReport(device_id)
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self._clips = clips
        self._states = sorted(clips)
        self._place = place
        self._recordings = 0
        self._random = random.Random(place)  # noqa: S311 - a simulation, repeatable by intent

    async def post_readings(self, every_s: float) -> None:
        """Post a reading every `every_s` seconds until cancelled."""
        while True:
            reading = Machine(self._state, self._random).reading(self.report.device_id, time())
            started_s = perf_counter()
            answer = await self._post(READINGS_PATH, json=reading)
            if answer is not None:
                self.report.last_reading = reading
                self.report.readings_stored += answer["inserted"]
                self.report.reading_ms.append((perf_counter() - started_s) * 1000)
            await asyncio.sleep(every_s)

    async def post_recordings(self, every_s: float) -> None:
        """Play a recording every `every_s` seconds until cancelled."""
        # Not all at the same moment.
        await asyncio.sleep(every_s * self._random.random())
        while True:
            clip = self._random.choice(self._clips[self._state])
            self.report.playing = clip.state
            started_s = perf_counter()
            answer = await self._post(
                RECORDINGS_PATH, files={"audio": (clip.name, clip.content, CONTENT_TYPE)}
            )
            if answer is not None:
                self.report.recording_ms.append((perf_counter() - started_s) * 1000)
                self._compare(clip, answer)
            self._recordings += 1
            await asyncio.sleep(every_s)

    @property
    def _state(self) -> str:
        return self._states[(self._place + self._recordings // RECORDINGS_PER_STATE) % len(self._states)]

    def _compare(self, clip: Clip, diagnosis: dict[str, Any]) -> None:
        report = self.report
        report.last_diagnosis, report.was_playing = diagnosis, clip.state
        report.recordings_judged += 1
        report.verdicts_right += diagnosis["verdict"] == (
            "normal" if clip.state == "healthy" else "anomalous"
        )
        report.states_right += diagnosis["state"] == clip.state

    async def _post(self, path: str, **content: Any) -> dict[str, Any] | None:
        """The answer, or None after too many tries; what went wrong is then in the report."""
        for _ in range(MAX_TRIES):
            try:
                response = await self._http.post(path, headers=self._headers, **content)
            except httpx.TransportError as error:
                self.report.last_failure = f"{path}: {type(error).__name__}"
            else:
                if response.is_success:
                    answer: dict[str, Any] = response.json()
                    return answer
                self.report.last_failure = (
                    f"{path}: {response.status_code} {response.json().get('detail', '')}"
                )
                if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                    await asyncio.sleep(float(response.headers["Retry-After"]))
                elif response.is_client_error:
                    break
            await asyncio.sleep(PAUSE_S)
        self.report.failures += 1
        return None


class Fleet:
    """All sensors together."""

    def __init__(self, http: httpx.AsyncClient, tokens: dict[str, str], clips: dict[str, list[Clip]]) -> None:
        self._sensors = [
            SimulatedSensor(http, device_id, token, clips, place)
            for place, (device_id, token) in enumerate(tokens.items())
        ]

    @property
    def reports(self) -> Sequence[SensorReport]:
        """One report for each sensor."""
        return [sensor.report for sensor in self._sensors]

    async def run(self, duration_s: float | None, reading_every_s: float, recording_every_s: float) -> None:
        """Let all sensors post for `duration_s` seconds, or until cancelled."""
        with suppress(TimeoutError):
            async with asyncio.timeout(duration_s), asyncio.TaskGroup() as tasks:
                for sensor in self._sensors:
                    tasks.create_task(sensor.post_readings(reading_every_s))
                    tasks.create_task(sensor.post_recordings(recording_every_s))
