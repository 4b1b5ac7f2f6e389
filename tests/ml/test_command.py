"""What `signalcraft model` says when it can't work."""

import shutil
import sys

import pytest
from typer.testing import CliRunner

from signalcraft.cli.model import app
from signalcraft.core.operator_error import OperatorError
from tests.ml.conftest import SHIPPED


def test_without_the_extra_the_command_says_what_to_install(tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("signalcraft.ml.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(
        OperatorError, match=r"needs torch, which is not installed: pip install 'signalcraft\[train\]'"
    ):
        CliRunner().invoke(app, ["train", "--data", str(tmp_path)], catch_exceptions=False)


def test_a_folder_without_recordings_is_named(tmp_path):
    with pytest.raises(OperatorError, match="holds no recordings"):
        CliRunner().invoke(
            app, ["evaluate", "--model", str(SHIPPED), "--data", str(tmp_path)], catch_exceptions=False
        )


def test_a_file_that_is_no_model_is_named(tmp_path, samples):
    pytest.importorskip("matplotlib", reason="it draws the curves: pip install 'signalcraft[train]'")
    model = tmp_path / "broken.onnx"
    model.write_bytes(b"not a model")
    for part in ("train", "validation"):
        shutil.copytree(samples, tmp_path / "machine" / part)
    shutil.copytree(samples / "healthy", tmp_path / "background" / "hum")

    with pytest.raises(OperatorError, match=r"broken\.onnx is no usable model"):
        CliRunner().invoke(
            app,
            ["evaluate", "--model", str(model), "--data", str(tmp_path / "machine")],
            catch_exceptions=False,
        )
