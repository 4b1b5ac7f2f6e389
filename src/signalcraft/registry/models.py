"""The tables of the model registry."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.core.database import Base


class ModelRow(Base):
    """A model that was added; its files stand in the store under its digest."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("name", "version"),)

    # SHA-256 of the ONNX file followed by its card.
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    card: Mapped[dict[str, Any]] = mapped_column(JSONB)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    added_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    added_by: Mapped[str] = mapped_column(Text)
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    is_usable: Mapped[bool] = mapped_column(Boolean)


class ModelRoleRow(Base):
    """From when on which model had a role; the last row of a role holds, and none is ever changed."""

    __tablename__ = "model_roles"
    __table_args__ = (
        CheckConstraint("role IN ('active', 'shadow')", name="ck_model_roles_role"),
        Index("ix_model_roles_role_id", "role", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    role: Mapped[str] = mapped_column(Text)
    # None: the model that ships with the release is active; there is no shadow.
    digest: Mapped[str | None] = mapped_column(ForeignKey("models.digest"))
    is_rollback: Mapped[bool] = mapped_column(Boolean, server_default="false")
    since: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    set_by: Mapped[str] = mapped_column(Text)


class ShadowJudgementRow(Base):
    """What a shadow model made of a recording that the active one had judged."""

    __tablename__ = "shadow_judgements"
    __table_args__ = (Index("ix_shadow_judgements_digest_judged_at", "digest", "judged_at"),)

    diagnosis_id: Mapped[UUID] = mapped_column(
        ForeignKey("diagnoses.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[str] = mapped_column(ForeignKey("models.digest"), primary_key=True)
    judged_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    verdict: Mapped[str] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Double)
    anomaly_score: Mapped[float] = mapped_column(Double)
    inference_ms: Mapped[float] = mapped_column(Double)
