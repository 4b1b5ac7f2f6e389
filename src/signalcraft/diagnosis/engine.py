"""The model, and the rule by which its figures become a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from time import perf_counter
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from signalcraft.audio.decode import SAMPLE_RATE_HZ, Clip, Waveform
from signalcraft.audio.spectrum import third_octaves_dbfs
from signalcraft.core.language import Language
from signalcraft.diagnosis.card import OTHER, SHIPPED_MODEL, ModelCard, ModelUnusableError
from signalcraft.diagnosis.judgement import Judgement, ModelIdentity, Verdict
from signalcraft.diagnosis.wording import message

Probabilities: TypeAlias = npt.NDArray[np.float64]

# Windows judged at a time: bounds the memory that a long clip takes.
_BATCH_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict by the card's rule; the fields as in `Judgement`."""

    verdict: Verdict
    state: str | None
    confidence: float
    anomaly_score: float


class Engine:
    """One ONNX model on one thread, and its card."""

    def __init__(self, session: onnxruntime.InferenceSession, card: ModelCard) -> None:
        self.card = card
        self._session = session

    @classmethod
    def load(cls, model: Path | None = None) -> Self:
        """The model at `model`, with its card beside it as .json; by default the one that is shipped.

        Raises:
            ModelUnusableError: the model or its card can't be read, or they don't fit.
        """
        if model is None:
            with resources.as_file(
                resources.files("signalcraft.diagnosis") / "model" / SHIPPED_MODEL
            ) as shipped:
                return cls.load(shipped)
        card = ModelCard.read(model.with_suffix(".json"))
        if card.sample_rate_hz != SAMPLE_RATE_HZ:
            raise ModelUnusableError(
                f"{model} wants {card.sample_rate_hz} Hz; recordings are decoded to {SAMPLE_RATE_HZ} Hz"
            )
        try:
            return cls(
                onnxruntime.InferenceSession(model, _one_thread(), providers=["CPUExecutionProvider"]), card
            )
        except Exception as error:
            # onnxruntime raises many kinds of its own, which share no base; each means that the file is no model.
            raise ModelUnusableError(f"{model} is no usable model: {error}") from error

    def judge(
        self, clip: Clip, *, started_s: float | None = None, watch: Callable[[int, int], None] | None = None
    ) -> Judgement:
        """The verdict on a recording.

        started_s: `perf_counter()` of when the work on the recording began, so that decoding counts as well. watch: told
        how many windows are judged, and of how many; first that it is none yet.

        Raises:
            ModelUnusableError: the model gives figures that are no numbers.
        """
        started_s = perf_counter() if started_s is None else started_s
        windows = cut_windows(clip.waveform, window_s=self.card.window_s, hop_s=self.card.hop_s)
        of_windows = self._of_windows(windows, watch)
        probabilities = of_windows.mean(axis=0)
        decision = decide(probabilities, self.card)
        decisive = decisive_window(of_windows, self.card, decision)
        return Judgement(
            verdict=decision.verdict,
            state=decision.state,
            probabilities={
                name: round(float(p), 6)
                for name, p in zip(self.card.classes, probabilities, strict=True)
                if name != OTHER
            },
            confidence=round(decision.confidence, 6),
            anomaly_score=round(decision.anomaly_score, 6),
            threshold=self.card.thresholds["anomaly"],
            message=message(Language.ENGLISH, decision.verdict, decision.state, decision.confidence),
            decisive_s=_seconds(clip.waveform.size, decisive, self.card),
            model=ModelIdentity(self.card.name, self.card.version),
            audio=clip.facts,
            spectrum_dbfs=tuple(round(float(level), 2) for level in third_octaves_dbfs(clip.waveform)),
            normal=self.card.normal,
            inference_ms=round((perf_counter() - started_s) * 1000, 3),
        )

    def probabilities(self, waveform: Waveform) -> Probabilities:
        """Of each class of the card, averaged over the clip's windows.

        waveform: float32, shape (samples,), 16 kHz, at least 0.5 s. Returns float64, shape (classes,).
        """
        windows = cut_windows(waveform, window_s=self.card.window_s, hop_s=self.card.hop_s)
        return np.asarray(self._of_windows(windows).mean(axis=0))

    def logits(self, waveforms: Waveform) -> npt.NDArray[np.float32]:
        """The network's word on each of the waveforms, shape (batch, samples); returns shape (batch, classes).

        Raises:
            ModelUnusableError: it can't take them.
        """
        return self._run("logits", waveforms)

    def log_mel(self, waveform: Waveform) -> npt.NDArray[np.float32]:
        """What the front end inside the model makes of a waveform, shape (frames, bands), natural log of power.

        Raises:
            ModelUnusableError: it does not give it away.
        """
        return np.asarray(self._run("log_mel", waveform[np.newaxis])[0])

    def _run(self, output: str, waveforms: Waveform) -> npt.NDArray[np.float32]:
        try:
            (values,) = self._session.run([output], {"waveform": waveforms})
        except Exception as error:
            # As in `load`: onnxruntime's errors share no base.
            raise ModelUnusableError(f"{self.card.name} {self.card.version}, {output}: {error}") from error
        return np.asarray(values)

    def _of_windows(
        self, windows: list[Waveform], watch: Callable[[int, int], None] | None = None
    ) -> Probabilities:
        """Of each class in each window, shape (windows, classes)."""
        parts = []
        for first in range(0, len(windows), _BATCH_WINDOWS):
            if watch is not None:
                watch(first, len(windows))
            logits = self.logits(np.stack(windows[first : first + _BATCH_WINDOWS]))
            parts.append(softmax(logits, temperature=self.card.temperature))
        probabilities = np.concatenate(parts)
        if not np.isfinite(probabilities).all():
            raise ModelUnusableError(f"{self.card.name} {self.card.version} gave figures that are no numbers")
        return probabilities


