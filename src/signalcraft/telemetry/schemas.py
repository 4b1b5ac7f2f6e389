"""Answers about readings, at the border."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from signalcraft.telemetry.readings import EXAMPLE_READING, Rejected

_EXAMPLE_INSTANT = "2024-11-21T22:00:00.250000Z"
_EXAMPLE_READING: dict[str, Any] = {
    name: value for name, value in EXAMPLE_READING.items() if name != "device_id"
} | {"timestamp": _EXAMPLE_INSTANT}
NextCursor = Annotated[str | None, Field(description="For the next page; null on the last one.")]


class Accepted(BaseModel):
    """The reading is stored."""

    success: Literal[True]
    message: str = Field(examples=["The reading is stored."])
    timestamp: datetime = Field(description="The reading's own time, UTC.", examples=[_EXAMPLE_INSTANT])
    inserted: int = Field(ge=0, le=1, examples=[1])
    duplicates: int = Field(ge=0, le=1, description="1 where the reading was stored before.", examples=[0])


class BatchAccepted(BaseModel):
    """All valid readings are stored."""

    success: Literal[True]
    message: str = Field(examples=["Stored: 2; stored before: 1; rejected: 1."])
    inserted: int = Field(ge=0, examples=[2])
    duplicates: int = Field(ge=0, description="Readings that were stored before.", examples=[1])
    rejected: list[Rejected] = Field(
        description="Those that were not stored: sending them again will not help.",
        examples=[[{"index": 2, "field": "vibration.x", "reason": "Input should be a finite number"}]],
    )


class Axes(BaseModel):
    """Acceleration along the sensor's axes, g."""

    x: float
    y: float
    z: float


class StoredReading(BaseModel):
    """A reading as it was sent, its time in UTC."""

    timestamp: datetime
    temperature: float = Field(description="°C.")
    vibration: Axes
    power_consumption: float = Field(description="% of rated power.")
    audio_level: float = Field(description="Raw level of the converter.")
    sensor_quality: float | None = Field(description="0 to 1; null where the sensor did not send it.")


class Spread(BaseModel):
    """Least, mean and greatest value in a bucket."""

    min: float
    mean: float
    max: float


class AxesSpread(BaseModel):
    """Acceleration along the sensor's axes, g."""

    x: Spread
    y: Spread
    z: Spread


class Bucket(BaseModel):
    """The readings of one bucket taken together."""

    timestamp: datetime = Field(description="The bucket's beginning.")
    count: int = Field(ge=1, description="Readings in it.")
    temperature: Spread
    vibration: AxesSpread
    power_consumption: Spread
    audio_level: Spread
    sensor_quality: Spread | None


class ReadingPage(BaseModel):
    """One page of a device's readings, or with `bucket` of its buckets, newest first."""

    success: Literal[True]
    device_id: str = Field(examples=["test-device-1"])
    data: list[StoredReading] | list[Bucket] = Field(examples=[[_EXAMPLE_READING]])
    count: int = Field(ge=0, description="Entries on this page.", examples=[1])
    next_cursor: NextCursor


class DeviceStatus(BaseModel):
    """A device and what was last heard of it."""

    device_id: str = Field(examples=["test-device-1"])
    name: str | None = Field(examples=["Cold room 1"])
    site_id: str = Field(examples=["default"])
    last_seen: datetime | None = Field(
        description="When a reading that was not stored before last arrived. Null before the first."
    )
    last_reading: StoredReading | None = Field(
        description="The reading with the latest time of its own.", examples=[_EXAMPLE_READING]
    )


class DevicePage(BaseModel):
    """One page of devices, by id."""

    success: Literal[True]
    data: list[DeviceStatus]
    count: int = Field(ge=0, description="Entries on this page.", examples=[1])
    next_cursor: NextCursor
