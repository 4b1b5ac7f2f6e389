"""The rules of the clip store: what is kept, under which promise, and for how long.

    clip = await service.write(database, store, file)      the file stands in the store
    async with database.session() as session:
        await service.enter(session, store, clip, file)     the row says so, in the caller's transaction
        …

Whoever dies in between leaves a file without a row, which `clips.collection` finds.
"""

from collections.abc import Collection
from datetime import timedelta
from time import monotonic
from typing import BinaryIO
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.clips import repository
from signalcraft.clips.errors import ClipNotKept, ClipStoreUnavailable, StoreOfAnother
from signalcraft.clips.store import ClipStore, StoredClip
from signalcraft.core.clock import utcnow
from signalcraft.core.database import Database
from signalcraft.core.object_store import StoreUnavailable

# A disk may be unmounted while the service runs; so often it is asked whose store this is.
_ASK_AGAIN_S = 30.0


async def write(database: Database, store: ClipStore, file: int) -> StoredClip:
    """Put the recording in the open file into the store; not yet kept.

    Raises:
        StoreOfAnother: the place that the settings name is not this database's store.
        StoreUnavailable, StoreFull: the store does not take it.
        DatabaseUnavailable: PostgreSQL is away.
    """
    if monotonic() >= store.belongs_until_s:
        await require_own(database, store)
        store.belongs_until_s = monotonic() + _ASK_AGAIN_S
    return await store.write(file)


async def enter(
    session: AsyncSession,
    store: ClipStore,
    clip: StoredClip,
    file: int,
    *,
    hold: timedelta | None = None,
    is_temporary: bool = False,
) -> None:
    """Keep the clip that was written from `file`.

    hold: nobody removes it for so long, whatever the rules say. is_temporary: unless it is kept already, or will be,
    it goes when the hold is given up with `release`.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    await repository.lock_shared(session, clip.sha256)
    # Whoever collects may have found the file before its row was there; from here on it waits for us.
    if not await store.has(clip.sha256):
        await store.write(file)
    held_until = None if hold is None else utcnow() + hold
    await repository.enter(session, clip.sha256, clip.size_bytes, held_until, is_temporary=is_temporary)


async def lock_for_release(session: AsyncSession, sha256: str) -> None:
    """Let nobody enter or remove the clip until the transaction ends: then look who else holds it, and `release` it."""
    await repository.lock_alone(session, sha256)


async def release(session: AsyncSession, sha256: str, *, is_wanted: bool, is_still_held: bool) -> bool:
    """Give up a hold. is_wanted: keep the clip by the rules from now on. is_still_held: by somebody else.

    Returns whether nobody wants it any more; then, after the commit, its file is for `collection.remove_file`.
    """
    await repository.end_hold(session, sha256, is_wanted=is_wanted, is_still_held=is_still_held)
    return not (is_wanted or is_still_held) and await repository.forget_temporary(session, sha256)


async def fetch(session: AsyncSession, store: ClipStore, sha256: str | None) -> BinaryIO:
    """A kept clip as an open file without a name; close it.

    Raises:
        ClipNotKept: there is none.
        ClipStoreUnavailable: the store does not answer.
    """
    kept = await require_kept(session, sha256)
    try:
        return await store.fetch(kept)
    except FileNotFoundError:
        raise ClipNotKept from None
    except StoreUnavailable as away:
        raise ClipStoreUnavailable from away


async def keep_for_good(session: AsyncSession, sha256: str) -> bool:
    """A person has said what it is, so the clip stays; false if it is gone already."""
    return await repository.set_labelled(session, sha256)


async def kept(session: AsyncSession, sha256s: Collection[str]) -> set[str]:
    """Those of the clips that are kept."""
    return await repository.kept(session, list(sha256s)) if sha256s else set()


async def require_kept(session: AsyncSession, sha256: str | None) -> str:
    """The clip's hash.

    Raises:
        ClipNotKept: it is not kept.
    """
    if sha256 is None or not await repository.is_kept(session, sha256):
        raise ClipNotKept
    return sha256


async def require_own(database: Database, store: ClipStore) -> None:
    """See that the store is this database's; the first one that is used becomes it.

    Raises:
        StoreOfAnother: it is not, so nothing may be written to it, and nothing deleted from it.
    """
    async with database.session(read_only=True) as session:
        known = await repository.store_id(session)
    if known is not None:
        if await store.identity() != known:
            raise StoreOfAnother
        return
    async with database.session() as session:
        await repository.lock_store(session)
        known = await repository.store_id(session)
        found = await store.identity()
        if known is None and found is None:
            await _become_own(session, store)
        elif known != found:
            raise StoreOfAnother


async def adopt(database: Database, store: ClipStore) -> None:
    """Make the store that the settings name this database's, whoever's it was."""
    async with database.session() as session:
        await repository.lock_store(session)
        await _become_own(session, store)


async def _become_own(session: AsyncSession, store: ClipStore) -> None:
    store_id = uuid4()
    await store.mark(store_id)
    await repository.set_store_id(session, store_id)
