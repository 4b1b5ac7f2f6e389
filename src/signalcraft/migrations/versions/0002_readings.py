"""Readings by month, and their rollups per minute and hour."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# "C": ids are plain ASCII, and comparing bytes is several times quicker than a language's order.
DEVICE_ID = sa.Text(collation="C")
INSTANT = sa.TIMESTAMP(timezone=True)
MEASURED = (
    "temperature_c",
    "vibration_x_g",
    "vibration_y_g",
    "vibration_z_g",
    "power_percent",
    "audio_level",
    "sensor_quality",
)


def upgrade() -> None:
    # No foreign key to devices: it would lock the device's row once for each reading, and a device is never deleted.
    op.create_table(
        "readings",
        sa.Column("device_id", DEVICE_ID, primary_key=True),
        sa.Column("ts", INSTANT, primary_key=True),
        *(sa.Column(name, sa.Double, nullable=name == "sensor_quality") for name in MEASURED),
        postgresql_partition_by="RANGE (ts)",
    )
    # The form in which ingest hands rows over; `ts_us` is microseconds since 1970.
    measured = ", ".join(f"{name} double precision" for name in MEASURED)
    op.execute(f"CREATE TYPE sent_reading AS (device_id text, ts_us bigint, {measured})")
    op.create_table("rollup_minute", *_rollup_columns("minute"))
    op.create_table("rollup_hour", *_rollup_columns("hour"))
    op.create_table(
        "rollup_marks",
        sa.Column("device_id", DEVICE_ID, nullable=False),
        sa.Column("minute", INSTANT, nullable=False),
        sa.Column("marked_at", INSTANT, nullable=False, server_default=sa.func.now()),
    )
    op.create_index("ix_rollup_marks_device_id_minute", "rollup_marks", ["device_id", "minute"])
    op.create_table(
        "device_activity",
        sa.Column("device_id", DEVICE_ID, primary_key=True),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.Column("last_minute", INSTANT, nullable=False),
    )


def _rollup_columns(bucket: str) -> list[sa.Column[Any]]:
    return [
        sa.Column("device_id", DEVICE_ID, primary_key=True),
        sa.Column(bucket, INSTANT, primary_key=True),
        sa.Column("readings", sa.BigInteger, nullable=False),
        sa.Column("sensor_quality_count", sa.BigInteger, nullable=False),
        *(
            sa.Column(f"{name}_{aggregate}", sa.Double, nullable=name == "sensor_quality")
            for name in MEASURED
            for aggregate in ("min", "max", "sum")
        ),
    ]


def downgrade() -> None:
    for table in (
        "device_activity",
        "rollup_marks",
        "rollup_hour",
        "rollup_minute",
        "readings",
    ):
        op.drop_table(table)
    op.execute("DROP TYPE sent_reading")
