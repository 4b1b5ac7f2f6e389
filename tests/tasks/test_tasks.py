"""A recording is accepted at once and judged exactly once."""

import asyncio
from time import monotonic
from uuid import uuid4

import pytest

from signalcraft.clips import collection
from signalcraft.settings import ClipSettings
from signalcraft.tasks import performing
from tests.diagnosis.test_routes import sample
from tests.recordings import machine, packed
from tests.tasks.sending import PATH, another_clip, finished, sent


async def test_a_recording_is_accepted_then_judged_as_synchronously(sensor):
    clip, recorded_at = sample("bearing").read_bytes(), {"recorded_at": "1732226400.25"}
    accepted = await sensor.post(PATH, files={"audio": clip}, data=recorded_at)

    task = accepted.json()
    assert accepted.status_code == 202
    assert set(task) == {"task_id", "status_url"}
    assert task["status_url"] == accepted.headers["Location"] == f"/api/analyze/result/{task['task_id']}"
    state = await finished(sensor.client, task["task_id"], headers=sensor.headers)
    at_once = (await sensor.post("/api/lightweight-analyze", files={"audio": clip}, data=recorded_at)).json()
    assert set(state) == {"status", "result"}
    assert state["status"] == "SUCCESS"
    differ = ("diagnosis_id", "processing_time_ms")
    assert {k: v for k, v in state["result"].items() if k not in differ} == {
        k: v for k, v in at_once.items() if k not in differ
    }
    stored = await sensor.get(f"/api/diagnoses/{state['result']['diagnosis_id']}")
    assert stored.json() == state["result"]


async def test_one_that_is_no_recording_fails_with_the_reason(sensor, database, client):
    task_id = await sent(sensor.client, b"no recording" * 99, headers=sensor.headers)

    state = await finished(sensor.client, task_id, headers=sensor.headers)
    refused = await sensor.post("/api/lightweight-analyze", files={"audio": b"no recording" * 99})
    assert state == {
        "status": "FAILURE",
        "error": {"code": "not_audio", "message": refused.json()["detail"]},
    }
    assert (await sensor.get("/api/diagnoses")).json()["count"] == 0


async def test_a_strangers_task_and_an_unknown_one_are_not_there(sensor, another_sensor):
    task_id = await sent(sensor.client, headers=sensor.headers)

    for asked, of in ((task_id, another_sensor), (uuid4(), sensor)):
        for answer in (
            await of.get(f"/api/analyze/result/{asked}"),
            await of.client.delete(f"/api/analyze/result/{asked}", headers=of.headers),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "task_unknown")


async def test_the_same_key_is_the_same_task(idle, sql):
    clip, key = another_clip(), {"Idempotency-Key": "phone-1"}

    answers = await asyncio.gather(*(idle.post(PATH, files={"audio": clip}, headers=key) for _ in range(5)))
    other_body = await idle.post(PATH, files={"audio": another_clip()}, headers=key)
    other_field = await idle.post(
        PATH, files={"audio": clip}, data={"recorded_at": "1732226400"}, headers=key
    )
    other_device = await idle.post(PATH, files={"audio": clip}, data={"device_id": "d"}, headers=key)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    for refused in (other_body, other_field):
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    assert other_device.status_code == 202
    assert await sql.fetchval("SELECT count(*) FROM analysis_tasks") == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ü".encode()])
async def test_a_key_that_can_be_none_is_refused(idle, key):
    answer = await idle.post(PATH, files={"audio": another_clip()}, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_a_task_waits_until_somebody_works_on_it(idle):
    task_id = await sent(idle)

    answer = await idle.get(f"/api/analyze/result/{task_id}")

    assert (answer.status_code, answer.json()) == (202, {"status": "PENDING", "progress": 0})


async def test_progress_is_that_of_the_recording(open_client, sql):
    """A minute at 96 kHz takes long enough to be seen on its way."""
    task_id = await sent(open_client, packed(machine(58, 96_000, level=1e-3), 96_000, "flac"))
    seen = []
    while (answer := await open_client.get(f"/api/analyze/result/{task_id}")).status_code == 202:
        seen.append((answer.json()["status"], answer.json()["progress"]))
        await asyncio.sleep(0.01)

    assert answer.json()["status"] == "SUCCESS"
    assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)
    assert {status for status, _ in seen} <= {"PENDING", "PROGRESS"}
    assert ("PROGRESS", 5) in seen


