"""The tables of the device registry."""

from datetime import datetime

from sqlalchemy import TIMESTAMP, ForeignKey, Index, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.core.database import Base
from signalcraft.sites.models import FIRST_SITE


class DeviceRow(Base):
    """A sensor on a machine."""

    __tablename__ = "devices"
    __table_args__ = (Index("ix_devices_site_id", "site_id", "device_id"),)

    device_id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.site_id"), server_default=FIRST_SITE)


class DeviceTokenRow(Base):
    """A device's token, as its SHA-256 alone."""

    __tablename__ = "device_tokens"
    __table_args__ = (Index("ix_device_tokens_device_id", "device_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"))
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
