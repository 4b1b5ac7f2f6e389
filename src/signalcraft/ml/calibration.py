"""Temperature and thresholds, chosen on readings and noises that neither trained nor validate the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from signalcraft.ml.batches import OTHER
from signalcraft.ml.conditions import SNRS_DB, Condition, heard
from signalcraft.ml.decision import anomaly_scores, softmax
from signalcraft.ml.recordings import Clip, Noise
from signalcraft.ml.scoring import ModelFile

# A healthy machine called faulty sends out an engineer; a faulty one called healthy lets the goods thaw.
MISSED_FAULT_WEIGHT = 2.0
# At 10 dB and better at most this share of whole true clips may be refused as unknown.
REFUSED_AT_MOST = 0.002


@dataclass(frozen=True)
class Calibration:
    """What the card holds beside the network."""

    temperature: float
    thresholds: dict[str, float]


def calibrate(
    model: ModelFile,
    classes: list[str],
    normal_state: str,
    clips: Sequence[Clip],
    noises: Sequence[Noise],
    *,
    window_s: float,
    seed: int,
    draws: int = 3,
) -> Calibration:
    """Fit the temperature on the noisy mix, then set the thresholds by the costs above."""
    logits, labels, snrs_db, wholes = [], [], [], []
    conditions = [
        Condition(snr_db, duration_s, elsewhere=elsewhere)
        for snr_db in SNRS_DB
        for duration_s, elsewhere in ((None, False), (None, True), (1.0, True), (0.5, True))
    ]
    for turn, condition in enumerate(conditions):
        for one in heard(clips, noises, condition, draws=draws, seed=seed + turn):
            logits.append(model.logits(one.waveform, window_s=window_s, hop_s=window_s)[0])
            labels.append(classes.index(one.clip.state))
            snrs_db.append(np.inf if condition.snr_db is None else condition.snr_db)
            wholes.append(condition.duration_s is None)
    temperature = _temperature(np.stack(logits), np.asarray(labels))
    probabilities = softmax(np.stack(logits), temperature)
    truth, snr = np.asarray(labels), np.asarray(snrs_db)
    # The ratio and the length that REFUSED_AT_MOST names.
    quiet = (snr >= 10) & np.asarray(wholes)  # noqa: PLR2004 – as above
    states = [i for i, name in enumerate(classes) if name != OTHER]
    usual = snr >= 0
    return Calibration(
        temperature,
        {
            "anomaly": _anomaly_threshold(
                anomaly_scores(probabilities[usual], classes, normal_state),
                truth[usual] == classes.index(normal_state),
            ),
            # Never easier than a half: with more than that the sound is rather something else.
            "other": round(
                max(0.5, float(np.quantile(probabilities[quiet, classes.index(OTHER)], 1 - REFUSED_AT_MOST))),
                4,
            ),
            "unknown_confidence": round(
                min(0.4, float(np.quantile(probabilities[quiet][:, states].max(axis=1), REFUSED_AT_MOST))), 4
            ),
        },
    )


def _temperature(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    """The temperature of least cross-entropy (Guo et al., On Calibration of Modern Neural Networks, 2017)."""

    def cross_entropy(log_temperature: float) -> float:
        chosen = softmax(logits, float(np.exp(log_temperature)))[np.arange(labels.size), labels]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    return round(float(np.exp(minimize_scalar(cross_entropy, bounds=(-2, 2), method="bounded").x)), 4)


def _anomaly_threshold(scores: npt.NDArray[np.float64], is_normal: npt.NDArray[np.bool_]) -> float:
    """The score of least cost of false alarms and missed faults; the middle of the range where many cost the same."""
    candidates = np.linspace(0.02, 0.98, 193)
    false_alarms = np.asarray([(scores[is_normal] >= candidate).mean() for candidate in candidates])
    missed = np.asarray([(scores[~is_normal] < candidate).mean() for candidate in candidates])
    costs = false_alarms + MISSED_FAULT_WEIGHT * missed
    return round(float(np.median(candidates[costs <= costs.min() + 1e-9])), 4)
