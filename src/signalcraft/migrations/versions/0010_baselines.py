"""Each machine's own normal, and what it says of each recording."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ADDED: dict[str, sa.Column[Any]] = {
    "basis": sa.Column("basis", sa.Text, nullable=False, server_default="reference"),
    "baseline_version": sa.Column("baseline_version", sa.Integer),
    "deviation": sa.Column("deviation", sa.Double),
    "second_opinion": sa.Column("second_opinion", JSONB),
    "operating_state": sa.Column("operating_state", sa.Text),
    "embedding": sa.Column("embedding", sa.LargeBinary),
    "embedding_version": sa.Column("embedding_version", sa.SmallInteger),
}


def upgrade() -> None:
    op.create_table(
        "baselines",
        sa.Column("device_id", sa.Text, sa.ForeignKey("devices.device_id"), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("clips_wanted", sa.Integer, nullable=False),
        sa.Column("learn_until", sa.TIMESTAMP(timezone=True)),
        sa.Column("false_alarm_rate", sa.Double, nullable=False),
        sa.Column("adapt", sa.Boolean, nullable=False),
        sa.Column("machine", sa.LargeBinary),
        sa.Column("embedding_version", sa.SmallInteger),
        sa.Column("ready_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("learnt_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("learnt", ARRAY(sa.Uuid), nullable=False, server_default="{}"),
        sa.Column("followed", ARRAY(sa.Uuid), nullable=False, server_default="{}"),
        sa.Column("outliers", sa.Integer, nullable=False, server_default="0"),
        sa.Column("quality", JSONB),
        sa.Column("adaptations", JSONB, nullable=False, server_default="[]"),
        sa.Column("states", JSONB),
        sa.Column("last_problem", sa.Text),
        sa.CheckConstraint("(machine IS NULL) = (ready_at IS NULL)", name="ck_baselines_ready"),
    )
    # A default that is a constant writes no row anew, and the release before can go on inserting.
    for column in ADDED.values():
        op.add_column("diagnoses", column)
    op.create_index(
        "ix_diagnoses_device_id_recorded_at",
        "diagnoses",
        ["device_id", "recorded_at"],
        postgresql_where=sa.text("operating_state IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_diagnoses_device_id_recorded_at", "diagnoses")
    for name in reversed(ADDED):
        op.drop_column("diagnoses", name)
    op.drop_table("baselines")
