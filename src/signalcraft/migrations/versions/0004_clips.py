"""Clips: which recordings are kept, and which diagnosis was of which."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clips",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("stored_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("held_until", sa.TIMESTAMP(timezone=True)),
        sa.Column("is_labelled", sa.Boolean, nullable=False, server_default="false"),
    )
    op.create_index("ix_clips_stored_at", "clips", ["stored_at"])
    op.create_table(
        "clip_store",
        sa.Column("store_id", sa.Uuid, primary_key=True),
        sa.Column("is_the_one", sa.Boolean, nullable=False, server_default="true", unique=True),
        sa.CheckConstraint("is_the_one", name="ck_clip_store_is_the_one"),
    )
    # Both may be null, so the previous release's inserts still work.
    op.add_column("diagnoses", sa.Column("clip_sha256", sa.Text))
    op.add_column("diagnoses", sa.Column("clip_problem", sa.Text))


def downgrade() -> None:
    op.drop_column("diagnoses", "clip_problem")
    op.drop_column("diagnoses", "clip_sha256")
    op.drop_table("clip_store")
    op.drop_table("clips")
