"""Tasks: recordings that are judged later, and which clips are stored for them alone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)
UNFINISHED = sa.text("finished_at IS NULL")


def upgrade() -> None:
    # With a constant default no row is written anew, and the release before can go on inserting.
    op.add_column("clips", sa.Column("is_temporary", sa.Boolean, nullable=False, server_default="false"))
    op.create_table(
        "analysis_jobs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("device_id", sa.Text),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
    )
    op.create_index("ix_analysis_jobs_created_at", "analysis_jobs", ["created_at"])
    op.create_table(
        "analysis_tasks",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("device_id", sa.Text),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("clip_sha256", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="PENDING"),
        sa.Column("progress", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("lease_id", sa.Uuid),
        sa.Column("lease_until", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("diagnosis_id", sa.Uuid),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("is_cancelled", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_digest", sa.Text),
        sa.Column("job_id", sa.Uuid, sa.ForeignKey("analysis_jobs.id", ondelete="CASCADE")),
        sa.Column("position", sa.Integer),
        sa.Column("name", sa.Text),
        sa.CheckConstraint(
            "status IN ('PENDING', 'PROGRESS', 'SUCCESS', 'FAILURE')", name="ck_analysis_tasks_status"
        ),
        sa.CheckConstraint(
            "(status = 'SUCCESS') = (diagnosis_id IS NOT NULL)", name="ck_analysis_tasks_success"
        ),
        sa.CheckConstraint(
            "(status IN ('SUCCESS', 'FAILURE')) = (finished_at IS NOT NULL)",
            name="ck_analysis_tasks_finished",
        ),
        # Each waiting task is written twice more; room on its page keeps that from touching the indexes.
        postgresql_with={"fillfactor": 70},
    )
    _create_indexes()


def _create_indexes() -> None:
    table = "analysis_tasks"
    op.create_index("ix_analysis_tasks_turn", table, ["turn", "created_at"], postgresql_where=UNFINISHED)
    op.create_index("ix_analysis_tasks_lane_turn", table, ["lane", "turn"], postgresql_where=UNFINISHED)
    op.create_index("ix_analysis_tasks_clip_sha256", table, ["clip_sha256"], postgresql_where=UNFINISHED)
    op.create_index(
        "ix_analysis_tasks_finished_at",
        table,
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_analysis_tasks_job_id",
        table,
        ["job_id", "position"],
        postgresql_where=sa.text("job_id IS NOT NULL"),
    )
    op.create_index(
        "uq_analysis_tasks_lane_idempotency_key",
        table,
        ["lane", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("analysis_tasks")
    op.drop_table("analysis_jobs")
    op.drop_column("clips", "is_temporary")
