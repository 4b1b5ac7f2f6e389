"""The audit log by who did it: a site's owners read their members' logins."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_events_actor_user_id", "audit_events", ["actor_user_id", "event_id"])


def downgrade() -> None:
    op.drop_index("ix_audit_events_actor_user_id", "audit_events")
