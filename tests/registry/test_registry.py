"""Models change while recordings are judged: which one answers, which one listens, and what happens without its file."""

import asyncio
import shutil
from time import monotonic
from uuid import UUID

import pytest

from signalcraft.core.clock import utcnow
from signalcraft.diagnosis import label_repository
from signalcraft.registry import repository, service
from signalcraft.registry.checking import CheckReport
from signalcraft.registry.errors import ModelNotFound, ModelRefused, ModelVersionTaken, NothingToRollBack
from signalcraft.registry.files import ModelFiles
from signalcraft.registry.service import Role
from signalcraft.settings import Settings
from tests.diagnosis.test_routes import PATH, noise, sample, wav


class Registry:
    """The registry as an operator uses it, without the checks, which have tests of their own."""

    def __init__(self, database, settings) -> None:
        self.database, self.settings = database, settings

    async def add(self, model, name: str = "candidate") -> str:
        digest = await asyncio.to_thread(ModelFiles(self.settings).add, model, model.with_suffix(".json"))
        version = model.parent.name.removeprefix("model-")
        report = CheckReport(name, version, {}, [{"check": "loads", "is_passed": True, "found": ""}])
        async with self.database.session() as session:
            await service.add(session, digest, 1, report, "M. Kim")
        return digest

    async def give(self, role: Role, digest: str | None) -> None:
        async with self.database.session() as session:
            await service.give_role(session, role, digest, "M. Kim")

    async def roll_back(self) -> str | None:
        async with self.database.session() as session:
            return await service.roll_back(session, "M. Kim")


@pytest.fixture
def registry(database, settings) -> Registry:
    return Registry(database, settings)


async def version_of(client) -> str:
    answer = await client.post(PATH, files={"audio": sample("bearing").read_bytes()})
    assert answer.status_code == 200, answer.text
    return answer.json()["model"]["version"]


async def looked(client):
    await client.app.state.models.look()


async def test_a_model_takes_over_and_goes_back_without_a_restart(open_client, registry, a_model):
    shipped = await version_of(open_client)
    first, second = [await registry.add(a_model(version)) for version in ("2.0.0", "3.0.0")]
    assert await version_of(open_client) == shipped

    seen = []
    for change in (
        lambda: registry.give(Role.ACTIVE, first),
        lambda: registry.give(Role.ACTIVE, second),
        registry.roll_back,
        registry.roll_back,
    ):
        await change()
        await looked(open_client)
        seen.append(await version_of(open_client))

    assert seen == ["2.0.0", "3.0.0", "2.0.0", shipped]
    with pytest.raises(NothingToRollBack):
        await registry.roll_back()


async def test_a_worker_finds_out_by_itself(open_client, registry, a_model):
    await registry.give(Role.ACTIVE, await registry.add(a_model("2.0.0")))
    changed_s = monotonic()

    while await version_of(open_client) != "2.0.0":
        assert monotonic() - changed_s < 5


async def test_a_model_without_its_file_is_told_and_the_one_before_goes_on(
    open_client, registry, settings, a_model
):
    digest = await registry.add(a_model("2.0.0"))
    shipped = await version_of(open_client)
    folder = settings.data_dir / "models" / digest
    shutil.move(folder, settings.data_dir / "elsewhere")

    await registry.give(Role.ACTIVE, digest)
    await looked(open_client)

    health = (await open_client.get("/health")).json()
    assert (health["status"], health["model"]) == ("degraded", "away")
    assert digest[:12] in health["model_problem"]
    assert await version_of(open_client) == shipped

    shutil.move(settings.data_dir / "elsewhere", folder)
    for _ in range(6):
        await looked(open_client)
    assert (await open_client.get("/health")).json()["model"] == "ok"
    assert await version_of(open_client) == "2.0.0"


async def test_a_changed_file_judges_nothing(running, registry, settings, a_model):
    digest = await registry.add(a_model("2.0.0"))
    await registry.give(Role.ACTIVE, digest)
    with (settings.data_dir / "models" / digest / "model.json").open("a") as card:
        card.write(" ")

    # This worker knows no model from before.
    async with running(devices={"access": "open"}) as client:
        answer = await client.post(PATH, files={"audio": sample("bearing").read_bytes()})
        health = (await client.get("/health")).json()

    assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
    assert "were changed" in health["model_problem"]


