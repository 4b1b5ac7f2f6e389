"""Baselines at the border."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from signalcraft.acoustics.version import FEWEST_CLIPS
from signalcraft.core.timestamps import EARLIEST

MOST_CLIPS = 500
DEFAULT_CLIPS = 40
LONGEST_LEARNING_S = 30 * 86_400
FEWEST_NAMED, MOST_NAMED = 3, 100
MOST_STATES = 8


class Status(StrEnum):
    """How far a device's baseline is."""

    NONE = "none"
    LEARNING = "learning"
    READY = "ready"
    OUTDATED = "outdated"


class StartBaseline(BaseModel):
    """What to learn."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"clips": 40, "false_alarm_rate": 0.01}]}
    )

    clips: int | None = Field(
        None,
        ge=FEWEST_CLIPS,
        le=MOST_CLIPS,
        description="Learn the next so many clips; by default 40, if `learn_s` is not given.",
    )
    learn_s: float | None = Field(
        None,
        gt=0,
        le=LONGEST_LEARNING_S,
        description="Learn for so many seconds instead, and until there are 20 clips (at most 500 are learnt).",
    )
    false_alarm_rate: float = Field(
        0.01, ge=0.001, le=0.2, description="Which part of normal clips may be called anomalous."
    )
    adapt: bool = Field(False, description="Follow slow, harmless drift.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "StartBaseline":
        if self.clips is not None and self.learn_s is not None:
            raise ValueError("give `clips` or `learn_s`, not both")
        return self


class Quality(BaseModel):
    """What the baseline rests on."""

    clips: int = Field(description="Learnt, outliers left out.", examples=[39])
    level_dbfs: float = Field(description="Median level of the learnt clips.", examples=[-18.4])
    level_spread_db: float = Field(description="Between the 10th and the 90th percentile.", examples=[2.1])
    counted_false_alarm_rate: float = Field(
        description="The smallest rate that so many held-out clips support by counting alone; a smaller one that was "
        "asked for is extrapolated from their spread.",
        examples=[0.025],
    )


class Drift(BaseModel):
    """How the newest clips since the baseline was learnt deviate from it."""

    clips: int = Field(examples=[50])
    since: datetime | None = Field(description="The first of these clips.")
    median_deviation: float | None = Field(
        description="0 as when it was learnt, 1 at the threshold.", examples=[0.12]
    )
    anomalous_share: float | None = Field(
        description="Part of them that was called anomalous.", examples=[0.02]
    )


class Adaptation(BaseModel):
    """One time that the baseline has followed drift."""

    at: datetime
    clips: int = Field(description="New normal clips that were added.", examples=[20])


class OperatingState(BaseModel):
    """A state that an engineer has named."""

    name: str = Field(examples=["run"])
    is_running: bool
    clips: int = Field(description="That name it.", examples=[5])


EXAMPLE_BASELINE: dict[str, Any] = {
    "success": True,
    "device_id": "test-device-1",
    "status": "ready",
    "message": "ready since 2026-11-20T08:30:00+00:00",
    "learnt": 39,
    "wanted": 40,
    "learn_until": None,
    "started_at": "2026-11-20T08:00:00Z",
    "ready_since": "2026-11-20T08:30:00Z",
    "version": 2,
    "false_alarm_rate": 0.01,
    "adapt": False,
    "outliers_left_out": 1,
    "quality": {
        "clips": 39,
        "level_dbfs": -18.4,
        "level_spread_db": 2.1,
        "counted_false_alarm_rate": 0.025,
    },
    "drift": {
        "clips": 50,
        "since": "2026-11-20T08:31:00Z",
        "median_deviation": 0.12,
        "anomalous_share": 0.02,
    },
    "adaptations": [],
    "operating_states": [{"name": "run", "is_running": True, "clips": 5}],
}


class Baseline(BaseModel):
    """A device's own normal, as far as it is learnt. Without one, all but `status` is null or empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_BASELINE]})

    success: Literal[True] = True
    device_id: str
    status: Status = Field(
        description="`none`, `learning`, `ready`, or `outdated`: it rests on statistics of an earlier release and must be "
        "started over; until then the reference model judges."
    )
    message: str = Field(examples=["learning 7 of 40"])
    learnt: int = Field(0, description="Different clips learnt so far.")
    wanted: int | None = None
    learn_until: datetime | None = None
    started_at: datetime | None = None
    ready_since: datetime | None = None
    version: int | None = Field(None, description="Raised with every change; diagnoses tell it.")
    false_alarm_rate: float | None = None
    adapt: bool | None = None
    outliers_left_out: int = 0
    quality: Quality | None = None
    drift: Drift | None = None
    adaptations: list[Adaptation] = []
    operating_states: list[OperatingState] = []


