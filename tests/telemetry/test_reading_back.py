"""Readings, buckets and devices read back over HTTP."""

import random
import time
from datetime import datetime, timedelta

import pytest

from tests.readings import AT_S, DEVICES, POST, POST_BATCH, a_reading, readings

BACK = f"{POST}/sensor-1"


async def all_pages(sensor, address: str, **parameters) -> list[dict]:
    """The data of all pages, one after the other."""
    data: list[dict] = []
    while True:
        page = (await sensor.get(address, params=parameters)).json()
        assert page["count"] == len(page["data"])
        data += page["data"]
        if page["next_cursor"] is None:
            return data
        parameters["cursor"] = page["next_cursor"]


def seconds(entry: dict) -> float:
    return datetime.fromisoformat(entry["timestamp"]).timestamp()


async def test_a_reading_comes_back_as_it_was_sent(sensor):
    await sensor.post(POST, json=a_reading())

    page = (await sensor.get(BACK)).json()

    assert page["data"] == [
        {
            "timestamp": "2024-11-21T22:00:00.250000Z",
            "temperature": -18.5,
            "vibration": {"x": 0.2, "y": 0.1, "z": 0.3},
            "power_consumption": 45.2,
            "audio_level": 150,
            "sensor_quality": 0.95,
        }
    ]
    assert (page["success"], page["device_id"], page["count"], page["next_cursor"]) == (
        True,
        "sensor-1",
        1,
        None,
    )


async def test_the_newest_readings_come_first_and_pages_leave_no_gap(sensor):
    values = readings(250, every_s=100_000)
    random.shuffle(values)
    await sensor.post(POST_BATCH, json=values)

    for limit in (7, 100, 250, 251):
        data = await all_pages(sensor, BACK, limit=limit)
        assert [seconds(entry) for entry in data] == sorted(
            (value["timestamp"] for value in values), reverse=True
        )


async def test_pages_stay_as_they_were_while_readings_come(sensor):
    await sensor.post(POST_BATCH, json=readings(30))
    first = (await sensor.get(BACK, params={"limit": 10})).json()
    await sensor.post(POST_BATCH, json=readings(40)[30:])

    rest = await all_pages(sensor, BACK, limit=10, cursor=first["next_cursor"])

    assert [seconds(entry) for entry in first["data"] + rest] == [
        AT_S + place * 5 for place in range(29, -1, -1)
    ]


async def test_both_ends_of_a_range_are_included(sensor):
    await sensor.post(POST_BATCH, json=readings(10))

    data = (await sensor.get(BACK, params={"from": AT_S + 10, "to": AT_S + 20})).json()["data"]

    assert [seconds(entry) - AT_S for entry in data] == [20, 15, 10]


async def test_hours_are_those_before_now(sensor):
    now = time.time()
    await sensor.post(POST_BATCH, json=[a_reading(timestamp=now - 60), a_reading(timestamp=now - 7200)])

    assert (await sensor.get(BACK, params={"hours": 1})).json()["count"] == 1


@pytest.mark.parametrize(
    ("bucket", "counts"),
    [("10s", [2] * 60), ("1m", [12] * 10), ("5m", [60, 60]), ("1h", [120]), ("1d", [120])],
)
async def test_buckets_have_least_mean_and_greatest(sensor, bucket, counts):
    # Ten minutes from a full hour on, one reading each five seconds.
    start = 1732226400
    values = [a_reading(timestamp=start + place * 5, temperature=place) for place in range(120)]
    await sensor.post(POST_BATCH, json=values)

    data = await all_pages(sensor, BACK, **{"from": start, "to": start + 600, "bucket": bucket, "limit": 7})

    assert [entry["count"] for entry in data] == counts
    newest = data[0]
    of_newest = [value["temperature"] for value in values[-counts[0] :]]
    assert newest["temperature"] == {
        "min": min(of_newest),
        "mean": sum(of_newest) / len(of_newest),
        "max": max(of_newest),
    }
    assert newest["vibration"]["x"] == {"min": 0.2, "mean": 0.2, "max": 0.2}
    assert newest["sensor_quality"]["max"] == 0.95


async def test_a_bucket_without_any_quality_says_so(sensor):
    await sensor.post(POST, json=a_reading(sensor_quality=None))

    (entry,) = (await sensor.get(BACK, params={"from": AT_S - 60, "bucket": "1h"})).json()["data"]

    assert entry["sensor_quality"] is None


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": 0}, "query.limit"),
        ({"limit": 10_001}, "query.limit"),
        ({"hours": "nan"}, "query.hours"),
        ({"bucket": "5"}, "query.bucket"),
        ({"bucket": "0m"}, "query.bucket"),
        ({"from": "yesterday"}, "query.from"),
        ({"cursor": "???"}, "query.cursor"),
    ],
)
async def test_a_refused_query_names_its_parameter(sensor, parameters, field):
    answer = await sensor.get(BACK, params=parameters)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_sensor_reads_only_itself(sensor, another_sensor, client):
    assert (await another_sensor.get(BACK)).json()["code"] == "other_device"
    assert (await client.get(BACK)).json()["code"] == "token_missing"
    assert (await sensor.get(BACK)).json()["data"] == []


async def test_an_unknown_device_is_not_found(open_client):
    answer = await open_client.get(BACK)

    assert (answer.status_code, answer.json()["code"]) == (404, "device_unknown")
    assert (await open_client.get(f"{POST}/no%20device")).status_code == 422


async def test_devices_with_their_last_reading(open_client):
    before = datetime.now().astimezone()
    await open_client.post(POST_BATCH, json=readings(50, "device-1") + readings(2, "device-2"))
    # A late one is no newer reading.
    await open_client.post(POST, json=a_reading("device-1", timestamp=AT_S - 100_000))

    devices = await all_pages(open_client, DEVICES, limit=1)

    assert [device["device_id"] for device in devices] == ["device-1", "device-2"]
    assert [seconds(device["last_reading"]) - AT_S for device in devices] == [245, 5]
    for device in devices:
        seen = datetime.fromisoformat(device["last_seen"])
        assert before - timedelta(seconds=1) <= seen <= datetime.now().astimezone()


async def test_a_sensor_sees_only_itself_among_the_devices(sensor, another_sensor):
    await another_sensor.post(POST, json=a_reading("sensor-2"))

    (device,) = (await sensor.get(DEVICES)).json()["data"]

    assert device == {
        "device_id": "sensor-1",
        "name": None,
        "site_id": "default",
        "last_seen": None,
        "last_reading": None,
    }
    assert (await sensor.get(DEVICES, params={"cursor": "???"})).json()["errors"][0][
        "field"
    ] == "query.cursor"
