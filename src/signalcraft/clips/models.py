"""The tables of the clip store."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, Boolean, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.core.database import Base


class ClipRow(Base):
    """A recording that is kept; its file stands in the store under its SHA-256."""

    __tablename__ = "clips"
    # The oldest go first.
    __table_args__ = (Index("ix_clips_stored_at", "stored_at"),)

    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    # When it was last sent: a recording that comes again is as good as new.
    stored_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    # Someone works on it until then (a task that has not been judged yet).
    held_until: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    # A person has said what it is: it stays, whatever its age.
    is_labelled: Mapped[bool] = mapped_column(Boolean, server_default="false")
    # Stored for a task alone, which has not said yet whether it is to be kept.
    is_temporary: Mapped[bool] = mapped_column(Boolean, server_default="false")


class ClipStoreRow(Base):
    """Which store belongs to this database; one row, made with the first clip."""

    __tablename__ = "clip_store"

    store_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_the_one: Mapped[bool] = mapped_column(Boolean, server_default="true", unique=True)
