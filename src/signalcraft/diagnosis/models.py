"""The tables of diagnoses and of what people say of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    REAL,
    TIMESTAMP,
    BigInteger,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.core.database import Base


class DiagnosisRow(Base):
    """What one recording was judged to be."""

    __tablename__ = "diagnoses"
    # Newest first, of one device or of all, page by page.
    __table_args__ = (
        Index("ix_diagnoses_device_id_created_at_id", "device_id", "created_at", "id"),
        Index("ix_diagnoses_created_at_id", "created_at", "id"),
        # Whose statistics are to be dropped next.
        Index(
            "ix_diagnoses_created_at_embedded", "created_at", postgresql_where=text("embedding IS NOT NULL")
        ),
        # A device's operating states in order of time.
        Index(
            "ix_diagnoses_device_id_recorded_at",
            "device_id",
            "recorded_at",
            postgresql_where=text("operating_state IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    device_id: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    verdict: Mapped[str] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(Text)
    probabilities: Mapped[dict[str, float]] = mapped_column(JSONB)
    confidence: Mapped[float] = mapped_column(Double)
    anomaly_score: Mapped[float] = mapped_column(Double)
    threshold: Mapped[float] = mapped_column(Double)
    message: Mapped[str] = mapped_column(Text)
    processing_time_ms: Mapped[float] = mapped_column(Double)
    model_name: Mapped[str] = mapped_column(Text)
    model_version: Mapped[str] = mapped_column(Text)
    duration_s: Mapped[float] = mapped_column(Double)
    sample_rate_hz: Mapped[int] = mapped_column(Integer)
    channels: Mapped[int] = mapped_column(SmallInteger)
    peak_dbfs: Mapped[float] = mapped_column(Double)
    # The recording's hash if it was put into the clip store, else why it was not.
    clip_sha256: Mapped[str | None] = mapped_column(Text)
    clip_problem: Mapped[str | None] = mapped_column(Text)
    # Both or none; none where an earlier release judged.
    decisive_from_s: Mapped[float | None] = mapped_column(Double)
    decisive_to_s: Mapped[float | None] = mapped_column(Double)
    # Both None where an earlier release judged.
    spectrum_dbfs: Mapped[list[float] | None] = mapped_column(ARRAY(REAL))
    explanation: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # What the verdict rests on; the rest is empty where the device has no baseline.
    basis: Mapped[str] = mapped_column(Text, server_default="reference")
    baseline_version: Mapped[int | None] = mapped_column(Integer)
    deviation: Mapped[float | None] = mapped_column(Double)
    second_opinion: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    operating_state: Mapped[str | None] = mapped_column(Text)
    # The clip's statistics, to learn a baseline from; nothing that an answer shows.
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    embedding_version: Mapped[int | None] = mapped_column(SmallInteger)


class LabelRow(Base):
    """A person's word on what one recording is; none is ever changed, the last one holds."""

    __tablename__ = "diagnosis_labels"
    __table_args__ = (Index("ix_diagnosis_labels_diagnosis_id_id", "diagnosis_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    diagnosis_id: Mapped[UUID] = mapped_column(ForeignKey("diagnoses.id", ondelete="CASCADE"))
    label: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    labelled_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
