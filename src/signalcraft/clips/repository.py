"""All SQL of the clip store.

A clip's row and its file are changed under one advisory lock, the clip's own: who enters a row has seen the file while
holding it (shared), and who deletes a file has seen that there is no row while holding it alone. So no row ever points
to a file that is gone, whoever dies when.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TIMESTAMP, BigInteger, Integer, Text

# "clip" in ASCII: the first half of each clip's lock.
_LOCK = 0x636C6970
_SHA256S = bindparam("sha256s", type_=ARRAY(Text))

LOCK_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({_LOCK}, hashtext(:sha256))")
LOCK_ALONE = text(f"SELECT pg_advisory_xact_lock({_LOCK}, hashtext(:sha256))")
# One collection at a time; 0 is no clip's second half that would matter: at worst one clip waits for a moment.
TRY_COLLECT = text(f"SELECT pg_try_advisory_xact_lock({_LOCK}, 0)")
LOCK_STORE = text(f"SELECT pg_advisory_xact_lock({_LOCK}, 1)")
ENTER = text("""
    INSERT INTO clips (sha256, size_bytes, held_until, is_temporary)
    VALUES (:sha256, :size_bytes, :held_until, :is_temporary)
    ON CONFLICT (sha256) DO UPDATE SET
        stored_at = now(), held_until = greatest(clips.held_until, excluded.held_until),
        is_temporary = clips.is_temporary AND excluded.is_temporary
""").bindparams(bindparam("held_until", type_=TIMESTAMP(timezone=True)))
END_HOLD = text("""
    UPDATE clips SET is_temporary = is_temporary AND NOT :is_wanted,
        held_until = CASE WHEN :is_still_held THEN held_until END
    WHERE sha256 = :sha256
""")
FORGET_TEMPORARY = text("""
    DELETE FROM clips WHERE sha256 = :sha256 AND is_temporary AND NOT is_labelled RETURNING sha256
""")
IS_KEPT = text("SELECT EXISTS (SELECT FROM clips WHERE sha256 = :sha256)")
KEPT = text("SELECT sha256 FROM clips WHERE sha256 = ANY(:sha256s)").bindparams(_SHA256S)
FORGET = text("DELETE FROM clips WHERE sha256 = :sha256 RETURNING is_labelled")
LABELLED = text("UPDATE clips SET is_labelled = true WHERE sha256 = :sha256 RETURNING sha256")
# What may go: nobody has said what it is, and nobody works on it.
_REMOVABLE = "NOT is_labelled AND (held_until IS NULL OR held_until < now())"
EXPIRE = text(f"""
    DELETE FROM clips WHERE sha256 IN (
        SELECT sha256 FROM clips WHERE stored_at < :before AND {_REMOVABLE}
        ORDER BY stored_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) RETURNING sha256, size_bytes
""").bindparams(bindparam("before", type_=TIMESTAMP(timezone=True)), bindparam("limit", type_=Integer))  # noqa: S608 - no value from outside
TOTAL = text("SELECT coalesce(sum(size_bytes), 0) FROM clips")
# The newest stay as long as they and what may not go fit into the limit together.
SHRINK = text(f"""
    DELETE FROM clips WHERE sha256 IN (
        SELECT c.sha256 FROM clips c JOIN (
            SELECT sha256, sum(size_bytes) OVER (ORDER BY stored_at DESC, sha256) AS up_to_here
            FROM clips WHERE {_REMOVABLE}
        ) newest ON newest.sha256 = c.sha256
        WHERE up_to_here > :max_bytes - (SELECT coalesce(sum(size_bytes), 0) FROM clips WHERE NOT ({_REMOVABLE}))
        ORDER BY c.stored_at LIMIT :limit FOR UPDATE OF c SKIP LOCKED
    ) RETURNING sha256, size_bytes
""").bindparams(bindparam("max_bytes", type_=BigInteger), bindparam("limit", type_=Integer))  # noqa: S608 - as above
SHARD = text("SELECT sha256 FROM clips WHERE sha256 >= :first AND sha256 < :beyond")
STATS = text("""
    SELECT count(*) AS clips, coalesce(sum(size_bytes), 0)::bigint AS bytes,
           count(*) FILTER (WHERE is_labelled) AS labelled, count(*) FILTER (WHERE held_until > now()) AS held,
           min(stored_at) AS oldest, max(stored_at) AS newest
    FROM clips
""")
LIST = text("""
    SELECT sha256, size_bytes, stored_at, is_labelled, held_until FROM clips ORDER BY stored_at DESC, sha256 LIMIT :limit
