"""kill -9 of each process in turn while it works on tasks: each recording is judged, none twice, none lost.

`make test` sends a few recordings, `make prove` two hundred (FAULT_CLIPS).
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from time import monotonic

import httpx
import pytest

from tests.live import LiveService, new_device_id
from tests.recordings import machine, packed

CLIPS = int(os.environ.get("FAULT_CLIPS", "24"))
LIMIT_S = 60 + CLIPS
SENDERS = 4
VICTIMS: dict[str, Callable[[LiveService], int]] = {
    "an inference process": lambda service: service.inference_pids()[0],
    "a Gunicorn worker": lambda service: service.gunicorn_workers()[0],
    "the Gunicorn master": lambda service: service.gunicorn_master(),
    "PostgreSQL": lambda service: service.postgres(),
}


class Phone:
    """Sends recordings, each under a key and again until it is accepted, and asks for the results as stubbornly."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http, self.headers = http, {"Authorization": f"Bearer {token}"}
        self.accepted: list[str] = []
        self.results: dict[str, dict] = {}

    async def send(self, number: int) -> None:
        clip = packed(machine(8, level=0.05 + 1e-4 * number))
        headers = self.headers | {"Idempotency-Key": f"clip-{number}"}
        answer = await self._until(202, "POST", "/api/ai/analyze", files={"audio": clip}, headers=headers)
        self.accepted.append(answer.json()["task_id"])

    async def send_all(self) -> None:
        for first in range(0, CLIPS, SENDERS):
            await asyncio.gather(*(self.send(n) for n in range(first, min(first + SENDERS, CLIPS))))

    async def collect(self, wanted: int) -> None:
        """Read results until there are so many."""
        deadline = monotonic() + LIMIT_S
        while len(self.results) < wanted:
            assert monotonic() < deadline, f"{len(self.results)} of {wanted} are judged"
            for task_id in [task for task in self.accepted if task not in self.results]:
                answer = await self._until((200, 202), "GET", f"/api/analyze/result/{task_id}")
                if answer.status_code == 200:
                    self.results[task_id] = answer.json()
            await asyncio.sleep(0.05)

    async def diagnoses(self) -> list[str]:
        answer = await self._until(200, "GET", "/api/diagnoses?limit=1000")
        return [diagnosis["diagnosis_id"] for diagnosis in answer.json()["data"]]

    async def _until(
        self, statuses: int | tuple[int, ...], method: str, url: str, **request
    ) -> httpx.Response:
        wanted = (statuses,) if isinstance(statuses, int) else statuses
        deadline = monotonic() + LIMIT_S
        while True:
            try:
                answer = await self.http.request(method, url, **{"headers": self.headers} | request)
            except httpx.TransportError as lost:
                assert monotonic() < deadline, lost
            else:
                if answer.status_code in wanted:
                    return answer
                assert answer.status_code in (429, 503), answer.text
                assert monotonic() < deadline, answer.text
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120 + 3 * CLIPS)
@pytest.mark.parametrize("victim", VICTIMS)
async def test_a_killed_process_loses_no_task(service, victim, record_property, capsys):
    token = service.add_device(new_device_id())
    async with httpx.AsyncClient(base_url=service.address, timeout=15) as http:
        phone = Phone(http, token)
        sending = asyncio.create_task(phone.send_all())
        await phone.collect(CLIPS // 4)

        os.kill(VICTIMS[victim](service), signal.SIGKILL)
        killed_s = monotonic()
        await phone.collect(len(phone.results) + 1)
        goes_on_s = monotonic() - killed_s
        await sending
        await phone.collect(CLIPS)
        whole_s = monotonic() - killed_s

        found = sorted(await phone.diagnoses())
    assert len(phone.results) == CLIPS
    assert {result["status"] for result in phone.results.values()} == {"SUCCESS"}
    assert found == sorted(result["result"]["diagnosis_id"] for result in phone.results.values())
    assert not any(json.loads(service.command("clips", "gc", "--json")).values())
    record_property("goes_on_after_s", round(goes_on_s, 2))
    record_property("all_judged_after_s", round(whole_s, 2))
    with capsys.disabled():
        print(  # noqa: T201 - for the operator who reads the run
            f"\n{victim} killed: goes on after {goes_on_s:.1f} s, all {CLIPS} judged after {whole_s:.1f} s"
        )
    service.wait_ready()
