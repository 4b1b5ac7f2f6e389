"""Models to register: the shipped one under other versions, and with other rules."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import signalcraft

SHIPPED = Path(signalcraft.__file__).parent / "diagnosis" / "model" / "air_compressor.onnx"


@pytest.fixture
def a_model(tmp_path: Path) -> Callable[..., Path]:
    """Make a model file with its card: the shipped one, changed by keyword; None takes a field away."""

    def make(version: str, **changes) -> Path:
        folder = tmp_path / f"model-{version}"
        folder.mkdir()
        model = Path(shutil.copy(SHIPPED, folder / "candidate.onnx"))
        card = json.loads(SHIPPED.with_suffix(".json").read_bytes()) | {"version": version} | changes
        kept = {name: value for name, value in card.items() if value is not None}
        model.with_suffix(".json").write_text(json.dumps(kept))
        return model

    return make
