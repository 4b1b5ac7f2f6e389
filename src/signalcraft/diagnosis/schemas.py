"""Diagnoses at the border."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.core.language import Language
from signalcraft.diagnosis import wording
from signalcraft.diagnosis.explanation_schemas import EXAMPLE_EXPLANATION, WhyShown
from signalcraft.diagnosis.judgement import Basis, Verdict
from signalcraft.diagnosis.models import DiagnosisRow
from signalcraft.diagnosis.service import Seen

EXAMPLE_STATES = {
    "healthy": 0.001,
    "bearing": 0.968,
    "flywheel": 0.004,
    "inlet_valve_leak": 0.002,
    "non_return_valve": 0.011,
    "outlet_valve_leak": 0.004,
    "piston_ring": 0.006,
    "rider_belt": 0.004,
}


EXAMPLE_SHA256 = "7d5f3c1e0a9b8d7c6f5e4d3c2b1a09f8e7d6c5b4a3928170f6e5d4c3b2a19087"


class Model(BaseModel):
    """The model that judged."""

    name: str = Field(examples=["air_compressor"])
    version: str = Field(examples=["1.0.0"])


class Audio(BaseModel):
    """What was found in the recording."""

    duration_s: float = Field(examples=[2.85])
    sample_rate_hz: int = Field(examples=[16000])
    channels: int = Field(examples=[1])
    peak_dbfs: float = Field(description="Highest sample, in dB relative to full scale.", examples=[-12.4])


class KeptClip(BaseModel):
    """What became of the recording itself."""

    is_kept: bool = Field(description="Whether the recording is in the clip store.")
    sha256: str | None = Field(
        description="Its SHA-256; null if it was never kept.", examples=[EXAMPLE_SHA256]
    )
    problem: str | None = Field(
        description="Why it is not kept: `not_wanted` (by the settings), `storage_full`, `store_unavailable`, "
        "`removed` (its time was over, or it did not fit any more); null where it is, and before clips were kept.",
        examples=[None],
    )


EXAMPLE_MESSAGE = "The machine does not sound normal (100 % sure); most likely it is the bearing."
EXAMPLE_DIAGNOSIS: dict[str, Any] = {
    "success": True,
    "diagnosis_id": "5f0c1c52-2d1a-4f0e-9a43-0d9c8a3f6f11",
    "device_id": "test-device-1",
    "recorded_at": "2026-11-20T08:30:00Z",
    "verdict": "anomalous",
    "state": "bearing",
    "probabilities": EXAMPLE_STATES,
    "confidence": 0.999,
    "anomaly_score": 0.999,
    "threshold": 0.525,
    "is_overload": True,
    "message": EXAMPLE_MESSAGE,
    "explanation": EXAMPLE_EXPLANATION,
    "decisive_s": [0.0, 2.85],
    "processing_time_ms": 14.2,
    "model": {"name": "air_compressor", "version": "1.0.0"},
    "audio": {"duration_s": 2.85, "sample_rate_hz": 16000, "channels": 1, "peak_dbfs": -12.4},
    "basis": "reference",
    "baseline": None,
    "second_opinion": None,
    "operating_state": None,
    "clip": {"is_kept": True, "sha256": EXAMPLE_SHA256, "problem": None},
    "label": None,
}


class OwnBaseline(BaseModel):
    """How far a recording is from its machine's own normal."""

    version: int = Field(examples=[2])
    deviation: float = Field(
        description="0 as when the baseline was learnt, 1 at the threshold in quiet.", examples=[0.12]
    )


class Reference(BaseModel):
    """What the reference model says of a recording."""

    verdict: Verdict
    state: str | None = Field(examples=["bearing"])
    confidence: float = Field(ge=0, le=1)


