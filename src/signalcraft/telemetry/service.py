"""The rules of readings: who may send which, what becomes of them, and how they are read back."""

import base64
import binascii
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from signalcraft.core.errors import BadRequest
from signalcraft.core.rate_limit import RateLimit
from signalcraft.devices.access import ANYONE, Caller
from signalcraft.devices.errors import DeviceUnknown, OtherDevice
from signalcraft.devices.service import is_device_id
from signalcraft.telemetry import repository, rollup_repository
from signalcraft.telemetry.errors import RangeInvalid
from signalcraft.telemetry.ingest import Ingest, Stored
from signalcraft.telemetry.presentation import shown_bucket, shown_device, shown_reading, written
from signalcraft.telemetry.ranges import Range
from signalcraft.telemetry.readings import Batch, ReadingRow, Rejected
from signalcraft.telemetry.registration import Admission


class Page(NamedTuple):
    """Some entries as a JSON array, newest or first by id, how many, and the cursor of the next page."""

    entries: bytes
    entry_count: int
    next_cursor: str | None


async def store_one(
    row: ReadingRow, caller: Caller, rate: RateLimit, admission: Admission | None, ingest: Ingest
) -> Stored:
    """Store a reading; returns after the commit. `admission` is there where the caller is no device.

    Whoever is known has spent its share of the rate before the reading was read.

    Raises:
        RateLimited: access is open, and the reading's device sends too much.
        OtherDevice, DeviceUnknown: the caller may not post as the reading's device.
        DeviceIdInvalid, RegistryFull: the device is not known, and may not be called so or there is no room for more.
        IngestBusy, DatabaseUnavailable: it was not stored, or that is not known; send it again.
    """
    caller.may_act_as(row.device_id)
    if caller is ANYONE:
        rate.spend(row.device_id)
    if admission is not None:
        await admission.register(row.device_id)
    return await ingest.store([row])


async def store_batch(
    batch: Batch, caller: Caller, rate: RateLimit, admission: Admission | None, ingest: Ingest
) -> tuple[Stored, Sequence[Rejected]]:
    """Store those readings of a batch that the caller may send; the others are rejected, by their index.

    Whoever may send is let send a whole batch, however long it is, and pays for it before the next.

    Raises:
        RateLimited: access is open, and one of the batch's devices sends too much.
        OtherDevice, DeviceUnknown, RegistryFull: there are readings, and that holds for all of them.
        IngestBusy, DatabaseUnavailable: nothing was stored, or that is not known; send the batch again.
    """
    device_ids = {row.device_id for row in batch.rows}
    refusals: dict[str, BadRequest] = {}
    caller.charge(rate, len(batch.rows) + len(batch.rejected))
    if caller is ANYONE:
        _spend_for_each(batch, rate)
    if caller.device_id is not None:
        refusals = {device_id: OtherDevice() for device_id in device_ids if device_id != caller.device_id}
    elif admission is not None:
        refusals = await admission.register_all(device_ids)
    if not refusals:
        return await ingest.store(batch.rows), batch.rejected
    rows = [row for row in batch.rows if row.device_id not in refusals]
    if not rows:
        raise next(iter(refusals.values()))
    return await ingest.store(rows), _with_refused(batch, refusals)


async def read(session: AsyncSession, device_id: str, asked: Range, cursor: str | None, limit: int) -> Page:
    """Readings of a device, or its buckets, newest first.

    Raises:
        DeviceUnknown: there is no such device.
        RangeInvalid: the cursor belongs to another question.
    """
    rest = asked if cursor is None else asked.before(cursor)
    if rest.bucket is None:
        rows = await repository.page(session, device_id, start=rest.start, end=rest.end, limit=limit + 1)
        entries = await written(rows[:limit], shown_reading)
    else:
        rows = await rollup_repository.buckets(
            session, device_id, bucket=rest.bucket, start=rest.start, end=rest.end, limit=limit + 1
        )
        entries = await written(rows[:limit], shown_bucket)
    if not rows and not await repository.is_device(session, device_id):
        raise DeviceUnknown(device_id=device_id)
    # Both kinds of rows begin with their time.
    next_cursor = asked.cursor(rows[limit - 1][0]) if len(rows) > limit else None
    return Page(entries, min(len(rows), limit), next_cursor)


async def list_devices(session: AsyncSession, caller: Caller, cursor: str | None, limit: int) -> Page:
    """Devices by id, with what was last heard of them; with a device's token only the device itself.

    Raises:
        RangeInvalid: the cursor is not one of ours.
    """
    after = "" if cursor is None else _device_of(cursor)
    rows = await repository.devices(
        session, after=after, only=caller.device_id, sites=caller.sites, limit=limit + 1
    )
    next_cursor = _device_cursor(rows[limit - 1]["device_id"]) if len(rows) > limit else None
    return Page(await written(rows[:limit], shown_device), min(len(rows), limit), next_cursor)


def _spend_for_each(batch: Batch, rate: RateLimit) -> None:
    counts = Counter(row.device_id for row in batch.rows)
    for device_id in counts:
        rate.spend(device_id)
    for device_id, count in counts.items():
        rate.charge(device_id, count - 1)


def _with_refused(batch: Batch, refusals: dict[str, BadRequest]) -> list[Rejected]:
    refused: list[Rejected] = [
        {"index": index, "field": "device_id", "reason": str(refusals[row.device_id])}
        for index, row in zip(batch.indexes, batch.rows, strict=True)
        if row.device_id in refusals
    ]
    return sorted([*batch.rejected, *refused], key=lambda rejected: rejected["index"])


def _device_cursor(device_id: str) -> str:
    return base64.urlsafe_b64encode(device_id.encode()).decode().rstrip("=")


def _device_of(cursor: str) -> str:
    try:
        device_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error):
        device_id = ""
    if not is_device_id(device_id):
        raise RangeInvalid(
            errors=[{"field": "query.cursor", "reason": "is not a `next_cursor` of this address"}]
        )
    return device_id
