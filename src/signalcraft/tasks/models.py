"""The tables of the tasks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.core.database import Base

_UNFINISHED = text("finished_at IS NULL")


class JobRow(Base):
    """Tasks that were sent together."""

    __tablename__ = "analysis_jobs"
    __table_args__ = (Index("ix_analysis_jobs_created_at", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())


class TaskRow(Base):
    """A recording that was accepted, and what became of it."""

    __tablename__ = "analysis_tasks"
    # What is written while a task runs stands in no index, so its row is updated in place (HOT).
    __table_args__ = (
        # Who is next.
        Index("ix_analysis_tasks_turn", "turn", "created_at", postgresql_where=_UNFINISHED),
        # How much of one lane waits.
        Index("ix_analysis_tasks_lane_turn", "lane", "turn", postgresql_where=_UNFINISHED),
        # Whether anyone else still needs a clip.
        Index("ix_analysis_tasks_clip_sha256", "clip_sha256", postgresql_where=_UNFINISHED),
        Index(
            "ix_analysis_tasks_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")
        ),
        Index("ix_analysis_tasks_job_id", "job_id", "position", postgresql_where=text("job_id IS NOT NULL")),
        Index(
            "uq_analysis_tasks_lane_idempotency_key",
            "lane",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    device_id: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    clip_sha256: Mapped[str] = mapped_column(Text)
    # PENDING, PROGRESS, SUCCESS or FAILURE.
    status: Mapped[str] = mapped_column(Text, server_default="PENDING")
    progress: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    # Counts each change that a client can see.
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    # Those who share a lane take turns with the other lanes: the device's id, or nothing where it has none.
    lane: Mapped[str] = mapped_column(Text)
    turn: Mapped[int] = mapped_column(BigInteger)
    tries: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    # Whoever works on it has this; what others bring is not taken.
    lease_id: Mapped[UUID | None] = mapped_column()
    # Until then nobody else takes it.
    lease_until: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    diagnosis_id: Mapped[UUID | None] = mapped_column()
    error_code: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    is_cancelled: Mapped[bool] = mapped_column(Boolean, server_default="false")
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    # Of what was sent under the key.
    request_digest: Mapped[str | None] = mapped_column(Text)
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("analysis_jobs.id", ondelete="CASCADE"))
    # In the job, and how the file was called there.
    position: Mapped[int | None] = mapped_column(Integer)
    name: Mapped[str | None] = mapped_column(Text)
