"""A full disk for the temporary files."""

import os
import subprocess

import pytest

from tests.diagnosis.test_routes import PATH, noise, sample, wav

ROOM_BYTES = 256 * 1024


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


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
