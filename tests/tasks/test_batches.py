"""Many recordings at once: files, or a ZIP that anybody may have made."""

import io
import zipfile

import pytest

from tests.tasks.sending import another_clip, finished

PATH = "/api/ai/analyze/batch"


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


async def test_many_files_are_one_job_with_a_task_each(open_client):
    files = [("audio", ("a.wav", another_clip())), ("audio", ("b.wav", b"no recording" * 99))]

    answer = await open_client.post(PATH, files=files, data={"device_id": "d-1"})

    job = answer.json()
    assert answer.status_code == 202, answer.text
    assert job["status_url"] == answer.headers["Location"]
    assert [task["name"] for task in job["tasks"]] == ["a.wav", "b.wav"]
    states = [await finished(open_client, task["task_id"]) for task in job["tasks"]]
    assert [state["status"] for state in states] == ["SUCCESS", "FAILURE"]
    assert states[0]["result"]["device_id"] == "d-1"
    total = (await open_client.get(job["status_url"])).json()
    assert (total["total"], total["succeeded"], total["failed"], total["progress"]) == (2, 1, 1, 100)


async def test_a_zip_is_unpacked(idle):
    archive = zipped(
        {
            "monday/1.wav": another_clip(),
            "2.wav": another_clip(),
            "monday/": b"",
            "__MACOSX/x": b"",
            ".hid": b"",
        }
    )

    answer = await idle.post(PATH, files={"archive": ("all.zip", archive)})

    assert [task["name"] for task in answer.json()["tasks"]] == ["monday/1.wav", "2.wav"]
    job = (await idle.get(answer.json()["status_url"])).json()
    assert (job["total"], job["pending"], job["progress"]) == (2, 2, 0)


def with_link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("link.wav")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return file.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped({"a.wav": b"x"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


REFUSED = {
    "no zip": (b"no zip at all" * 9, 422, "archive_refused"),
    "cut off": (zipped({"a.wav": another_clip()})[:-30], 422, "archive_refused"),
    "damaged": (zipped({"a.wav": b"a" * 999}).replace(b"\x4b\x4c", b"\x00\x00", 1), 422, "archive_refused"),
    "parent": (zipped({"../../etc/a.wav": b"x"}), 422, "archive_refused"),
    "windows parent": (zipped({"..\\a.wav": b"x"}), 422, "archive_refused"),
    "absolute": (zipped({"/etc/a.wav": b"x"}), 422, "archive_refused"),
    "link": (with_link(), 422, "archive_refused"),
    "encrypted": (encrypted(), 422, "archive_refused"),
    "another method": (zipped({"a.wav": b"x" * 99}, zipfile.ZIP_LZMA), 422, "archive_refused"),
    "nothing in it": (zipped({"folder/": b""}), 422, "batch_empty"),
    "too many": (zipped({f"{n}.wav": b"x" for n in range(101)}), 422, "batch_too_long"),
    "far too many": (zipped({f"{n:0999}.wav": b"" for n in range(1500)}), 422, "batch_too_long"),
    "a bomb": (zipped({f"{n}.wav": bytes(9 * 1024**2) for n in range(13)}), 413, "archive_too_large"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_bad_archive_is_refused_and_leaves_nothing(idle, sql, name, settings):
    archive, status, code = REFUSED[name]

    answer = await idle.post(PATH, files={"archive": ("a.zip", archive)})

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await sql.fetchval("SELECT count(*) FROM analysis_tasks") == 0
    assert list((settings.data_dir / "clips").glob("??/*")) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"data": {"device_id": "d"}, "files": {"other": b"x"}}, "batch_empty"),
        ({"files": [("audio", b"x")] * 101}, "batch_too_long"),
        ({"files": [("audio", b"x")] * 102}, "batch_too_long"),
    ],
)
async def test_a_form_without_or_with_too_many_recordings_is_refused(idle, request_, code):
    answer = await idle.post(PATH, **request_)

    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


async def test_a_job_is_stored_whole_or_not_at_all(running, sql, settings):
    async with running(devices={"access": "open"}, tasks={"most_waiting_per_device": 2}) as client:
        await client.app.state.task_runner.stop()
        files = [("audio", another_clip()) for _ in range(3)]
        answer = await client.post(PATH, files=files)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tasks")
    assert await sql.fetchval("SELECT count(*) FROM analysis_tasks") == 0
    assert list((settings.data_dir / "clips").glob("??/*")) == []
