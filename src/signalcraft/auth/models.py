"""The tables of users, sessions and invitations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, Boolean, CheckConstraint, ForeignKey, Index, LargeBinary, Text, false, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.core.database import Base

_INSTANT = TIMESTAMP(timezone=True)


class UserRow(Base):
    """A person. The keys are name and address in one form, so that no two differ by capitals alone."""

    __tablename__ = "users"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(Text)
    username_key: Mapped[str] = mapped_column(Text, unique=True)
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    is_admin: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime] = mapped_column(_INSTANT, server_default=func.now())
    disabled_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class SessionRow(Base):
    """A signed-in browser: the SHA-256 of its token, and an id under which it may be spoken of."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id", "user_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id"))
    created_at: Mapped[datetime] = mapped_column(_INSTANT, server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(_INSTANT, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(_INSTANT)
    address: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)


class InvitationRow(Base):
    """A code by which one person may make an account; without a site it makes the first administrator."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'engineer', 'viewer')", name="ck_invitations_role"),
        CheckConstraint("(site_id IS NULL) = (role IS NULL)", name="ck_invitations_site_and_role"),
        Index("ix_invitations_site_id", "site_id"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    invitation_id: Mapped[UUID] = mapped_column(unique=True)
    site_id: Mapped[str | None] = mapped_column(ForeignKey("sites.site_id"))
    role: Mapped[str | None] = mapped_column(Text)
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.user_id"))
    created_at: Mapped[datetime] = mapped_column(_INSTANT, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(_INSTANT)


class AccessTokenRow(Base):
    """A script's token, as its SHA-256 alone."""

    __tablename__ = "access_tokens"
    __table_args__ = (Index("ix_access_tokens_user_id", "user_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    token_id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id"))
    name: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(_INSTANT, server_default=func.now())
    last_used_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    expires_at: Mapped[datetime] = mapped_column(_INSTANT)


class ServerSecretRow(Base):
    """A key that all workers share, made when it is first needed."""

    __tablename__ = "server_secrets"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
