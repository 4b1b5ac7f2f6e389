"""Diagnoses: what each recording was judged to be."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "diagnoses",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("device_id", sa.Text),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("probabilities", JSONB, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("anomaly_score", sa.Double, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("processing_time_ms", sa.Double, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("duration_s", sa.Double, nullable=False),
        sa.Column("sample_rate_hz", sa.Integer, nullable=False),
        sa.Column("channels", sa.SmallInteger, nullable=False),
        sa.Column("peak_dbfs", sa.Double, nullable=False),
        sa.CheckConstraint("verdict IN ('normal', 'anomalous', 'unknown')", name="ck_diagnoses_verdict"),
    )
    op.create_index("ix_diagnoses_device_id_created_at_id", "diagnoses", ["device_id", "created_at", "id"])
    op.create_index("ix_diagnoses_created_at_id", "diagnoses", ["created_at", "id"])


def downgrade() -> None:
    op.drop_table("diagnoses")
