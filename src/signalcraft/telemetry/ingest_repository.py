"""The SQL by which readings come in. It runs on a plain asyncpg connection that belongs to the one writer."""

from typing import Any, Final

from signalcraft.telemetry.models import MEASURED
from signalcraft.telemetry.readings import ReadingRow

_COLUMNS: Final = ", ".join(MEASURED)
# One statement is one transaction, one round trip and one commit for a whole group. One array of rows is encoded and
# unpacked in half the time of an array for each column.
# The order of insertion is the same in every process, so two groups with common readings wait for each other in one
# direction only.
_SENT: Final = f"""
    SELECT device_id, timestamptz 'epoch' + ts_us * interval '1 microsecond', {_COLUMNS}
    FROM unnest($1::sent_reading[]) WITH ORDINALITY AS sent (device_id, ts_us, {_COLUMNS}, place)
    ORDER BY device_id COLLATE "C", ts_us, place"""  # noqa: S608 - column names of our own
_MARKED: Final = """
    INSERT INTO rollup_marks (device_id, minute)
    SELECT DISTINCT device_id, date_trunc('minute', ts) FROM fresh"""
# Two thirds of the cost of the next one, which looks for each key before it inserts; a key that is there already fails
# the whole statement.
INSERT_NEW_GROUP: Final = f"""
    WITH fresh AS (
        INSERT INTO readings (device_id, ts, {_COLUMNS}) {_SENT} RETURNING device_id, ts
    ) {_MARKED}
"""
# Of two readings of one time in the group the first is stored. Which ones were new is asked only when some were not.
INSERT_GROUP: Final = f"""
    WITH fresh AS (
        INSERT INTO readings (device_id, ts, {_COLUMNS}) {_SENT} ON CONFLICT DO NOTHING RETURNING device_id, ts
    ), marked AS ({_MARKED}
    ), counted AS (
        SELECT count(*) AS inserted FROM fresh
    )
    SELECT
        inserted,
        CASE WHEN inserted < cardinality($1) THEN (SELECT array_agg(device_id) FROM fresh) END AS device_ids,
        CASE WHEN inserted < cardinality($1) THEN
            (SELECT array_agg((extract(epoch FROM ts) * 1000000)::bigint) FROM fresh)
        END AS ts_us
    FROM counted
"""  # noqa: S608 - as above


async def insert_new_group(connection: Any, rows: list[ReadingRow]) -> None:
    """Store the rows and mark their minutes, committed, where all of them are new.

    Raises:
        asyncpg.UniqueViolationError: some were not, and nothing was stored.
        asyncpg.PostgresError, OSError, TimeoutError: as for `insert_group`.
    """
    await connection.fetch(INSERT_NEW_GROUP, rows)


async def insert_group(connection: Any, rows: list[ReadingRow]) -> set[tuple[str, int]] | None:
    """Store the rows and mark their minutes, committed; the keys that were new, or None where all were.

    Raises:
        asyncpg.PostgresError, OSError, TimeoutError: as the connection has it; unless PostgreSQL itself refused,
            the outcome is unknown.
    """
    found = await connection.fetchrow(INSERT_GROUP, rows)
    if found["inserted"] == len(rows):
        return None
    return set(zip(found["device_ids"] or (), found["ts_us"] or (), strict=True))