async def test_a_waiting_task_can_be_cancelled_and_leaves_no_clip(idle, sql, settings):
    task_id = await sent(idle)
    url = f"/api/analyze/result/{task_id}"

    cancelled, again = await idle.delete(url), await idle.delete(url)

    assert (cancelled.status_code, again.status_code) == (204, 204)
    state = (await idle.get(url)).json()
    assert (state["status"], state["error"]["code"]) == ("FAILURE", "task_cancelled")
    assert await sql.fetchval("SELECT count(*) FROM clips") == 0
    assert files(settings) == set()


async def test_a_finished_task_can_not_be_cancelled(open_client):
    task_id = await sent(open_client)
    await finished(open_client, task_id)

    answer = await open_client.delete(f"/api/analyze/result/{task_id}")

    assert (answer.status_code, answer.json()["code"]) == (409, "task_begun")


async def test_too_many_tasks_are_refused(running):
    tasks = {"most_waiting": 4, "most_waiting_per_device": 2}
    async with running(devices={"access": "open"}, tasks=tasks) as client:
        await client.app.state.task_runner.stop()
        await sent(client, data={"device_id": "a"})
        await sent(client, data={"device_id": "a"})
        of_device = await client.post(PATH, files={"audio": another_clip()}, data={"device_id": "a"})
        await sent(client, data={"device_id": "b"})
        await sent(client, data={"device_id": "c"})
        await client.app.state.task_upkeep.look()
        in_all = await client.post(PATH, files={"audio": another_clip()}, data={"device_id": "d"})

    assert (of_device.status_code, of_device.json()["code"]) == (429, "too_many_tasks")
    assert (in_all.status_code, in_all.json()["code"]) == (503, "tasks_full")
    assert int(of_device.headers["Retry-After"]) == int(in_all.headers["Retry-After"]) == 30


async def test_one_device_with_many_does_not_starve_one_with_one(idle, sql):
    """The order in which tasks are taken, not the time: twenty of one device first, then one each of two others."""
    for _ in range(20):
        await sent(idle, data={"device_id": "eager"})
    for device in ("modest", "shy"):
        await sent(idle, data={"device_id": device})

    order = await sql.fetch(
        "SELECT device_id FROM analysis_tasks WHERE finished_at IS NULL ORDER BY turn, created_at"
    )

    assert [row["device_id"] for row in order][:4] == ["eager", "modest", "shy", "eager"]


@pytest.mark.parametrize(
    "case",
    [
        ("all", "healthy", True),
        ("suspicious", "healthy", False),
        ("suspicious", "bearing", True),
        ("none", "bearing", False),
    ],
)
async def test_a_clip_that_is_not_wanted_goes_with_its_task(running, settings, sql, case):
    keep, state, is_kept = case
    async with running(devices={"access": "open"}, clips={"keep": keep}) as client:
        task = await finished(client, await sent(client, sample(state).read_bytes()))
        clip = task["result"]["clip"]

        assert (clip["is_kept"], clip["problem"]) == (is_kept, None if is_kept else "not_wanted")
        await until_files(settings, {clip["sha256"]} if is_kept else set())
        assert await sql.fetchval("SELECT count(*) FROM clips WHERE is_temporary") == 0
        assert await sql.fetchval("SELECT count(*) FROM clips WHERE held_until IS NOT NULL") == 0


async def test_the_clip_of_an_unfinished_task_is_never_removed(idle, sql, database, settings):
    clip = another_clip()
    first, second = await sent(idle, clip), await sent(idle, clip)
    await sql.execute("UPDATE clips SET stored_at = now() - interval '999 days'")
    store = idle.app.state.clips

    await collection.apply_rules(database, store, ClipSettings(days=1, max_bytes=1024**2))
    await collection.mend(database, store)
    assert len(files(settings)) == 1
    await idle.delete(f"/api/analyze/result/{first}")
    await collection.apply_rules(database, store, ClipSettings(days=1))
    assert len(files(settings)) == 1
    await idle.delete(f"/api/analyze/result/{second}")

    assert files(settings) == set()


