"""Labels: what people say of recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "diagnosis_labels",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("diagnosis_id", sa.Uuid, sa.ForeignKey("diagnoses.id", ondelete="CASCADE"), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("said_by", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("labelled_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_index("ix_diagnosis_labels_diagnosis_id_id", "diagnosis_labels", ["diagnosis_id", "id"])


def downgrade() -> None:
    op.drop_table("diagnosis_labels")