class NamedState(BaseModel):
    """A state and the clips that are of it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=40, pattern=r"^[\w .-]+$", examples=["run"])
    is_running: bool = Field(description="Whether the machine counts as running in it.")
    diagnosis_ids: list[UUID] = Field(
        min_length=FEWEST_NAMED, max_length=MOST_NAMED, description="A handful of this device's diagnoses."
    )


_IDS: list[Any] = [f"5f0c1c52-2d1a-4f0e-9a43-0d9c8a3f6f1{digit}" for digit in range(6)]


class NameStates(BaseModel):
    """All operating states of a device; naming again replaces them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "states": [
                        {"name": "run", "is_running": True, "diagnosis_ids": _IDS[:3]},
                        {"name": "rest", "is_running": False, "diagnosis_ids": _IDS[3:]},
                    ]
                }
            ]
        },
    )

    states: list[NamedState] = Field(min_length=2, max_length=MOST_STATES)


def _in_utc(instant: datetime) -> datetime:
    """The instant, taken as UTC where it has no zone."""
    if not EARLIEST.year - 1 <= instant.year <= _LATEST_YEAR:
        raise ValueError(f"must lie between {EARLIEST.year - 1} and {_LATEST_YEAR}")
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


# Beyond any clip, and far from the ends of the calendar, where a zone or a pause would leave it.
_LATEST_YEAR = 2999
Instant = Annotated[datetime, AfterValidator(_in_utc)]


class DutyQuery(BaseModel):
    """Which time to tell of."""

    from_: Instant = Field(alias="from", description="ISO 8601.", examples=["2026-11-20T00:00:00Z"])
    to: Instant = Field(description="ISO 8601.", examples=["2026-11-21T00:00:00Z"])
    longest_pause_s: float = Field(
        300.0,
        gt=0,
        le=86_400,
        description="A clip tells of the time until the next one, if that comes within this.",
    )


class Gap(BaseModel):
    """A time without clips, of which nothing is known."""

    from_: datetime = Field(serialization_alias="from")
    to: datetime


EXAMPLE_DUTY: dict[str, Any] = {
    "success": True,
    "device_id": "test-device-1",
    "from": "2026-11-20T00:00:00Z",
    "to": "2026-11-21T00:00:00Z",
    "clips": 1380,
    "known_s": 82800.0,
    "unknown_s": 3600.0,
    "running_s": 33120.0,
    "duty_cycle": 0.4,
    "starts": 46,
    "starts_per_hour": 2.0,
    "states_s": {"run": 33120.0, "rest": 49680.0},
    "gaps": [{"from": "2026-11-20T11:00:00Z", "to": "2026-11-20T12:00:00Z"}],
    "gaps_total": 1,
}


class Duty(BaseModel):
    """How a machine was used, from the operating states of its clips. What lies in a gap is not guessed."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_DUTY]})

    success: Literal[True] = True
    device_id: str
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    clips: int = Field(description="With an operating state, in this time.", examples=[1380])
    known_s: float = Field(description="Covered by clips: each tells of the time until the next one.")
    unknown_s: float = Field(description="In gaps.")
    running_s: float
    duty_cycle: float | None = Field(description="Running, as a part of what is known; null if nothing is.")
    starts: int = Field(description="From not running to running, between two clips without a gap between.")
    starts_per_hour: float | None = Field(
        description="Starts in an hour of what is known; null if that is less than a minute."
    )
    states_s: dict[str, float] = Field(description="Seconds in each state.")
    gaps: list[Gap] = Field(description="The longest 100, in order of time.")
    gaps_total: int
