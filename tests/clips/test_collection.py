"""What goes, what stays, and that no row is ever without its file, whoever dies when."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from signalcraft.clips import collection, service
from signalcraft.clips.errors import ClipNotKept, StoreOfAnother
from signalcraft.clips.store import ClipStore, key_of
from signalcraft.core.object_bucket import BucketStore
from signalcraft.core.object_folder import FolderStore
from tests.live import wait_until
from tests.recordings import opened

MB = 1024**2


async def test_a_clip_is_kept_once_under_its_hash(shelf):
    first, again = await shelf.keep(b"hum"), await shelf.keep(b"hum")

    assert first == again == hashlib.sha256(b"hum").hexdigest()
    assert await shelf.rows() == shelf.files() == {first}
    assert await shelf.read(first) == b"hum"


async def test_the_old_go_and_the_labelled_and_those_in_use_stay(shelf):
    old, labelled, held, young = [await shelf.keep(b"clip %d" % i) for i in range(4)]
    await shelf.keep(b"clip 2", hold=timedelta(hours=1))
    await shelf.label(labelled)
    for sha256 in (old, labelled, held):
        await shelf.age(sha256, days=31)

    removed = await shelf.apply(days=30)

    assert removed == collection.Removed(clips=1, bytes=6)
    assert await shelf.rows() == shelf.files() == {labelled, held, young}
    with pytest.raises(ClipNotKept):
        await shelf.read(old)


async def test_a_clip_that_comes_again_is_young_again(shelf):
    sha256 = await shelf.keep(b"hum")
    await shelf.age(sha256, days=31)
    await shelf.keep(b"hum")

    await shelf.apply(days=30)

    assert await shelf.rows() == {sha256}


async def test_the_oldest_go_until_the_rest_fits(shelf):
    clips = [await shelf.keep(bytes([i]) * (MB // 4)) for i in range(8)]
    for age, sha256 in enumerate(reversed(clips)):
        await shelf.age(sha256, days=age)
    await shelf.label(clips[0])

    removed = await shelf.apply(max_bytes=MB)

    # The labelled one, the oldest, takes a quarter of the limit.
    assert await shelf.rows() == shelf.files() == {clips[0], *clips[-3:]}
    assert removed.bytes == 4 * MB // 4


async def test_what_has_lost_its_other_half_is_found(shelf):
    kept, lost, labelled = [await shelf.keep(content) for content in (b"kept", b"lost", b"labelled")]
    await shelf.label(labelled)
    for sha256 in (lost, labelled):
        (shelf.folder / key_of(sha256)).unlink()
    orphan = hashlib.sha256(b"orphan").hexdigest()
    (shelf.folder / key_of(orphan)).parent.mkdir(exist_ok=True)
    (shelf.folder / key_of(orphan)).write_bytes(b"orphan")

    mended = await shelf.mend()

    assert mended == collection.Mended(orphan_files=1, orphan_rows=2, labelled_lost=1)
    assert await shelf.rows() == shelf.files() == {kept}
    assert await shelf.mend() == collection.Mended()


async def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(shelf):
    await shelf.keep(b"hum")
    program = """
import sys
from pathlib import Path
from signalcraft.core.object_folder import FolderStore
class Endless:
    def read(self, size):
        print("writing", flush=True)
        sys.stdin.readline()
        return b"x"
FolderStore(Path(sys.argv[1])).put("clips/aa/slow", Endless())
"""
    writer = subprocess.Popen(  # noqa: ASYNC220 - it is talked to line by line
        [sys.executable, "-c", program, str(shelf.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "writing\n"
    (unfinished,) = (shelf.folder / "unfinished").iterdir()
    os.utime(unfinished, (0, 0))

    assert await shelf.mend() == collection.Mended()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()

    assert await shelf.mend() == collection.Mended(unfinished_files=1)
    assert list((shelf.folder / "unfinished").iterdir()) == []


async def test_no_row_is_without_its_file_while_clips_come_and_go_at_once(shelf):
    contents = [b"clip %d" % i for i in range(12)]

    async def keep_all():
        for _ in range(4):
            for content in contents:
                await shelf.keep(content)

    async def remove_all():
        for _ in range(3):
            for sha256 in await shelf.rows():
                await shelf.age(sha256, days=31)
            await shelf.apply(days=30)
            await shelf.mend()

    await asyncio.gather(keep_all(), remove_all(), remove_all())

    # What mend finds now would be a row that pointed nowhere; files without a row may be there for an instant.
    mended = await shelf.mend()
    assert (mended.orphan_rows, mended.labelled_lost) == (0, 0)
    assert await shelf.rows() == shelf.files()


async def test_a_row_that_is_entered_after_its_file_went_brings_it_back(shelf):
    with opened(b"hum") as file:
        clip = await service.write(shelf.database, shelf.store, file)
        assert (await shelf.mend()).orphan_files == 1
        async with shelf.database.session() as session:
            await service.enter(session, shelf.store, clip, file)

    assert await shelf.read(clip.sha256) == b"hum"


async def test_a_store_that_is_not_ours_is_left_alone(shelf):
    sha256 = await shelf.keep(b"hum")
    (shelf.folder / "clips").rename(shelf.folder / "elsewhere")
    shelf.store.belongs_until_s = 0.0

    for attempt in (shelf.keep(b"another"), shelf.mend(), shelf.apply(days=1)):
        with pytest.raises(StoreOfAnother, match="--adopt"):
            await attempt

    assert await shelf.rows() == {sha256}
    await service.adopt(shelf.database, shelf.store)
    assert (await shelf.mend()).orphan_rows == 1


async def test_half_a_disk_is_left_to_the_database(shelf):
    store = ClipStore(FolderStore(shelf.folder, min_free_bytes=2**60), timeout_s=5)
    shelf.store = store

    with pytest.raises(service.StoreUnavailable, match="free"):
        await shelf.keep(b"hum")

    store.close()
    assert not (shelf.folder / "clips").exists() or shelf.files() == set()


async def test_any_store_that_fsspec_knows_will_do(shelf):
    shelf.store = ClipStore(BucketStore("memory://bucket/shop"), timeout_s=5)
    kept, old = await shelf.keep(b"kept"), await shelf.keep(b"old")
    await shelf.age(old, days=31)

    await shelf.apply(days=30)

    assert await shelf.read(kept) == b"kept"
    assert not await shelf.store.has(old)
    assert await shelf.mend() == collection.Mended()
    shelf.store.close()


async def test_a_store_that_is_too_slow_is_away_and_bounds_what_waits(shelf):
    class Slow(FolderStore):
        def has(self, key):
            wait_until(released.is_set, "the end of the test")
            return super().has(key)

    released = asyncio.Event()
    await shelf.keep(b"hum")
    shelf.store, slow = ClipStore(Slow(shelf.folder), timeout_s=0.05), shelf.store
    shelf.store.belongs_until_s = float("inf")

    refused = await asyncio.gather(*(shelf.keep(b"%d" % i) for i in range(40)), return_exceptions=True)

    released.set()
    assert {type(refusal) for refusal in refused} == {service.StoreUnavailable}
    assert any("too many" in str(refusal) for refusal in refused)
    shelf.store.close()
    slow.close()
