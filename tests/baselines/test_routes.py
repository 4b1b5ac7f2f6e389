"""A machine's own normal over HTTP, judged by real inference processes."""

import asyncio
from uuid import uuid4

import pytest


async def test_a_device_begins_without_a_baseline(machine):
    told = await machine.baseline()

    assert (told["status"], told["message"], told["learnt"]) == ("none", "none", 0)


async def test_the_clips_that_arrive_next_are_learnt_and_then_judge(machine, clip):
    before = await machine.post(clip(900))
    await machine.start(clips=20)
    for number in range(19):
        answer = await machine.post(clip(number))
        assert answer["basis"] == "reference"
    learning = await machine.baseline()
    await machine.post(clip(19))
    ready = await machine.baseline()
    normal = await machine.post(clip(100))
    faulty = await machine.post(clip(101, hum_hz=135, hiss=1.5))

    assert before["basis"] == "reference"
    assert (learning["status"], learning["message"]) == ("learning", "learning 19 of 20")
    assert ready["status"] == "ready"
    assert ready["message"].startswith("ready since ")
    assert ready["quality"]["clips"] == 20 - ready["outliers_left_out"]
    assert ready["quality"]["counted_false_alarm_rate"] >= 0.04
    assert (normal["basis"], normal["verdict"]) == ("baseline", "normal"), normal
    assert (faulty["basis"], faulty["verdict"]) == ("baseline", "anomalous"), faulty
    assert faulty["anomaly_score"] >= faulty["threshold"] > normal["anomaly_score"]
    assert faulty["baseline"]["version"] == ready["version"]
    assert (await machine.baseline())["drift"]["clips"] == 2
    assert faulty["explanation"]["compared_with"] == normal["explanation"]["compared_with"] == "device"
    # Most bands hold hiss; against them its hum is quieter.
    assert min(band["difference_db"] for band in faulty["explanation"]["bands"]) < -3
    assert "itself" in faulty["message"]


async def test_one_of_another_kind_among_them_is_left_out(machine, clip):
    await machine.start(clips=20)
    for number in range(20):
        await machine.post(clip(number) if number != 7 else clip(number, hum_hz=411, level=0.8, hiss=3))

    assert (await machine.baseline())["outliers_left_out"] == 1


async def test_the_same_clip_counts_once(machine, clip):
    await machine.start(clips=20)
    for _ in range(3):
        await machine.post(clip(1))

    assert (await machine.baseline())["learnt"] == 1


async def test_clips_that_arrive_at_once_are_all_counted(machine, clip):
    await machine.start(clips=30)
    await asyncio.gather(*(machine.post(clip(number)) for number in range(12)))

    assert (await machine.baseline())["message"] == "learning 12 of 30"


async def test_after_a_delete_everything_starts_over(machine, clip):
    await machine.learn()
    removed = await machine.sensor.client.delete(f"{machine.path}/baseline", headers=machine.sensor.headers)
    after = await machine.post(clip(100))
    again = await machine.start(clips=20)

    assert (removed.status_code, removed.json()["status"]) == (200, "none")
    assert after["basis"] == "reference"
    assert again["learnt"] == 0


async def test_the_baseline_before_is_not_used_after_a_new_start(machine, clip):
    await machine.learn()
    await machine.post(clip(100))
    await machine.sensor.client.delete(f"{machine.path}/baseline", headers=machine.sensor.headers)
    await machine.start(clips=20)
    for number in range(20):
        await machine.post(clip(number, hum_hz=333))

    assert (await machine.post(clip(100, hum_hz=333)))["verdict"] == "normal"
    assert (await machine.post(clip(101)))["verdict"] == "anomalous"


async def test_a_second_start_is_refused(machine):
    await machine.start()
    again = await machine.sensor.post(f"{machine.path}/baseline", json={})

    assert (again.status_code, again.json()["code"]) == (409, "baseline_exists")


async def test_learning_may_be_told_to_last_a_time(machine, clip):
    await machine.start(learn_s=0.001)
    for number in range(20):
        await machine.post(clip(number))

    assert (await machine.baseline())["status"] == "ready"


@pytest.mark.parametrize(
    "asked", [{"clips": 19}, {"clips": 501}, {"clips": 20, "learn_s": 60}, {"false_alarm_rate": 0}, {"x": 1}]
)
async def test_what_can_not_be_learnt_is_refused(machine, asked):
    refused = await machine.sensor.post(f"{machine.path}/baseline", json=asked)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
    ],
)
async def test_a_time_beyond_the_calendar_has_no_duty(machine, start, end):
    refused = await machine.sensor.get(f"{machine.path}/duty", params={"from": start, "to": end})

    assert refused.status_code == 422, refused.text


