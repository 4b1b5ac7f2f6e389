"""A machine that is not in any training data, made of a hum, its beat and its hiss."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

ANALYZE = "/api/lightweight-analyze"


def machine_clip(
    number: int, *, hum_hz: float = 120.0, level: float = 0.1, hiss: float = 0.3, duration_s: float = 1.0
) -> bytes:
    """A second of the machine as WAV; each number is another second of the same machine."""
    rng = np.random.default_rng(number)
    times_s = np.arange(round(16_000 * duration_s)) / 16_000
    beat = 1 + 0.3 * np.sin(2 * np.pi * 6 * times_s + rng.uniform(0, 2 * np.pi))
    sound = sum(np.sin(2 * np.pi * hum_hz * k * times_s + rng.uniform(0, 6)) / k for k in range(1, 6))
    sound = sound * beat + hiss * rng.normal(size=times_s.size)
    samples = level * rng.uniform(0.9, 1.1) * sound / np.abs(sound).max()
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV")
    return file.getvalue()


class Machine:
    """A machine under a sensor: it posts clips, and the API is asked about it."""

    def __init__(self, sensor) -> None:
        self.sensor = sensor
        self.path = f"/api/devices/{sensor.device_id}"

    async def post(self, clip: bytes, **fields: str) -> dict:
        answer = await self.sensor.post(ANALYZE, files={"audio": clip}, data=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def start(self, **asked) -> dict:
        answer = await self.sensor.post(f"{self.path}/baseline", json=asked)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def baseline(self) -> dict:
        answer = await self.sensor.get(f"{self.path}/baseline")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def learn(self, clips: int = 20, **asked) -> dict:
        """Start and send as many clips as it takes."""
        await self.start(clips=clips, **asked)
        for number in range(clips):
            await self.post(machine_clip(number))
        return await self.baseline()


@pytest.fixture
def machine(sensor) -> Machine:
    return Machine(sensor)


@pytest.fixture(scope="session")
def clip() -> Callable[..., bytes]:
    return machine_clip
