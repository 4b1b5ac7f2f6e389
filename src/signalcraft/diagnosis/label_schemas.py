"""Labels at the border."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.diagnosis.models import LabelRow

EXAMPLE_GIVEN: dict[str, Any] = {
    "label": "bearing",
    "by": "M. Kim",
    "note": "Opened it: the rear bearing was dry.",
}
EXAMPLE_LABEL = EXAMPLE_GIVEN | {"labelled_at": "2026-11-20T10:05:00Z"}


class GivenLabel(BaseModel):
    """What a person says a recording to be."""

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE_GIVEN]}
    )

    label: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="`normal`, `anomalous`, `unknown` (no sound of this machine), or a state, such as `bearing`; one that "
        "no model knows yet may be named, too.",
        examples=["bearing"],
    )
    # PostgreSQL keeps no NUL in a text.
    by: str | None = Field(
        None, min_length=1, max_length=100, pattern=r"^[^\x00]*$", description="Whose word it is."
    )
    note: str | None = Field(None, max_length=1000, pattern=r"^[^\x00]*$")


class Label(BaseModel):
    """What a person said, and when."""

    label: str = Field(examples=["bearing"])
    by: str | None = Field(description="Whose word it is.", examples=["M. Kim"])
    note: str | None = Field(examples=["Opened it: the rear bearing was dry."])
    labelled_at: datetime

    @classmethod
    def of(cls, row: LabelRow) -> Self:
        """A stored label as the API shows it."""
        return cls(label=row.label, by=row.said_by, note=row.note, labelled_at=row.labelled_at)


class LabelHistory(BaseModel):
    """The label that holds, and all that were given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "success": True,
                    "diagnosis_id": "5f0c1c52-2d1a-4f0e-9a43-0d9c8a3f6f11",
                    "current": EXAMPLE_LABEL,
                    "history": [EXAMPLE_LABEL],
                    "clip_is_kept": True,
                }
            ]
        }
    )

    success: Literal[True] = True
    diagnosis_id: UUID
    current: Label | None = Field(description="The last one that was given; null if there is none.")
    history: list[Label] = Field(description="All of them, newest first.")
    clip_is_kept: bool = Field(
        description="Whether the recording is still there to learn from; from now on it stays."
    )

    @classmethod
    def of(cls, diagnosis_id: UUID, rows: list[LabelRow], *, clip_is_kept: bool) -> Self:
        """Stored labels, newest first."""
        history = [Label.of(row) for row in rows]
        return cls(
            diagnosis_id=diagnosis_id,
            current=history[0] if history else None,
            history=history,
            clip_is_kept=clip_is_kept,
        )
