"""Which recordings still have statistics, by age."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_diagnoses_created_at_embedded",
        "diagnoses",
        ["created_at"],
        postgresql_where=sa.text("embedding IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_diagnoses_created_at_embedded", "diagnoses")
