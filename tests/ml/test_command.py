"""What `signalcraft model` says when it can't work."""

import sys

import pytest
from typer.testing import CliRunner

from signalcraft.cli.model import app
from signalcraft.core.operator_error import OperatorError


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
        CliRunner().invoke(app, ["train", "--data", str(tmp_path)], catch_exceptions=False)
