"""A full disk for the temporary files, and one for the clips."""

import os
import subprocess

import pytest

from tests.diagnosis.test_routes import PATH, noise, sample, wav

ROOM_BYTES = 256 * 1024


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("duration_s", [20, 50], ids=["from memory", "while it arrives"])
async def test_a_recording_that_finds_no_room_is_told_to_come_again(running, small_disk, duration_s):
    async with running(devices={"access": "open"}, recordings={"temp_dir": small_disk}) as client:
        full = await client.post(PATH, files={"audio": wav(noise(duration_s))})
        stored = await client.get("/api/diagnoses")
        fits = await client.post(PATH, files={"audio": sample("healthy").read_bytes()})

    assert (full.status_code, full.json()["code"]) == (503, "storage_full"), full.text
    assert int(full.headers["Retry-After"]) >= 1
    assert stored.json()["count"] == 0
    assert fits.status_code == 200
    assert list(small_disk.iterdir()) == []


async def test_a_diagnosis_is_stored_even_where_its_clip_finds_no_room(running, settings, small_disk):
    settings.data_dir.symlink_to(small_disk)
    clips = {"min_free_bytes": 0}
    async with running(devices={"access": "open"}, clips=clips) as client:
        fits = (await client.post(PATH, files={"audio": sample("healthy").read_bytes()})).json()
        full = (await client.post(PATH, files={"audio": wav(noise(20))})).json()
        read_back = (await client.get(f"/api/diagnoses/{full['diagnosis_id']}")).json()

    assert fits["clip"]["is_kept"]
    assert full["clip"] == {"is_kept": False, "sha256": None, "problem": "storage_full"}
    assert read_back == full
    assert list((small_disk / "unfinished").iterdir()) == []
