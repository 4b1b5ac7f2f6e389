"""A model file judging waveforms outside the service, as training and evaluation need it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform


class ModelFile:
    """An ONNX model on one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def logits(self, waveform: Waveform, *, window_s: float, hop_s: float) -> npt.NDArray[np.float32]:
        """Logits [windows, classes] of one clip."""
        batch = cut_windows(waveform, window_s=window_s, hop_s=hop_s)
        (logits,) = self._session.run(["logits"], {"waveform": batch})
        return np.asarray(logits, np.float32)

    def log_mel(self, waveform: Waveform) -> npt.NDArray[np.float32]:
        """The front end's output [frames, bands] for one clip."""
        (log_mel,) = self._session.run(["log_mel"], {"waveform": waveform[np.newaxis]})
        return np.asarray(log_mel[0], np.float32)


def cut_windows(waveform: Waveform, *, window_s: float, hop_s: float) -> npt.NDArray[np.float32]:
    """Windows [windows, samples] every `hop_s`, the last one ending with the clip; a shorter clip is one window."""
    window, hop = round(window_s * SAMPLE_RATE_HZ), round(hop_s * SAMPLE_RATE_HZ)
    if waveform.size <= window:
        return waveform[np.newaxis]
    starts = [*range(0, waveform.size - window, hop), waveform.size - window]
    return np.stack([waveform[start : start + window] for start in starts])


def clip_logits(
    model: ModelFile, waveforms: Iterable[Waveform], *, window_s: float, hop_s: float
) -> list[npt.NDArray[np.float32]]:
    """Logits [windows, classes] of each clip."""
    return [model.logits(waveform, window_s=window_s, hop_s=hop_s) for waveform in waveforms]
