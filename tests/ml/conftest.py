"""The shipped model, the samples, and the shared recordings where they are."""

from pathlib import Path

import librosa
import numpy as np
import onnxruntime
import pytest

import signalcraft
from signalcraft.ml.card import Card, read_card
from signalcraft.ml.mel import SAMPLE_RATE_HZ, MelSettings

REPOSITORY = Path(__file__).parents[2]
SHIPPED = Path(signalcraft.__file__).parent / "diagnosis" / "model" / "air_compressor.onnx"


class ServedModel:
    """The shipped file in ONNX Runtime, as the service runs it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, waveforms: np.ndarray, output: str = "logits") -> np.ndarray:
        (result,) = self.session.run([output], {"waveform": waveforms.astype(np.float32)})
        return result


@pytest.fixture(scope="session")
def served() -> ServedModel:
    return ServedModel(SHIPPED)


@pytest.fixture(scope="session")
def card() -> Card:
    return read_card(SHIPPED)


@pytest.fixture(scope="session")
def samples() -> Path:
    return REPOSITORY / "samples"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recordings of ../shared/data are not on this machine")
    return folder


@pytest.fixture(scope="session")
def librosa_log_mel():
    """librosa's log-mel, which the front end must equal."""
    return _librosa_log_mel


def _librosa_log_mel(waveform: np.ndarray, settings: MelSettings | None = None) -> np.ndarray:
    settings = settings or MelSettings()
    power = librosa.feature.melspectrogram(
        y=waveform.astype(np.float64),
        sr=SAMPLE_RATE_HZ,
        n_fft=settings.frame_samples,
        hop_length=settings.hop_samples,
        n_mels=settings.bands,
        fmin=settings.lowest_hz,
        fmax=settings.highest_hz,
        center=False,
    )
    return np.log(np.maximum(power, settings.power_floor)).T
