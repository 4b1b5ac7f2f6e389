"""A task is followed by server-sent events, from whichever worker."""

import asyncio
import json
from time import monotonic

from signalcraft.tasks import performing
from tests.tasks.sending import finished, sent


def events(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


def url(task_id: str) -> str:
    return f"/api/analyze/events/{task_id}"


async def until_followed(client) -> None:
    deadline = monotonic() + 10
    while not client.app.state.task_news._watchers:
        assert monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_task_is_followed_to_its_end(idle, running):
    """The stream is another process's business than the work: here the work is done with the stream open."""
    task_id = await sent(idle)
    stream = asyncio.create_task(idle.get(url(task_id)))
    await until_followed(idle)
    (task,) = await idle.app.state.task_runner.claim(1)
    await performing.perform(idle.app.state.task_runner.shop, task)

    answer = await stream

    result = (await idle.get(f"/api/analyze/result/{task_id}")).json()
    told = events(answer.text)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert {event["event"] for event in told[:-1]} == {"state"}
    assert json.loads(told[0]["data"]) == {"status": "PENDING", "progress": 0}
    assert json.loads(told[-2]["data"]) == result
    assert (told[-1]["event"], json.loads(told[-1]["data"])) == ("end", {"status": "SUCCESS"})
    ids = [int(event["id"]) for event in told]
    assert ids == sorted(ids)


async def test_who_comes_back_is_told_only_what_is_new(open_client):
    task_id = await sent(open_client)
    await finished(open_client, task_id)
    last = events((await open_client.get(url(task_id))).text)[-1]["id"]

    again = await open_client.get(url(task_id), headers={"Last-Event-ID": last})

    assert [event["event"] for event in events(again.text)] == ["end"]


async def test_a_stream_has_its_time_and_there_is_a_bound_on_them(running):
    async with running(devices={"access": "open"}, tasks={"stream_s": 1, "most_streams": 1}) as client:
        await client.app.state.task_runner.stop()
        task_id = await sent(client)
        answers = await asyncio.gather(client.get(url(task_id)), client.get(url(task_id)))
        later = await client.get(url(task_id))

    answers.sort(key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].json()["code"] == "streams_full"
    assert [event["event"] for event in events(answers[0].text)] == ["state"]
    assert later.status_code == 200


async def test_a_worker_that_stops_ends_its_streams(idle):
    task_id = await sent(idle)
    stream = asyncio.create_task(idle.get(url(task_id)))
    await until_followed(idle)

    idle.app.state.task_news.end()

    async with asyncio.timeout(1):
        assert (await stream).status_code == 200


async def test_a_strangers_task_can_not_be_followed(sensor, another_sensor):
    task_id = await sent(sensor.client, headers=sensor.headers)

    answer = await another_sensor.get(url(task_id))

    assert (answer.status_code, answer.json()["code"]) == (404, "task_unknown")
