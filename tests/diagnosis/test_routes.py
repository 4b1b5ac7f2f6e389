"""Recordings over HTTP, judged by the shipped model in real processes."""

import asyncio
import base64
import hashlib
import io
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import soundfile

from signalcraft.clips import collection
from signalcraft.settings import ClipSettings

PATH = "/api/lightweight-analyze"


def wav(samples: np.ndarray, sample_rate_hz: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, format="WAV")
    return file.getvalue()


def noise(duration_s: float, sample_rate_hz: int = 16_000, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, round(duration_s * sample_rate_hz)).clip(-1, 1)


def sample(state: str) -> Path:
    return min((Path(__file__).parents[2] / "samples" / state).glob("*.flac"))


@pytest.mark.parametrize(("state", "verdict"), [("healthy", "normal"), ("bearing", "anomalous")])
async def test_a_recording_is_judged_and_the_diagnosis_read_back(sensor, state, verdict):
    answer = await sensor.post(
        PATH, files={"audio": sample(state).read_bytes()}, data={"recorded_at": "1732226400.25"}
    )

    assert answer.status_code == 200, answer.text
    diagnosis = answer.json()
    assert (diagnosis["success"], diagnosis["verdict"], diagnosis["state"]) == (True, verdict, state)
    assert diagnosis["is_overload"] == (verdict == "anomalous")
    assert (diagnosis["device_id"], diagnosis["recorded_at"]) == ("sensor-1", "2024-11-21T22:00:00.250000Z")
    assert 0.5 < diagnosis["confidence"] <= 1
    assert diagnosis["message"].endswith(".")
    assert diagnosis["audio"]["sample_rate_hz"] == 16_000
    assert len(diagnosis["probabilities"]) == 8
    stored = await sensor.get(f"/api/diagnoses/{diagnosis['diagnosis_id']}")
    listed = await sensor.get("/api/diagnoses")
    assert stored.json() == diagnosis
    assert listed.json() == {"success": True, "data": [diagnosis], "count": 1, "next_cursor": None}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("all", {"healthy", "bearing"}), ("suspicious", {"bearing"}), ("none", set())],
)
async def test_the_clips_that_are_wanted_are_kept(running, keep, kept):
    async with running(devices={"access": "open"}, clips={"keep": keep}) as client:
        for state in ("healthy", "bearing"):
            clip = sample(state).read_bytes()
            diagnosis = (await client.post(PATH, files={"audio": clip})).json()
            wanted = state in kept
            assert diagnosis["clip"] == {
                "is_kept": wanted,
                "sha256": hashlib.sha256(clip).hexdigest() if wanted else None,
                "problem": None if wanted else "not_wanted",
            }
            assert (await client.get(f"/api/diagnoses/{diagnosis['diagnosis_id']}")).json() == diagnosis


async def test_a_diagnosis_says_that_its_clip_was_removed(sensor, database, client):
    clip = {"audio": sample("healthy").read_bytes()}
    diagnosis = (await sensor.post(PATH, files=clip)).json()
    async with database.session() as session:
        await (await session.connection()).exec_driver_sql(
            "UPDATE clips SET stored_at = now() - interval '2 days'"
        )

    await collection.apply_rules(database, client.app.state.clips, ClipSettings(days=1))

    seen = (await sensor.get(f"/api/diagnoses/{diagnosis['diagnosis_id']}")).json()
    assert (seen["clip"]["is_kept"], seen["clip"]["problem"]) == (False, "removed")
    again = (await sensor.post(PATH, files=clip)).json()
    assert again["clip"]["is_kept"]