async def test_another_machine_fetches_the_model_from_the_store_they_share(
    running, registry, tmp_path, a_model
):
    shared = {"url": f"file://{tmp_path}/shared"}
    values = registry.settings.model_dump() | {"data_dir": tmp_path / "first", "clips": {**shared}}
    values["database"]["url"] = registry.settings.database.url.get_secret_value()
    registry.settings = Settings.model_validate(values)
    digest = await registry.add(a_model("2.0.0"))
    await registry.give(Role.ACTIVE, digest)

    async with running(devices={"access": "open"}, clips=shared) as client:
        assert await version_of(client) == "2.0.0"
        assert (client.app.state.settings.data_dir / "models" / digest / "model.onnx").is_file()


@pytest.fixture
async def listening(open_client, registry, a_model):
    """A shadow that calls everything faulty listens beside the shipped model."""
    thresholds = {"anomaly": 0.0, "other": 1.1, "unknown_confidence": 0.0}
    digest = await registry.add(a_model("2.0.0", thresholds=thresholds))
    await registry.give(Role.SHADOW, digest)
    await looked(open_client)
    return digest


async def heard(registry, digest, clips: int) -> list:
    since = utcnow().replace(year=2020)
    deadline = monotonic() + 30
    while True:
        async with registry.database.session(read_only=True) as session:
            rows = await repository.verdicts(session, digest, since)
            differing = await repository.differences(session, digest, since, 100)
        if sum(row["clips"] for row in rows) >= clips:
            return rows, differing
        assert monotonic() < deadline, rows
        await asyncio.sleep(0.05)


async def test_a_shadow_hears_the_same_clips_and_changes_no_answer(open_client, registry, listening):
    sent = {}
    for state in ("healthy", "bearing"):
        answer = await open_client.post(PATH, files={"audio": sample(state).read_bytes()})
        sent[state] = answer.json()
    async with registry.database.session() as session:
        await label_repository.add(session, UUID(sent["healthy"]["diagnosis_id"]), "normal", "M. Kim", None)

    rows, differing = await heard(registry, listening, clips=2)

    assert [sent[state]["verdict"] for state in sent] == ["normal", "anomalous"]
    assert {(row["active"], row["shadow"]): row["clips"] for row in rows} == {
        ("normal", "anomalous"): 1,
        ("anomalous", "anomalous"): 1,
    }
    (difference,) = differing
    assert str(difference["diagnosis_id"]) == sent["healthy"]["diagnosis_id"]
    assert (difference["verdict"], difference["shadow_verdict"]) == ("normal", "anomalous")
    labelled = next(row for row in rows if row["labelled"])
    assert (labelled["active_right"], labelled["shadow_right"]) == (1, 0)


async def test_a_shadow_that_can_not_keep_up_is_left_out(open_client, registry, listening):
    clip = wav(noise(30))
    answers = await asyncio.gather(
        *(open_client.post(PATH, files={"audio": clip}) for _ in range(24)), return_exceptions=True
    )

    shadow = open_client.app.state.shadow
    assert {answer.status_code for answer in answers} == {200}
    assert len(shadow._tasks) <= 4
    rows, _ = await heard(registry, listening, clips=24 - shadow.left_out)
    assert sum(row["clips"] for row in rows) + shadow.left_out == 24


async def test_a_model_goes_by_its_name_version_and_digest(database, registry, a_model):
    digest = await registry.add(a_model("2.0.0"))
    async with database.session() as session:
        for reference in ("candidate", "candidate@2.0.0", digest, digest[:6]):
            assert (await service.find(session, reference)).digest == digest
        assert await service.find(session, "shipped") is None
        for reference in ("candidate@2.0.1", digest[:5], "", "%"):
            with pytest.raises(ModelNotFound, match=r"candidate@2\.0\.0"):
                await service.find(session, reference)
    await registry.add(a_model("2.1.0"))
    async with database.session() as session:
        with pytest.raises(ModelNotFound, match="2 models"):
            await service.find(session, "candidate")


async def test_what_did_not_pass_and_what_takes_anothers_version_is_refused(database, registry, a_model):
    await registry.add(a_model("2.0.0"))
    bad = CheckReport("candidate", "4.0.0", {}, [{"check": "loads", "is_passed": False, "found": "no."}])
    same = CheckReport("candidate", "2.0.0", {}, [{"check": "loads", "is_passed": True, "found": ""}])
    async with database.session() as session:
        with pytest.raises(ModelRefused, match="loads: no"):
            await service.add(session, "0" * 64, 1, bad, "M. Kim")
        with pytest.raises(ModelVersionTaken):
            await service.add(session, "0" * 64, 1, same, "M. Kim")