async def test_a_kept_clip_outlives_a_task_that_fails_on_it(open_client, sql, settings):
    clip = another_clip()
    kept = (await open_client.post("/api/lightweight-analyze", files={"audio": clip})).json()
    await open_client.app.state.task_runner.stop()
    task_id = await sent(open_client, clip)
    await open_client.delete(f"/api/analyze/result/{task_id}")

    assert files(settings) == {kept["clip"]["sha256"]}
    assert (await open_client.get(f"/api/diagnoses/{kept['diagnosis_id']}")).json()["clip"]["is_kept"]


async def test_a_lost_clip_is_a_failure_that_says_so(running, settings, sql):
    async with running(devices={"access": "open"}) as client:
        await client.app.state.task_runner.stop()
        task_id = await sent(client)
    for path in (settings.data_dir / "clips").glob("??/*"):
        path.unlink()

    async with running(devices={"access": "open"}) as client:
        state = await finished(client, task_id)

    assert state["error"]["code"] == "clip_lost"


async def test_whoever_lost_the_lease_changes_nothing(idle, sql, database):
    task_id = await sent(idle)
    shop = idle.app.state.task_runner.shop
    (mine,) = await idle.app.state.task_runner.claim(1)
    await sql.execute("UPDATE analysis_tasks SET lease_until = now() - interval '1 second'")
    (theirs,) = await idle.app.state.task_runner.claim(1)
    await performing.perform(shop, theirs)
    await performing.perform(shop, mine)

    assert (mine.id, mine.tries, theirs.tries) == (theirs.id, 1, 2)
    assert (await idle.get(f"/api/analyze/result/{task_id}")).json()["status"] == "SUCCESS"
    assert await sql.fetchval("SELECT count(*) FROM diagnoses") == 1


async def test_after_three_tries_it_is_given_up_with_the_reason(idle, sql):
    task_id = await sent(idle)
    for _ in range(3):
        assert len(await idle.app.state.task_runner.claim(1)) == 1
        await sql.execute("UPDATE analysis_tasks SET lease_until = now() - interval '1 second'")
    assert await idle.app.state.task_runner.claim(1) == []

    await idle.app.state.task_upkeep.look()

    state = (await idle.get(f"/api/analyze/result/{task_id}")).json()
    assert (state["status"], state["error"]["code"]) == ("FAILURE", "task_abandoned")
    assert await sql.fetchval("SELECT count(*) FROM clips") == 0


async def test_finished_tasks_are_forgotten_after_their_time(open_client, sql):
    task_id = await sent(open_client)
    await finished(open_client, task_id)
    await sql.execute("UPDATE analysis_tasks SET finished_at = now() - interval '31 days'")

    await open_client.app.state.task_upkeep.expire()

    assert (await open_client.get(f"/api/analyze/result/{task_id}")).status_code == 404
    assert (await open_client.get("/api/diagnoses")).json()["count"] == 1


async def test_two_services_on_one_database_share_the_work(running, sql):
    """As two machines do whose clips are in one store."""
    async with running(devices={"access": "open"}) as first, running(devices={"access": "open"}) as second:
        sent_to_first = [await sent(first) for _ in range(12)]
        states = [await finished(second, task_id) for task_id in sent_to_first]

    assert {state["status"] for state in states} == {"SUCCESS"}
    assert len({state["result"]["diagnosis_id"] for state in states}) == 12
    assert await sql.fetchval("SELECT count(*) FROM diagnoses") == 12
    assert await sql.fetchval("SELECT max(tries) FROM analysis_tasks") == 1


def files(settings) -> set[str]:
    return {path.name for path in (settings.data_dir / "clips").glob("??/*")}


async def until_files(settings, names: set[str]) -> None:
    """The file goes just after the commit that a client sees."""
    deadline = monotonic() + 5
    while files(settings) != names:
        assert monotonic() < deadline, files(settings)
        await asyncio.sleep(0.01)
