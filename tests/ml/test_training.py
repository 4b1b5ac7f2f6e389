"""A whole training in miniature: two machines' sounds, a few steps, a file that is served as it was trained."""

import json

import numpy as np
import onnxruntime
import pytest
import soundfile
from typer.testing import CliRunner

from signalcraft.cli.model import app

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'signalcraft[train]'")
torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'signalcraft[train]'")

from signalcraft.ml.corpus import Corpus  # noqa: E402 – only where torch is
from signalcraft.ml.export import export_onnx  # noqa: E402 – as above
from signalcraft.ml.training import TrainingSettings, train  # noqa: E402 – as above


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """Two states that differ by their hum, 20 training and 2 validation readings each, and eight noises."""
    folder = tmp_path_factory.mktemp("miniature")
    rng = np.random.default_rng(0)
    times_s = np.arange(16_000) / 16_000
    for state, pitch_hz in (("healthy", 200), ("bearing", 900)):
        for number in [*range(1, 19), 140, 145, 151, 160]:
            part = "validation" if number > 150 else "train"
            path = folder / "machine" / part / state / f"reading_{number:03d}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            hum = 0.2 * np.sin(2 * np.pi * pitch_hz * times_s + rng.random()) + 0.02 * rng.standard_normal(
                16_000
            )
            soundfile.write(path, hum, 16_000)
    (folder / "background" / "hiss").mkdir(parents=True)
    for take in range(8):
        soundfile.write(folder / f"background/hiss/{take}-A.flac", 0.1 * rng.standard_normal(32_000), 16_000)
    return folder


def test_the_command_trains_a_model_that_is_served_with_its_card(miniature, tmp_path):
    arguments = [
        "train",
        "--data",
        str(miniature / "machine"),
        "--out",
        str(tmp_path),
        "--epochs",
        "2",
        "--json",
    ]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)

    assert result.exit_code == 0
    metrics = json.loads(result.stdout)
    card = json.loads((tmp_path / "air_compressor.json").read_text())
    assert card["classes"] == ["bearing", "healthy", "other"]
    assert card["metrics"] == metrics
    assert card["training"]["seed"] == 1
    assert card["training"]["settings"]["epochs"] == 2
    assert len(card["training"]["hash"]) == 64
    onnx.checker.check_model(str(tmp_path / "air_compressor.onnx"), full_check=True)

    again = [
        "evaluate",
        "--model",
        str(tmp_path / "air_compressor.onnx"),
        "--data",
        str(miniature / "machine"),
        "--json",
    ]
    evaluated = json.loads(CliRunner().invoke(app, again, catch_exceptions=False).stdout)
    assert evaluated["block_split"] == metrics["block_split"]


def test_the_same_seed_gives_the_same_network_and_the_file_answers_as_the_network(miniature, tmp_path):
    corpus = Corpus.read(miniature / "machine", miniature / "background")
    settings = TrainingSettings(epochs=2, seed=5)
    heard = []
    one, another = (
        train(corpus.fitted, corpus.noises.training, settings, heard.append).network for _ in range(2)
    )

    for ours, theirs in zip(one.state_dict().values(), another.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert [(step.epoch, step.epochs) for step in heard] == [(1, 2), (2, 2)] * 2

    export_onnx(one, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for samples in (8_000, 12_345, 50_000):
        waveforms = np.random.default_rng(samples).normal(0, 0.1, (2, samples)).astype(np.float32)
        with torch.no_grad():
            expected = one(torch.from_numpy(waveforms))
        for given, wanted in zip(session.run(None, {"waveform": waveforms}), expected, strict=True):
            np.testing.assert_allclose(given, wanted.numpy(), atol=1e-3, rtol=1e-3)