async def test_an_answer_says_why_and_what_to_do(sensor):
    bearing, healthy = [
        (await sensor.post(PATH, files={"audio": sample(state).read_bytes()})).json()["explanation"]
        for state in ("bearing", "healthy")
    ]
    rain = (await sensor.post(PATH, files={"audio": wav(noise(3))})).json()

    assert bearing["compared_with"] == healthy["compared_with"] == "reference"
    assert 1 <= len(bearing["bands"]) <= 3
    for band in bearing["bands"]:
        assert 44 <= band["from_hz"] < band["to_hz"] <= 7080
        assert abs(band["difference_db"]) >= 3 * band["usual_spread_db"] - 0.1
    assert str(bearing["bands"][0]["from_hz"]) in bearing["summary"]
    assert "bearing" in bearing["action"]
    # One normal clip in twelve has a band that one in three hundred should have.
    assert len(healthy["bands"]) <= 1
    # Where there is no verdict there is nothing to compare.
    assert rain["verdict"] == "unknown"
    assert (rain["explanation"]["compared_with"], rain["explanation"]["bands"]) == ("unknown_sound", [])


@pytest.mark.parametrize(
    ("preference", "language", "word"),
    [("ko-KR,ko;q=0.9,en;q=0.8", "ko", "베어링"), ("de, en;q=0.5", "en", "bearing"), ("", "en", "bearing")],
)
async def test_people_read_it_in_their_language(sensor, preference, language, word):
    headers = {"Accept-Language": preference}
    posted = await sensor.post(PATH, files={"audio": sample("bearing").read_bytes()}, headers=headers)
    read = await sensor.client.get(
        f"/api/diagnoses/{posted.json()['diagnosis_id']}", headers=sensor.headers | headers
    )

    for answer in (posted, read):
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == (language, "Accept-Language")
        diagnosis = answer.json()
        assert word in diagnosis["message"]
        assert word in diagnosis["explanation"]["action"].lower()
    assert read.json() == posted.json()


