"""The table of baselines. What they are learnt from stands with the diagnoses."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    Boolean,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.core.database import Base


class BaselineRow(Base):
    """A device's own normal, learnt or being learnt."""

    __tablename__ = "baselines"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"), primary_key=True)
    # Raised with every change of `machine`: who has cached an older one sees that.
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    # Clips that arrived later are learnt.
    started_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    clips_wanted: Mapped[int] = mapped_column(Integer)
    learn_until: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    false_alarm_rate: Mapped[float] = mapped_column(Double)
    adapt: Mapped[bool] = mapped_column(Boolean)
    # None while learning.
    machine: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    embedding_version: Mapped[int | None] = mapped_column(SmallInteger)
    ready_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    learnt_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    learnt: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default="{}")
    # Added by following slow drift; `learnt` stays, so that a baseline widens but never walks away.
    followed: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default="{}")
    outliers: Mapped[int] = mapped_column(Integer, server_default="0")
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    adaptations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    # Operating states by name: whether the machine runs in it, and the clips that name it.
    states: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    last_problem: Mapped[str | None] = mapped_column(Text)
