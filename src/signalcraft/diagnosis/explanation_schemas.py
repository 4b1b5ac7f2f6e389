"""Explanations at the border."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.core.language import Language
from signalcraft.diagnosis import wording
from signalcraft.diagnosis.explanation import Compared
from signalcraft.diagnosis.judgement import Verdict
from signalcraft.diagnosis.models import DiagnosisRow

EXAMPLE_BAND: dict[str, Any] = {"from_hz": 1778, "to_hz": 2239, "difference_db": -5.2, "usual_spread_db": 1.2}
EXAMPLE_EXPLANATION: dict[str, Any] = {
    "compared_with": "reference",
    "bands": [EXAMPLE_BAND],
    "summary": "Against the reference machine's normal: quieter by 5.2 dB from 1778 to 2239 Hz.",
    "action": wording.action(Language.ENGLISH, Verdict.ANOMALOUS, "bearing"),
}


class BandShown(BaseModel):
    """Third-octave bands in which the recording differs from normal."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_BAND]})

    from_hz: int
    to_hz: int
    difference_db: float = Field(
        description="How much louder than normal, once both are equally loud on the whole; negative is quieter."
    )
    usual_spread_db: float = Field(description="Standard deviation of normal recordings there.")


class WhyShown(BaseModel):
    """What a service engineer can use: where the sound differs from normal, and what to do."""

    compared_with: Compared | None = Field(
        description="`device`: this device's own normal. `reference`: the machine that the model was trained on. Nothing was "
        "compared where it is `unknown_sound` (no verdict, so a comparison would say nothing of the machine) or "
        "`no_reference` (no normal is known); null where an earlier release judged."
    )
    bands: list[BandShown] = Field(
        description="Those that differ most, the most striking first; at most three, none where nothing stands out."
    )
    summary: str = Field(description="The same as a sentence, in Korean or English.")
    action: str = Field(description="What to do, in Korean or English.")

    @classmethod
    def of(cls, row: DiagnosisRow, language: Language) -> Self:
        """A stored explanation for a reader of that language."""
        stored = row.explanation or {"compared_with": None, "bands": []}
        compared = stored["compared_with"] and Compared(stored["compared_with"])
        bands = [BandShown(**band) for band in stored["bands"]]
        differences = [(band.from_hz, band.to_hz, band.difference_db) for band in bands]
        return cls(
            compared_with=compared,
            bands=bands,
            summary=wording.summary(language, compared, differences),
            action=wording.action(language, Verdict(row.verdict), row.state),
        )
