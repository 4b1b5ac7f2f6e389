"""All SQL of the device registry."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Interval, Text

ADD_DEVICE = text("""
    INSERT INTO devices (device_id, name) VALUES (:device_id, :name)
    ON CONFLICT (device_id) DO NOTHING
    RETURNING device_id
""")
ADD_MISSING = text("""
    INSERT INTO devices (device_id) SELECT unnest(:device_ids)
    ON CONFLICT (device_id) DO NOTHING
""").bindparams(bindparam("device_ids", type_=ARRAY(Text)))
KNOWN = text("SELECT device_id FROM devices WHERE device_id = ANY(:device_ids)").bindparams(
    bindparam("device_ids", type_=ARRAY(Text))
)
# Any 64-bit number of its own: one registration at a time, so that the count before it still holds.
LOCK_REGISTRY = text("SELECT pg_advisory_xact_lock(6001)")
COUNT = text("SELECT count(*) FROM devices")
LIST = text("""
    SELECT d.device_id, d.name, d.site_id, d.created_at, count(t.digest) AS valid_tokens
    FROM devices d
    LEFT JOIN device_tokens t ON t.device_id = d.device_id AND (t.expires_at IS NULL OR t.expires_at > now())
    GROUP BY d.device_id ORDER BY d.device_id
""")
RENAME = text("UPDATE devices SET name = :name WHERE device_id = :device_id")
MOVE = text("UPDATE devices SET site_id = :site_id WHERE device_id = :device_id")
SITE_OF = text("SELECT site_id FROM devices WHERE device_id = :device_id")
ADD_TOKEN = text("INSERT INTO device_tokens (digest, device_id) VALUES (:digest, :device_id)")
# A token that was to end sooner keeps its earlier end.
EXPIRE_TOKENS = text("""
    UPDATE device_tokens SET expires_at = now() + :overlap
    WHERE device_id = :device_id AND (expires_at IS NULL OR expires_at > now() + :overlap)
""").bindparams(bindparam("overlap", type_=Interval))
FIND_TOKEN = text("""
    SELECT device_id, expires_at FROM device_tokens
    WHERE digest = :digest AND (expires_at IS NULL OR expires_at > now())
""")


async def add_device(session: AsyncSession, device_id: str, name: str | None) -> bool:
    """Whether the device is new."""
    return (await session.execute(ADD_DEVICE, {"device_id": device_id, "name": name})).first() is not None


async def add_missing(session: AsyncSession, device_ids: Sequence[str]) -> None:
    """Register those that are not there yet. Sorted, so that two requests can't lock each other out."""
    await session.execute(ADD_MISSING, {"device_ids": sorted(device_ids)})


async def known(session: AsyncSession, device_ids: Sequence[str]) -> set[str]:
    """Those of the ids that are registered."""
    return set((await session.execute(KNOWN, {"device_ids": list(device_ids)})).scalars())


async def lock_registry(session: AsyncSession) -> None:
    """Let no other transaction register devices by itself until this one ends."""
    await session.execute(LOCK_REGISTRY)


async def count(session: AsyncSession) -> int:
    """How many devices there are."""
    return int((await session.execute(COUNT)).scalar_one())


async def list_devices(session: AsyncSession) -> Sequence[RowMapping]:
    """All devices with the number of their valid tokens, by id."""
    return (await session.execute(LIST)).mappings().all()


async def rename(session: AsyncSession, device_id: str, name: str | None) -> None:
    """Call a device something else."""
    await session.execute(RENAME, {"device_id": device_id, "name": name})


async def move(session: AsyncSession, device_id: str, site_id: str) -> None:
    """Let a device belong to this site."""
    await session.execute(MOVE, {"device_id": device_id, "site_id": site_id})


async def site_of(session: AsyncSession, device_id: str) -> str | None:
    """The site of a device, or None where there is no such device."""
    found: str | None = (await session.execute(SITE_OF, {"device_id": device_id})).scalar_one_or_none()
    return found


async def add_token(session: AsyncSession, device_id: str, digest: bytes) -> None:
    """Keep a token's digest."""
    await session.execute(ADD_TOKEN, {"device_id": device_id, "digest": digest})


async def expire_tokens(session: AsyncSession, device_id: str, overlap: timedelta) -> int:
    """Let all tokens of a device end after `overlap`, by the database's clock; how many that changed."""
    result: Any = await session.execute(EXPIRE_TOKENS, {"device_id": device_id, "overlap": overlap})
    return int(result.rowcount)


async def find_token(session: AsyncSession, digest: bytes) -> tuple[str, datetime | None] | None:
    """The device and the end of a valid token."""
    row = (await session.execute(FIND_TOKEN, {"digest": digest})).first()
    return None if row is None else (row.device_id, row.expires_at)