async def test_another_device_has_no_say(machine, another_sensor):
    for refused in (
        await another_sensor.get(f"{machine.path}/baseline"),
        await another_sensor.post(f"{machine.path}/baseline", json={}),
        await another_sensor.get(f"{machine.path}/duty?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "other_device")


async def test_slow_drift_is_followed_only_when_told_to(machine, clip):
    await machine.learn(adapt=True)
    for number in range(200, 220):
        await machine.post(clip(number, level=0.11))
    told = await machine.baseline()

    assert [one["clips"] for one in told["adaptations"]] == [20], told
    assert told["version"] == 3
    assert told["learnt"] > 30


class TestOperatingStates:
    """Named by a handful of clips, then told of each recording, and summed up."""

    STATES = (("run", True, {}), ("rest", False, {"hum_hz": 200.0, "level": 0.05}))

    async def named(self, machine, clip) -> dict:
        await machine.learn()
        states = []
        for place, (name, is_running, sound) in enumerate(self.STATES):
            ids = [
                (
                    await machine.post(
                        clip(300 + 10 * place + one, **sound), recorded_at=f"2026-01-01T0{place}:0{one}:00Z"
                    )
                )["diagnosis_id"]
                for one in range(4)
            ]
            states.append({"name": name, "is_running": is_running, "diagnosis_ids": ids})
        answer = await machine.sensor.post(f"{machine.path}/baseline/states", json={"states": states})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def test_they_are_told_apart_and_summed_up(self, machine, clip):
        told = await self.named(machine, clip)
        # A minute apart: run, run, rest, rest, run, then half an hour of nothing, then rest.
        timeline = ("run", "run", "rest", "rest", "run", None, "rest")
        minutes = (0, 1, 2, 3, 4, None, 34)
        sounds = {name: sound for name, _, sound in self.STATES}
        heard = []
        for number, (state, minute) in enumerate(zip(timeline, minutes, strict=True)):
            if state is not None:
                at = f"2026-01-05T10:{minute:02}:00Z"
                answer = await machine.post(clip(400 + number, **sounds[state]), recorded_at=at)
                heard.append((state, answer["operating_state"]))
        duty = await machine.sensor.get(
            f"{machine.path}/duty", params={"from": "2026-01-05T10:00:00Z", "to": "2026-01-05T11:00:00Z"}
        )

        assert [state["name"] for state in told["operating_states"]] == ["run", "rest"]
        assert all(state == named for state, named in heard), heard
        assert duty.status_code == 200, duty.text
        figures = duty.json()
        # Four whole minutes, and two clips of a second that nothing follows soon enough.
        assert figures["known_s"] == pytest.approx(4 * 60 + 2)
        assert figures["running_s"] == pytest.approx(2 * 60 + 1)
        assert figures["unknown_s"] == pytest.approx(3600 - 4 * 60 - 2)
        assert (figures["starts"], figures["clips"], figures["gaps_total"]) == (1, 6, 2)
        assert figures["starts_per_hour"] == pytest.approx(3600 / 242, abs=0.001)
        assert figures["gaps"][0] == {"from": "2026-01-05T10:04:01Z", "to": "2026-01-05T10:34:00Z"}

    async def test_without_names_there_is_no_duty(self, machine):
        await machine.start()
        refused = await machine.sensor.get(
            f"{machine.path}/duty", params={"from": "2026-01-05T10:00:00Z", "to": "2026-01-05T11:00:00Z"}
        )

        assert (refused.status_code, refused.json()["code"]) == (409, "states_not_named")

    async def test_clips_of_nobody_name_nothing(self, machine):
        ids = [str(uuid4()) for _ in range(6)]
        asked = {
            "states": [
                {"name": "run", "is_running": True, "diagnosis_ids": ids[:3]},
                {"name": "rest", "is_running": False, "diagnosis_ids": ids[3:]},
            ]
        }
        early = await machine.sensor.post(f"{machine.path}/baseline/states", json=asked)
        await machine.learn()
        unknown = await machine.sensor.post(f"{machine.path}/baseline/states", json=asked)

        assert (early.status_code, early.json()["code"]) == (409, "baseline_not_ready")
        assert (unknown.status_code, unknown.json()["code"]) == (422, "states_invalid")
