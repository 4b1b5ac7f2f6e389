"""Which seconds of a recording decided; without values for what was judged before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default: no row is written anew, and the release before can go on inserting.
    op.add_column("diagnoses", sa.Column("decisive_from_s", sa.Double))
    op.add_column("diagnoses", sa.Column("decisive_to_s", sa.Double))
    op.create_check_constraint(
        "ck_diagnoses_decisive", "diagnoses", "decisive_from_s < decisive_to_s", postgresql_not_valid=True
    )


def downgrade() -> None:
    op.drop_column("diagnoses", "decisive_to_s")
    op.drop_column("diagnoses", "decisive_from_s")
