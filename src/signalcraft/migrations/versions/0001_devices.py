"""Devices and their tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Every worker keeps the tokens that it has just checked; a change reaches all of them through this channel.
ANNOUNCE = """
    CREATE FUNCTION announce_device_token() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('device_tokens', encode(OLD.digest, 'hex'));
        RETURN NULL;
    END $$;
"""
TRIGGER = """
    CREATE TRIGGER device_token_changed AFTER UPDATE OR DELETE ON device_tokens
    FOR EACH ROW EXECUTE FUNCTION announce_device_token();
"""


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "device_tokens",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("device_id", sa.Text, sa.ForeignKey("devices.device_id"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True)),
    )
    op.create_index("ix_device_tokens_device_id", "device_tokens", ["device_id"])
    op.execute(ANNOUNCE)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.drop_table("device_tokens")
    op.execute("DROP FUNCTION announce_device_token()")
    op.drop_table("devices")
