"""The SQL by which readings and devices are read back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from signalcraft.telemetry.models import MEASURED

_COLUMNS: Final = ", ".join(MEASURED)
# The primary key gives the order; the partitions are visited from the newest on, and no further than the page needs.
PAGE: Final = text(f"""
    SELECT ts, {_COLUMNS} FROM readings
    WHERE device_id = :device_id AND ts >= :start AND ts <= :end
    ORDER BY ts DESC LIMIT :limit
""")  # noqa: S608 - column names of our own
IS_DEVICE: Final = text("SELECT EXISTS (SELECT FROM devices WHERE device_id = :device_id)")
# The newest minute of a device stands in its activity or is still marked, so its last reading is looked for in that
# minute alone.
DEVICES: Final = text(f"""
    SELECT d.device_id, d.name, d.site_id, greatest(a.last_seen, m.marked_at) AS last_seen, r.*
    FROM devices d
    LEFT JOIN device_activity a ON a.device_id = d.device_id COLLATE "C"
    LEFT JOIN LATERAL (
        SELECT max(minute) AS minute, max(marked_at) AS marked_at
        FROM rollup_marks WHERE device_id = d.device_id COLLATE "C"
    ) AS m ON true
    LEFT JOIN LATERAL (
        SELECT ts, {_COLUMNS} FROM readings
        WHERE device_id = d.device_id COLLATE "C"
            AND ts >= greatest(a.last_minute, m.minute)
            AND ts < greatest(a.last_minute, m.minute) + interval '1 minute'
        ORDER BY ts DESC LIMIT 1
    ) AS r ON true
    WHERE d.device_id > :after AND (:only = '' OR d.device_id = :only)
        AND (:is_anywhere OR d.site_id = ANY(:sites))
    ORDER BY d.device_id LIMIT :limit
""").bindparams(bindparam("sites", type_=ARRAY(Text)))  # noqa: S608 - column names of our own


async def page(
    session: AsyncSession, device_id: str, *, start: datetime, end: datetime, limit: int
) -> Sequence[Any]:
    """Readings of a device from `start` to `end`, both included, newest first: rows of `ts` and `MEASURED`."""
    found = await session.execute(PAGE, {"device_id": device_id, "start": start, "end": end, "limit": limit})
    return found.all()


async def is_device(session: AsyncSession, device_id: str) -> bool:
    """Whether there is such a device."""
    return bool((await session.execute(IS_DEVICE, {"device_id": device_id})).scalar_one())


async def devices(
    session: AsyncSession, *, after: str, only: str | None, sites: frozenset[str] | None, limit: int
) -> Sequence[RowMapping]:
    """Devices by id from the one behind `after` on, with what was last seen of them.

    `only` one, if given, and of these sites, if given.
    """
    values = {
        "after": after,
        "only": only or "",
        "is_anywhere": sites is None,
        "sites": sorted(sites or ()),
        "limit": limit,
    }
    found = await session.execute(DEVICES, values)
    return found.mappings().all()
