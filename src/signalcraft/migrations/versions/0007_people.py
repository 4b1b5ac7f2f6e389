"""People: sites, users, who is a member of which site, sessions, invitations; devices belong to a site.

The release before this one inserts devices without a site; the column's default gives them the first one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sites",
        sa.Column("site_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
    )
    op.execute("INSERT INTO sites (site_id, name) VALUES ('default', 'Default site')")
    # A constant default is kept once, not in each row, so this does not rewrite the table.
    op.add_column("devices", sa.Column("site_id", sa.Text, nullable=False, server_default="default"))
    op.create_foreign_key("fk_devices_site_id", "devices", "sites", ["site_id"], ["site_id"])
    op.create_index("ix_devices_site_id", "devices", ["site_id", "device_id"])
    _create_users()
    _create_sessions()
    # Keys that all workers share and nobody else knows.
    op.create_table(
        "server_secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in ("server_secrets", "invitations", "sessions", "memberships", "users"):
        op.drop_table(table)
    op.drop_column("devices", "site_id")
    op.drop_table("sites")


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("username_key", sa.Text, nullable=False, unique=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False, unique=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("disabled_at", INSTANT),
    )
    op.create_table(
        "memberships",
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column("site_id", sa.Text, sa.ForeignKey("sites.site_id"), primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("role IN ('owner', 'engineer', 'viewer')", name="ck_memberships_role"),
    )
    op.create_index("ix_memberships_site_id", "memberships", ["site_id"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("session_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.user_id"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("last_seen_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("user_agent", sa.Text),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("invitation_id", sa.Uuid, nullable=False, unique=True),
        # Neither: the code of the first start, which makes an administrator as long as there is no user.
        sa.Column("site_id", sa.Text, sa.ForeignKey("sites.site_id")),
        sa.Column("role", sa.Text),
        sa.Column("invited_by", sa.Uuid, sa.ForeignKey("users.user_id")),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.CheckConstraint("role IN ('owner', 'engineer', 'viewer')", name="ck_invitations_role"),
        sa.CheckConstraint("(site_id IS NULL) = (role IS NULL)", name="ck_invitations_site_and_role"),
    )
    op.create_index("ix_invitations_site_id", "invitations", ["site_id"])
