"""The model registry: models, their roles, and what shadows heard."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("card", JSONB, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("added_by", sa.Text, nullable=False),
        sa.Column("checks", JSONB, nullable=False),
        sa.Column("is_usable", sa.Boolean, nullable=False),
        sa.UniqueConstraint("name", "version"),
    )
    op.create_table(
        "model_roles",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, sa.ForeignKey("models.digest")),
        sa.Column("is_rollback", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("since", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.CheckConstraint("role IN ('active', 'shadow')", name="ck_model_roles_role"),
    )
    op.create_index("ix_model_roles_role_id", "model_roles", ["role", "id"])
    op.create_table(
        "shadow_judgements",
        sa.Column(
            "diagnosis_id", sa.Uuid, sa.ForeignKey("diagnoses.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("digest", sa.Text, sa.ForeignKey("models.digest"), primary_key=True),
        sa.Column("judged_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("anomaly_score", sa.Double, nullable=False),
        sa.Column("inference_ms", sa.Double, nullable=False),
    )
    op.create_index("ix_shadow_judgements_digest_judged_at", "shadow_judgements", ["digest", "judged_at"])


def downgrade() -> None:
    op.drop_table("shadow_judgements")
    op.drop_table("model_roles")
    op.drop_table("models")
