"""A model file judging waveforms outside the service, as training and evaluation need it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from signalcraft.core.operator_error import OperatorError
from signalcraft.ml.mel import SAMPLE_RATE_HZ, Waveform


class ModelUnreadable(OperatorError):
    """The model's file can't be used; the message says which and why."""


class ModelFile:
    """An ONNX model on one thread; raises ModelUnreadable if the file is none."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # onnxruntime raises many kinds of its own, which share no base; each means that the file is no model.
            raise ModelUnreadable(f"{path} is no usable model: {error}") from error

    def logits(self, waveform: Waveform, *, window_s: float, hop_s: float) -> npt.NDArray[np.float32]:
        """Logits [windows, classes] of one clip."""
        batch = cut_windows(waveform, window_s=window_s, hop_s=hop_s)
        (logits,) = self._session.run(["logits"], {"waveform": batch})
        return np.asarray(logits, np.float32)


def cut_windows(waveform: Waveform, *, window_s: float, hop_s: float) -> npt.NDArray[np.float32]:
    """Windows [windows, samples] every `hop_s`, the last one ending with the clip; a shorter clip is one window."""
    window, hop = round(window_s * SAMPLE_RATE_HZ), round(hop_s * SAMPLE_RATE_HZ)
    if waveform.size <= window:
        return waveform[np.newaxis]
    starts = [*range(0, waveform.size - window, hop), waveform.size - window]
    return np.stack([waveform[start : start + window] for start in starts])
