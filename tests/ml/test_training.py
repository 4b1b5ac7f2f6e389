"""A whole training in miniature: two machines' sounds, a few steps, a file that is served as it was trained."""

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import soundfile
from typer.testing import CliRunner

from signalcraft.cli.model import app

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'signalcraft[train]'")
onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'signalcraft[train]'")
torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'signalcraft[train]'")

from signalcraft.ml import training  # noqa: E402 – only where torch is
from signalcraft.ml.batches import AugmentationSettings  # noqa: E402 – as above
from signalcraft.ml.checkpoint import Checkpoint, CheckpointOfAnother  # noqa: E402 – as above
from signalcraft.ml.continuation import ModelOfAnotherShape, adopt_weights  # noqa: E402 – as above
from signalcraft.ml.corpus import Corpus  # noqa: E402 – only where torch is
from signalcraft.ml.export import export_onnx  # noqa: E402 – as above
from signalcraft.ml.leave_one_out import leave_one_out  # noqa: E402 – as above
from signalcraft.ml.mel import MelSettings  # noqa: E402 – as above
from signalcraft.ml.network import CompressorNetwork, NetworkSettings  # noqa: E402 – as above
from signalcraft.ml.recordings import CorpusUnusable  # noqa: E402 – as above
from signalcraft.ml.training import TrainingSettings, train  # noqa: E402 – as above


def quick(*, epochs: int, seed: int = 1) -> TrainingSettings:
    """Few and short clips in few noises."""
    heard = AugmentationSettings(batch_clips=16, duration_s_longest=1.0, synthetic_sounds=3)
    return TrainingSettings(epochs=epochs, seed=seed, augmentation=heard)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """Three states that differ by their hum, 20 training and 2 validation readings each, and eight noises."""
    folder = tmp_path_factory.mktemp("miniature")
    rng = np.random.default_rng(0)
    times_s = np.arange(16_000) / 16_000
    for state, pitch_hz in (("healthy", 200), ("bearing", 900), ("flywheel", 500)):
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
    assert card["classes"] == ["bearing", "flywheel", "healthy", "other"]
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
        "--out",
        str(tmp_path / "evaluation"),
        "--json",
    ]
    evaluated = json.loads(CliRunner().invoke(app, again, catch_exceptions=False).stdout)
    assert evaluated["block_split"] == metrics["block_split"]
    assert json.loads((tmp_path / "evaluation/evaluation.json").read_text()) == evaluated
    assert "| clean | whole | same |" in (tmp_path / "evaluation/evaluation.md").read_text()
    assert (tmp_path / "evaluation/evaluation.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "training.checkpoint").exists()


def test_the_same_seed_gives_the_same_network_and_the_file_answers_as_the_network(miniature, tmp_path):
    corpus = Corpus.read(miniature / "machine", miniature / "background")
    settings = quick(epochs=2, seed=5)
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


class Stop(Exception):
    """Somebody ends the training."""


def stop_after(epoch: int):
    def report(progress):
        if progress.epoch == epoch:
            raise Stop

    return report


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(miniature, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY_S", 0.0)
    corpus = Corpus.read(miniature / "machine", miniature / "background")
    settings = quick(epochs=4)
    checkpoint = Checkpoint(tmp_path / "checkpoint", "this one")
    heard = []

    with pytest.raises(Stop):
        train(corpus.fitted, corpus.noises.training, settings, stop_after(3), checkpoint=checkpoint)
    resumed = train(corpus.fitted, corpus.noises.training, settings, heard.append, checkpoint=checkpoint)
    at_once = train(corpus.fitted, corpus.noises.training, settings, lambda _: None)

    # What was done after the last checkpoint is done again.
    assert [progress.epoch for progress in heard] == [3, 4]
    assert heard[0].elapsed_s > 0
    for ours, theirs in zip(
        resumed.network.state_dict().values(), at_once.network.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_another_training_is_not_gone_on_with(miniature, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY_S", 0.0)
    corpus = Corpus.read(miniature / "machine", miniature / "background")
    one, another = (Checkpoint(tmp_path / "checkpoint", identity) for identity in ("one", "another"))
    short = quick(epochs=2)
    train(corpus.fitted, corpus.noises.training, short, lambda _: None, checkpoint=one)

    with pytest.raises(CheckpointOfAnother, match="other settings or recordings"):
        train(corpus.fitted, corpus.noises.training, short, lambda _: None, checkpoint=another)
    with pytest.raises(CheckpointOfAnother, match="go on with --epochs 2"):
        train(
            corpus.fitted,
            corpus.noises.training,
            quick(epochs=3),
            lambda _: None,
            checkpoint=one,
        )
    (tmp_path / "checkpoint").write_bytes(b"half a che")
    with pytest.raises(CheckpointOfAnother, match="can't be read"):
        one.load()


def test_training_goes_on_from_an_earlier_model_that_answers_the_same(tmp_path):
    torch.manual_seed(3)
    earlier = CompressorNetwork(3, MelSettings(), NetworkSettings())
    waveforms = torch.randn(4, 24_000) * 0.1
    earlier.train()
    earlier(waveforms)
    earlier.eval()
    export_onnx(earlier, tmp_path / "earlier.onnx")
    network = CompressorNetwork(3, MelSettings(), NetworkSettings())

    adopt_weights(network, tmp_path / "earlier.onnx", waveforms)

    with torch.no_grad():
        torch.testing.assert_close(network(waveforms)[0], earlier(waveforms)[0], atol=1e-4, rtol=1e-4)
    with pytest.raises(ModelOfAnotherShape, match="layer judge"):
        adopt_weights(
            CompressorNetwork(4, MelSettings(), NetworkSettings()), tmp_path / "earlier.onnx", waveforms
        )


def test_a_fault_left_out_is_judged_by_a_network_that_never_heard_it(miniature):
    corpus = Corpus.read(miniature / "machine", miniature / "background")

    result = leave_one_out(corpus, quick(epochs=2), lambda _fault, _progress: None, ["bearing"])

    with pytest.raises(CorpusUnusable, match="at least two faults"):
        leave_one_out(
            replace(corpus, fitted=[one for one in corpus.fitted if one.state != "flywheel"]),
            quick(epochs=2),
            lambda _fault, _progress: None,
        )
    (judged,) = result["faults"].values()
    assert result["faults"].keys() == {"bearing"}
    for rates in judged.values():
        assert rates["anomalous"]["rate"] + rates["unknown"]["rate"] + rates["normal"][
            "rate"
        ] == pytest.approx(1)
        assert rates["normal"]["count"] == 8