def decide(probabilities: Probabilities, card: ModelCard) -> Decision:
    """The card's rule: refuse what is no machine's sound or resembles no state, else weigh normal against the rest."""
    p = dict(zip(card.classes, probabilities.tolist(), strict=True))
    other = p.pop(OTHER, 0.0)
    best, of_states = max(p.values()), sum(p.values())
    # Where nothing at all is left to the states, the sound is certainly not the normal one.
    anomaly_score = 1 - p[card.normal_state] / of_states if of_states > 0 else 1.0
    if OTHER in card.classes and other >= card.thresholds[OTHER]:
        return Decision(Verdict.UNKNOWN, None, other, anomaly_score)
    if best < card.thresholds["unknown_confidence"]:
        return Decision(Verdict.UNKNOWN, None, 1 - best, anomaly_score)
    if anomaly_score >= card.thresholds["anomaly"]:
        del p[card.normal_state]
        return Decision(Verdict.ANOMALOUS, max(p, key=p.__getitem__), anomaly_score, anomaly_score)
    return Decision(Verdict.NORMAL, card.normal_state, 1 - anomaly_score, anomaly_score)


def decisive_window(of_windows: Probabilities, card: ModelCard, decision: Decision) -> int:
    """The window that speaks most for the decision: for its state, or, where it is unknown, least for any state.

    of_windows: shape (windows, classes). Of equal ones the first.
    """
    if decision.state is not None:
        return int(of_windows[:, card.classes.index(decision.state)].argmax())
    states = [place for place, name in enumerate(card.classes) if name != OTHER]
    return int(of_windows[:, states].sum(axis=1).argmin())


def softmax(logits: npt.NDArray[np.float32], *, temperature: float) -> Probabilities:
    """Probabilities of logits, shape (windows, classes), float64; a temperature above 1 makes them less sure."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def cut_windows(waveform: Waveform, *, window_s: float, hop_s: float) -> list[Waveform]:
    """Windows every `hop_s`, the last one ending with the clip; a clip of no more than `window_s` is one window."""
    window, hop = round(window_s * SAMPLE_RATE_HZ), round(hop_s * SAMPLE_RATE_HZ)
    if len(waveform) <= window:
        return [waveform]
    return [waveform[start : start + window] for start in _window_starts(len(waveform), window, hop)]


def _window_starts(samples: int, window: int, hop: int) -> list[int]:
    return [*range(0, samples - window, hop), samples - window]


def _seconds(samples: int, place: int, card: ModelCard) -> tuple[float, float]:
    """From when to when the window at `place` lasts, in seconds from the clip's start."""
    window, hop = round(card.window_s * SAMPLE_RATE_HZ), round(card.hop_s * SAMPLE_RATE_HZ)
    if samples <= window:
        return 0.0, round(samples / SAMPLE_RATE_HZ, 3)
    start = _window_starts(samples, window, hop)[place]
    return round(start / SAMPLE_RATE_HZ, 3), round((start + window) / SAMPLE_RATE_HZ, 3)


def _one_thread() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    # Two processes of one thread were measured to be faster than one of two.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Clips differ in length, and an arena keeps the most that any of them took.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return options
