"""Explanations: each diagnosis' spectrum, and where it differs from normal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Both may be null, so the previous release's inserts still work.
    op.add_column("diagnoses", sa.Column("spectrum_dbfs", ARRAY(sa.REAL)))
    op.add_column("diagnoses", sa.Column("explanation", JSONB))


def downgrade() -> None:
    op.drop_column("diagnoses", "explanation")
    op.drop_column("diagnoses", "spectrum_dbfs")
