"""Removing clips: those whose time is over, those that don't fit, and whatever a death has left without its half."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from signalcraft.clips import repository, service
from signalcraft.clips.errors import StoreOfAnother
from signalcraft.clips.store import ClipStore
from signalcraft.core.clock import utcnow
from signalcraft.core.database import Database
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.core.object_store import StoreUnavailable
from signalcraft.settings import ClipSettings

_A_TURN = 500
_MEND_EVERY_S = 86_400.0
_SHARDS = [f"{number:02x}" for number in range(256)]

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """Clips removed by a rule."""

    clips: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Mended:
    """What had lost its other half: files without a row, rows without a file, half-written files."""

    orphan_files: int = 0
    orphan_rows: int = 0
    labelled_lost: int = 0
    unfinished_files: int = 0


async def run_upkeep(database: Database, store: ClipStore, settings: ClipSettings) -> None:
    """Apply the rules every `upkeep_every_s`, and mend after each start and once a day, until cancelled."""
    mend_at_s = 0.0
    while True:
        try:
            await apply_rules(database, store, settings)
            if monotonic() >= mend_at_s:
                await mend(database, store)
                mend_at_s = monotonic() + _MEND_EVERY_S
        except (DatabaseUnavailable, StoreUnavailable, StoreOfAnother) as later:
            logger.warning("clip_upkeep_postponed", reason=str(later))
        # Whatever a run meets, giving up would let the disk fill.
        except Exception:
            logger.exception("clip_upkeep_failed")
        await asyncio.sleep(settings.upkeep_every_s)


async def apply_rules(database: Database, store: ClipStore, settings: ClipSettings) -> Removed:
    """Remove what is older than the rule says and what does not fit into the limit; the oldest go first.

    Raises:
        StoreOfAnother: the place that the settings name is not this database's store.
    """
    await service.require_own(database, store)
    clips = size_bytes = 0
    while rows := await _forget_some(database, settings):
        for sha256, _ in rows:
            await remove_file(database, store, sha256)
        clips += len(rows)
        size_bytes += sum(size for _, size in rows)
    if clips:
        logger.info("clips_removed", clips=clips, bytes=size_bytes)
    return Removed(clips, size_bytes)


async def mend(database: Database, store: ClipStore) -> Mended:
    """Find and remove files without a row, rows without a file, and half-written files.

    Raises:
        StoreOfAnother: the place that the settings name is not this database's store.
    """
    await service.require_own(database, store)
    files = rows = labelled = 0
    for shard in _SHARDS:
        stored = await store.sizes(shard)
        async with database.session(read_only=True) as session:
            known = await repository.of_shard(session, shard)
        for sha256 in stored.keys() - known:
            files += await remove_file(database, store, sha256)
        for sha256 in known - stored.keys():
            lost = await _forget_if_lost(database, store, sha256)
            rows += lost is not None
            labelled += lost is True
    mended = Mended(files, rows, labelled, await store.sweep())
    if mended != Mended():
        logger.warning("clips_mended", files=files, rows=rows, labelled_lost=labelled)
    return mended


async def _forget_some(database: Database, settings: ClipSettings) -> list[tuple[str, int]]:
    """Delete some rows that are to go; none are left if the list is empty, or another process is at it."""
    async with database.session() as session:
        if not await repository.try_collect(session):
            return []
        before = utcnow() - timedelta(days=settings.days)
        rows = await repository.expire(session, before, _A_TURN)
        if not rows and await repository.total_bytes(session) > settings.max_bytes:
            rows = await repository.shrink(session, settings.max_bytes, _A_TURN)
        return rows


async def remove_file(database: Database, store: ClipStore, sha256: str) -> bool:
    """Delete the file unless the same recording has come again meanwhile; whether it was deleted."""
    async with database.session() as session:
        await repository.lock_alone(session, sha256)
        if await repository.is_kept(session, sha256):
            return False
        await store.remove(sha256)
    return True


async def _forget_if_lost(database: Database, store: ClipStore, sha256: str) -> bool | None:
    """Delete the row unless its file is there after all; whether the clip was labelled, None if nothing was lost."""
    async with database.session() as session:
        await repository.lock_alone(session, sha256)
        if await store.has(sha256):
            return None
        return await repository.forget(session, sha256)