""")
STORE_ID = text("SELECT store_id FROM clip_store")
SET_STORE_ID = text("""
    INSERT INTO clip_store (store_id) VALUES (:store_id) ON CONFLICT (is_the_one) DO UPDATE SET store_id = excluded.store_id
""")


async def lock_shared(session: AsyncSession, sha256: str) -> None:
    """Let nobody delete the clip's file until the transaction ends."""
    await session.execute(LOCK_SHARED, {"sha256": sha256})


async def lock_alone(session: AsyncSession, sha256: str) -> None:
    """Let nobody enter the clip's row until the transaction ends."""
    await session.execute(LOCK_ALONE, {"sha256": sha256})


async def enter(
    session: AsyncSession, sha256: str, size_bytes: int, held_until: datetime | None, *, is_temporary: bool
) -> None:
    """Keep the clip, or keep it anew."""
    values = {"sha256": sha256, "size_bytes": size_bytes, "held_until": held_until}
    await session.execute(ENTER, values | {"is_temporary": is_temporary})


async def end_hold(session: AsyncSession, sha256: str, *, is_wanted: bool, is_still_held: bool) -> None:
    """Nobody of this task works on it any more; `is_wanted`: it stays like any other clip."""
    values = {"sha256": sha256, "is_wanted": is_wanted, "is_still_held": is_still_held}
    await session.execute(END_HOLD, values)


async def forget_temporary(session: AsyncSession, sha256: str) -> bool:
    """Delete the clip's row if nobody but the task wanted it; whether it was deleted."""
    return (await session.execute(FORGET_TEMPORARY, {"sha256": sha256})).first() is not None


async def is_kept(session: AsyncSession, sha256: str) -> bool:
    """Whether the clip has a row."""
    return bool((await session.execute(IS_KEPT, {"sha256": sha256})).scalar_one())


async def kept(session: AsyncSession, sha256s: Sequence[str]) -> set[str]:
    """Those of the clips that have a row."""
    return set((await session.execute(KEPT, {"sha256s": list(sha256s)})).scalars())


async def forget(session: AsyncSession, sha256: str) -> bool | None:
    """Delete the clip's row; whether it was labelled, or None if there was none."""
    return (await session.execute(FORGET, {"sha256": sha256})).scalar_one_or_none()


async def set_labelled(session: AsyncSession, sha256: str) -> bool:
    """From now on the clip stays; whether it is there."""
    return (await session.execute(LABELLED, {"sha256": sha256})).first() is not None


async def try_collect(session: AsyncSession) -> bool:
    """Whether no other process is collecting; then none begins until the transaction ends."""
    return bool((await session.execute(TRY_COLLECT)).scalar_one())


async def expire(session: AsyncSession, before: datetime, limit: int) -> list[tuple[str, int]]:
    """Delete the rows of the oldest clips from before that time; their hashes and sizes."""
    result = await session.execute(EXPIRE, {"before": before, "limit": limit})
    return [(row.sha256, row.size_bytes) for row in result]


async def total_bytes(session: AsyncSession) -> int:
    """What all clips take."""
    return int((await session.execute(TOTAL)).scalar_one())


async def shrink(session: AsyncSession, max_bytes: int, limit: int) -> list[tuple[str, int]]:
    """Delete the rows of the oldest clips that don't fit any more; their hashes and sizes."""
    result = await session.execute(SHRINK, {"max_bytes": max_bytes, "limit": limit})
    return [(row.sha256, row.size_bytes) for row in result]


async def of_shard(session: AsyncSession, shard: str) -> set[str]:
    """The clips whose hash begins with `shard`."""
    beyond = f"{int(shard, 16) + 1:02x}" if shard != "ff" else "g"
    return set((await session.execute(SHARD, {"first": shard, "beyond": beyond})).scalars())


async def stats(session: AsyncSession) -> RowMapping:
    """How many clips there are, and how large."""
    return (await session.execute(STATS)).mappings().one()


async def newest(session: AsyncSession, limit: int) -> Sequence[RowMapping]:
    """The clips that were stored last."""
    return (await session.execute(LIST, {"limit": limit})).mappings().all()


async def lock_store(session: AsyncSession) -> None:
    """Let no other process decide whose store this is until the transaction ends."""
    await session.execute(LOCK_STORE)


async def store_id(session: AsyncSession) -> UUID | None:
    """The id of this database's store."""
    found: Any = (await session.execute(STORE_ID)).scalar_one_or_none()
    return found if isinstance(found, UUID) or found is None else UUID(str(found))


async def set_store_id(session: AsyncSession, new: UUID) -> None:
    """From now on that is this database's store."""
    await session.execute(SET_STORE_ID, {"store_id": new})