async def test_diagnoses_come_newest_first_page_by_page(sensor):
    clip = sample("healthy").read_bytes()
    sent = [(await sensor.post(PATH, files={"audio": clip})).json()["diagnosis_id"] for _ in range(5)]

    seen, cursor = [], None
    while True:
        page = (
            await sensor.get("/api/diagnoses", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [diagnosis["diagnosis_id"] for diagnosis in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == sent[::-1]


async def test_another_devices_diagnosis_is_not_there(sensor, another_sensor):
    diagnosis = (await sensor.post(PATH, files={"audio": sample("healthy").read_bytes()})).json()

    answer = await another_sensor.get(f"/api/diagnoses/{diagnosis['diagnosis_id']}")

    assert (answer.status_code, answer.json()["code"]) == (404, "diagnosis_unknown")
    assert (await another_sensor.get("/api/diagnoses")).json()["count"] == 0


REFUSED = {
    "empty": (b"", 422, "clip_empty"),
    "text": (b"This is not a recording. " * 100, 415, "not_audio"),
    "silent": (wav(np.zeros(32_000)), 422, "clip_silent"),
    "clipped": (wav(np.sign(noise(2))), 422, "clip_clipped"),
    "truncated": (wav(noise(2))[:30_000], 422, "clip_truncated"),
    "too short": (wav(noise(0.4)), 422, "clip_too_short"),
    "too long": (wav(noise(61, 8_000), 8_000), 422, "clip_too_long"),
    "slow": (wav(noise(2, 4_000), 4_000), 422, "unsupported_sample_rate"),
    "fast": (wav(noise(2, 192_000), 192_000), 422, "unsupported_sample_rate"),
    "three channels": (wav(np.stack([noise(2)] * 3, axis=1)), 422, "unsupported_channels"),
    "too large": (b"\0" * (10 * 1024**2 + 1), 413, "clip_too_large"),
    "far too large": (b"\0" * (11 * 1024**2), 413, "clip_too_large"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_each_bad_recording_has_its_own_code(sensor, name):
    content, status, code = REFUSED[name]

    answer = await sensor.post(PATH, files={"audio": content})

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"].endswith(".")
    assert "{" not in answer.json()["detail"]
    assert (await sensor.get("/api/diagnoses")).json()["count"] == 0


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"RIFF", "headers": {"Content-Type": "audio/wav"}}, 400, "upload_malformed"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "upload_malformed"),
        (
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            400,
            "upload_malformed",
        ),
        ({"data": {"audio": "text"}, "files": {"other": b""}}, 422, "audio_field_missing"),
        ({"files": [("audio", b"1"), ("audio", b"2")]}, 400, "upload_malformed"),
        ({"files": {"audio": b"1"}, "data": {"recorded_at": "2010-01-01"}}, 422, "invalid"),
        ({"files": {"audio": b"1"}, "data": {"device_id": "a b"}}, 422, "invalid"),
        ({"files": {"audio": b"1"}, "data": {"device_id": "sensor-2"}}, 403, "other_device"),
    ],
)
async def test_a_malformed_upload_is_refused(sensor, request_, status, code):
    answer = await sensor.post(PATH, **request_)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.mark.parametrize("charset", ["undefined", "punycode", "no-such", "utf-16"])
async def test_text_in_another_character_set_is_no_fault_of_ours(sensor, charset):
    body = b'--b\r\nContent-Disposition: form-data; name="device_id"\r\n\r\n\xff\xfe\xe4\r\n--b--\r\n'
    content_type = f"multipart/form-data; boundary=b; charset={charset}"

    answer = await sensor.post(PATH, content=body, headers={"Content-Type": content_type})

    assert answer.status_code in (400, 422), answer.text


async def test_an_upload_that_is_one_too_many_is_not_even_received(running):
    async with running(devices={"access": "open"}) as client:
        places = client.app.state.uploads
        with ExitStack() as taken:
            for _ in range(64):
                taken.enter_context(places.one_more())
            refused = await client.post(PATH, files={"audio": sample("healthy").read_bytes()})
        accepted = await client.post(PATH, files={"audio": sample("healthy").read_bytes()})

    assert (refused.status_code, refused.json()["code"]) == (503, "analysis_busy")
    assert accepted.status_code == 200


async def test_no_upload_leaves_a_file_or_a_descriptor_behind(sensor, client):
    folder = tempfile.gettempdir()
    clip = wav(noise(30, 48_000), 48_000)
    await sensor.post(PATH, files={"audio": clip})
    before = set(os.listdir(folder)), len(os.listdir("/proc/self/fd"))

    for content in (clip, b"no audio" * 200_000, clip[:1000]):
        await sensor.post(PATH, files={"audio": content})

    assert set(os.listdir(folder)) - before[0] == set()
    assert len(os.listdir("/proc/self/fd")) <= before[1]


async def test_where_the_queue_is_full_the_client_is_told_to_come_again(running, database):
    async with running(inference={"max_in_flight": 1}, devices={"access": "open"}) as client:
        clip = wav(noise(30))
        answers = await asyncio.gather(*(client.post(PATH, files={"audio": clip}) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["code"] == "analysis_busy"
    assert int(refused.headers["Retry-After"]) >= 1


async def test_where_access_is_open_a_recording_may_belong_to_no_device(open_client):
    clip = sample("healthy").read_bytes()

    nobodys = (await open_client.post(PATH, files={"audio": clip})).json()
    somebodys = (await open_client.post(PATH, files={"audio": clip}, data={"device_id": "old-1"})).json()

    assert (nobodys["device_id"], somebodys["device_id"]) == (None, "old-1")
    of_device = (await open_client.get("/api/diagnoses", params={"device_id": "old-1"})).json()
    assert [diagnosis["diagnosis_id"] for diagnosis in of_device["data"]] == [somebodys["diagnosis_id"]]


@pytest.mark.parametrize(
    "cursor",
    ["x", "", "AAAA", "MjAyNHx4", "ü"]
    # Instants that are none in UTC.
    + [
        base64.urlsafe_b64encode(f"{instant}|{UUID(int=1)}".encode()).decode().rstrip("=")
        for instant in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2024-01-01T00:00:00")
    ],
)
async def test_a_made_up_cursor_is_refused(sensor, cursor):
    answer = await sensor.get("/api/diagnoses", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")
