"""What the inference processes find out. Knows no numerical library: the web workers read it."""

import base64
import json
from dataclasses import astuple, dataclass
from enum import StrEnum

from signalcraft.audio.facts import ClipFacts
from signalcraft.diagnosis.normal_spectrum import NormalSpectrum


class Verdict(StrEnum):
    """What a recording says about its machine."""

    NORMAL = "normal"
    ANOMALOUS = "anomalous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The model that judged."""

    name: str
    version: str


class Basis(StrEnum):
    """What a verdict rests on."""

    REFERENCE = "reference"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What the reference model says of a recording whose verdict comes from its device's baseline."""

    verdict: Verdict
    state: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one recording, and what it rests on.

    state: the machine's state as the model names it; None when the verdict is unknown.
    probabilities: of each state, 0 to 1; they sum to less than 1 where the model also knows sounds that are no
        machine's.
    confidence: the probability of the verdict itself, 0 to 1.
    anomaly_score: 0 (certainly normal) to 1; anomalous from `threshold` on.
    decisive_s: from when to when, in seconds of the clip, it sounds most like the verdict; the whole of a clip that is
        judged in one piece.
    inference_ms: decoding and inference, without waiting.
    spectrum_dbfs: the third-octave spectrum (`audio.bands`). normal: that of the model's normal state, if its card has it.
    embedding: the clip's statistics as they are stored, to learn a baseline from; embedding_version: which statistics.
    deviation: from the machine's own normal, before it is brought to the scale of `anomaly_score`; None without baseline.
    """

    verdict: Verdict
    state: str | None
    probabilities: dict[str, float]
    confidence: float
    anomaly_score: float
    threshold: float
    message: str
    decisive_s: tuple[float, float]
    model: ModelIdentity
    audio: ClipFacts
    inference_ms: float
    spectrum_dbfs: tuple[float, ...]
    normal: NormalSpectrum | None
    basis: Basis = Basis.REFERENCE
    second_opinion: SecondOpinion | None = None
    operating_state: str | None = None
    deviation: float | None = None
    embedding: bytes = b""
    embedding_version: int = 0

    def to_json(self) -> bytes:
        """As it travels from the inference process to the web worker."""
        return json.dumps(
            {
                "verdict": self.verdict,
                "state": self.state,
                "probabilities": self.probabilities,
                "confidence": self.confidence,
                "anomaly_score": self.anomaly_score,
                "threshold": self.threshold,
                "message": self.message,
                "decisive_s": self.decisive_s,
                "model": [self.model.name, self.model.version],
                "audio": [
                    self.audio.duration_s,
                    self.audio.sample_rate_hz,
                    self.audio.channels,
                    self.audio.peak_dbfs,
                ],
                "inference_ms": self.inference_ms,
                "spectrum_dbfs": self.spectrum_dbfs,
                "normal": None if self.normal is None else [self.normal.mean_db, self.normal.spread_db],
                "basis": self.basis,
                "second_opinion": None if self.second_opinion is None else astuple(self.second_opinion),
                "operating_state": self.operating_state,
                "deviation": self.deviation,
                "embedding": base64.b64encode(self.embedding).decode(),
                "embedding_version": self.embedding_version,
            }
        ).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Judgement":
        """The reverse of `to_json`."""
        values = json.loads(text)
        values["verdict"] = Verdict(values["verdict"])
        start_s, end_s = values["decisive_s"]
        values["decisive_s"] = (start_s, end_s)
        values["model"] = ModelIdentity(*values["model"])
        values["audio"] = ClipFacts(*values["audio"])
        values["spectrum_dbfs"] = tuple(values["spectrum_dbfs"])
        if values["normal"] is not None:
            values["normal"] = NormalSpectrum(*map(tuple, values["normal"]))
        values["basis"] = Basis(values["basis"])
        if values["second_opinion"] is not None:
            verdict, state, confidence = values["second_opinion"]
            values["second_opinion"] = SecondOpinion(Verdict(verdict), state, confidence)
        values["embedding"] = base64.b64decode(values["embedding"])
        return cls(**values)
