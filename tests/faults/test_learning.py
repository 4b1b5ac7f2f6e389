"""kill -9 in the middle of learning: every acknowledged clip is learnt, and learning ends."""

import asyncio
import os
import signal
from time import monotonic

import httpx
import pytest

from tests.baselines.conftest import machine_clip
from tests.live import RECORDINGS, LiveService, new_device_id

CLIPS = 24
VICTIMS = {
    "PostgreSQL": lambda service: service.postgres(),
    "a Gunicorn worker": lambda service: service.gunicorn_workers()[0],
    "an inference process": lambda service: service.inference_pids()[0],
}


async def post_until_answered(http: httpx.AsyncClient, clip: bytes, headers: dict[str, str]) -> str:
    deadline = monotonic() + 40
    while monotonic() < deadline:
        try:
            answer = await http.post(RECORDINGS, files={"audio": clip}, headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code == 200:
            return answer.json()["diagnosis_id"]
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.05)
    raise AssertionError("never answered")


@pytest.mark.parametrize("victim", VICTIMS)
async def test_no_acknowledged_clip_is_lost_to_learning(service: LiveService, victim):
    device_id = new_device_id()
    headers = {"Authorization": f"Bearer {service.add_device(device_id)}"}
    path = f"/api/devices/{device_id}/baseline"
    async with httpx.AsyncClient(base_url=service.address, timeout=20) as http:
        assert (await http.post(path, json={"clips": CLIPS}, headers=headers)).status_code == 201
        answered = set()
        for number in range(CLIPS):
            if number == CLIPS // 2:
                os.kill(VICTIMS[victim](service), signal.SIGKILL)
            answered.add(await post_until_answered(http, machine_clip(number), headers))
        deadline = monotonic() + 30
        while (told := await http.get(path, headers=headers)).status_code != 200 or (
            told.json()["status"] != "ready"
        ):
            assert monotonic() < deadline, told.text
            await asyncio.sleep(0.1)
        judged = await http.post(RECORDINGS, files={"audio": machine_clip(99)}, headers=headers)

    assert len(answered) == CLIPS
    assert told.json()["learnt"] + told.json()["outliers_left_out"] == CLIPS
    assert judged.json()["basis"] == "baseline"
    service.wait_ready()
