"""Personal access tokens, and the log of who did what, which can only grow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)
REFUSE = """
    CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'insufficient_privilege';
    END $$;
"""
# Rights keep out whoever has them granted, the trigger also a superuser, as the embedded PostgreSQL's user is one.
TRIGGER = """
    CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log();
"""
REVOKE = "REVOKE UPDATE, DELETE, TRUNCATE ON audit_events FROM PUBLIC, CURRENT_USER"


def upgrade() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("token_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.user_id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("last_used_at", INSTANT),
        sa.Column("expires_at", INSTANT, nullable=False),
    )
    op.create_index("ix_access_tokens_user_id", "access_tokens", ["user_id"])
    # No foreign keys: what was done stays told, whatever becomes of whom it was done to.
    op.create_table(
        "audit_events",
        sa.Column("event_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", INSTANT, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("actor_user_id", sa.Uuid),
        sa.Column("address", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("site_id", sa.Text),
        sa.Column("details", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    )
    op.create_index("ix_audit_events_site_id", "audit_events", ["site_id", "event_id"])
    op.execute(REFUSE)
    op.execute(TRIGGER)
    op.execute(REVOKE)


def downgrade() -> None:
    op.drop_table("audit_events")
    op.execute("DROP FUNCTION refuse_change_of_audit_log()")
    op.drop_table("access_tokens")
