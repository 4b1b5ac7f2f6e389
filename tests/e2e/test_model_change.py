"""Another model takes over in a running service under load: all workers within five seconds, no request fails."""

import asyncio
import json
from time import monotonic

import httpx
import pytest

from tests.live import RECORDINGS, SAMPLES
from tests.registry.conftest import a_model  # noqa: F401 - a fixture

CLIENTS = 4
REACHED_WITHIN_S = 5.0


class Listeners:
    """Clients that post recordings all the time and note which model answered, and when."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: list[tuple[float, float, int, str]] = []
        self.stop = asyncio.Event()
        self.clip = min((SAMPLES / "bearing").glob("*.flac")).read_bytes()

    async def run(self) -> None:
        # A connection for each client, so that both workers are asked.
        async with httpx.AsyncClient(timeout=30) as http:
            while not self.stop.is_set():
                asked_s = monotonic()
                answer = await http.post(f"{self.address}{RECORDINGS}", files={"audio": self.clip})
                version = answer.json()["model"]["version"] if answer.is_success else answer.text
                self.answers.append((asked_s, monotonic(), answer.status_code, version))

    def failed(self) -> list:
        return [answer for answer in self.answers if answer[2] != 200]

    def asked_since(self, instant_s: float) -> set[str]:
        return {version for asked_s, _, _, version in self.answers if asked_s >= instant_s}


@pytest.mark.timeout(180)
async def test_models_change_under_load(open_service, a_model):  # noqa: F811 - as above
    listeners = Listeners(open_service.address)
    running = [asyncio.create_task(listeners.run()) for _ in range(CLIENTS)]

    async def command(*arguments: str) -> dict:
        return json.loads(await asyncio.to_thread(open_service.command, "model", *arguments, "--json"))

    added = await command("add", str(a_model("7.7.7")))
    assert all(check["is_passed"] for check in added["checks"])
    shipped = listeners.asked_since(0)
    for change, wanted in ((("activate", added["digest"]), {"7.7.7"}), (("rollback",), shipped)):
        await command(*change)
        changed_s = monotonic()
        await asyncio.sleep(REACHED_WITHIN_S + 1.0)
        assert listeners.asked_since(changed_s + REACHED_WITHIN_S) == wanted
    listeners.stop.set()
    await asyncio.gather(*running)

    assert listeners.failed() == []
    assert len(listeners.answers) > 50
    assert len(shipped) == 1
    listed = await command("list")
    assert [(model["version"], model["roles"]) for model in listed] == [(*shipped, ["active"]), ("7.7.7", [])]