class Diagnosis(BaseModel):
    """What a recording was judged to be."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_DIAGNOSIS]})

    success: Literal[True] = True
    diagnosis_id: UUID
    device_id: str | None = Field(examples=["test-device-1"])
    recorded_at: datetime
    verdict: Verdict
    state: str | None = Field(
        description="The machine's state as the model names it; null when the verdict is `unknown`.",
        examples=["bearing"],
    )
    probabilities: dict[str, float] = Field(
        description="How likely each known state is.", examples=[EXAMPLE_STATES]
    )
    confidence: float = Field(
        ge=0, le=1, description="How sure the model is of this verdict, 0 to 1.", examples=[0.999]
    )
    anomaly_score: float = Field(
        description="Anomalous from `threshold` on; 0 is certainly normal.", examples=[0.999]
    )
    threshold: float = Field(examples=[0.525])
    is_overload: bool = Field(description="True when the verdict is `anomalous`; read by older clients.")
    message: str = Field(
        description="The verdict as a sentence; Korean or English, as `Accept-Language` prefers.",
        examples=[EXAMPLE_MESSAGE],
    )
    explanation: WhyShown
    decisive_s: tuple[float, float] | None = Field(
        description="From when to when, in seconds of the recording, it sounds most like the verdict. A recording of up "
        "to 3 s is judged in one piece; null where an earlier release judged.",
        examples=[[4.5, 7.5]],
    )
    processing_time_ms: float = Field(
        description="From the received recording to the verdict, waiting included.", examples=[14.2]
    )
    model: Model
    basis: Basis = Field(
        description="What the verdict rests on: the `reference` model, or the device's own `baseline`, once that is ready.",
    )
    baseline: OwnBaseline | None = Field(description="Of a verdict by the baseline; else null.")
    second_opinion: Reference | None = Field(
        description="Beside a verdict by the baseline, the reference model's, if it knows the sound; else null."
    )
    operating_state: str | None = Field(
        description="Of the states that an engineer has named; null where none are.", examples=["run"]
    )
    audio: Audio
    clip: KeptClip
    label: str | None = Field(
        description="What a person last said of this recording; null if nobody has.", examples=[None]
    )

    @classmethod
    def of(cls, seen: Seen, language: Language) -> Self:
        """A stored diagnosis as the API shows it to a reader of that language."""
        row, verdict = seen.row, Verdict(seen.row.verdict)
        return cls(
            diagnosis_id=row.id,
            device_id=row.device_id,
            recorded_at=row.recorded_at,
            verdict=verdict,
            state=row.state,
            probabilities=row.probabilities,
            confidence=row.confidence,
            anomaly_score=row.anomaly_score,
            threshold=row.threshold,
            is_overload=row.verdict == Verdict.ANOMALOUS,
            message=wording.message(language, verdict, row.state, row.confidence, Basis(row.basis)),
            explanation=WhyShown.of(row, language),
            decisive_s=_seconds(row),
            processing_time_ms=row.processing_time_ms,
            model=Model(name=row.model_name, version=row.model_version),
            audio=Audio(
                duration_s=row.duration_s,
                sample_rate_hz=row.sample_rate_hz,
                channels=row.channels,
                peak_dbfs=row.peak_dbfs,
            ),
            basis=Basis(row.basis),
            baseline=(
                None
                if row.baseline_version is None or row.deviation is None
                else OwnBaseline(version=row.baseline_version, deviation=row.deviation)
            ),
            second_opinion=None if row.second_opinion is None else Reference(**row.second_opinion),
            operating_state=row.operating_state,
            clip=KeptClip(
                is_kept=row.clip_sha256 is not None and seen.clip_problem is None,
                sha256=row.clip_sha256,
                problem=seen.clip_problem,
            ),
            label=seen.label,
        )


def _seconds(row: DiagnosisRow) -> tuple[float, float] | None:
    if row.decisive_from_s is None or row.decisive_to_s is None:
        return None
    return row.decisive_from_s, row.decisive_to_s


class DiagnosisPage(BaseModel):
    """Diagnoses, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"success": True, "data": [EXAMPLE_DIAGNOSIS], "count": 1, "next_cursor": None}]
        }
    )

    success: Literal[True] = True
    data: list[Diagnosis]
    count: int = Field(description="How many are on this page.", examples=[1])
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")
