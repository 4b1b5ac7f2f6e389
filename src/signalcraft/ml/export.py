"""A trained network as one ONNX file, front end inside."""

import copy
import warnings
from pathlib import Path

import onnx
import torch

from signalcraft.ml.frontend import LogMel
from signalcraft.ml.mel import SAMPLE_RATE_HZ
from signalcraft.ml.network import CompressorNetwork

# The newest operator set that the exporter writes; every ONNX Runtime since 1.14 runs it.
OPSET = 18
OUTPUTS = ("logits", "embedding", "log_mel")


def export_onnx(network: CompressorNetwork, path: Path) -> None:
    """Write `network` to `path`: input waveform [batch, samples]; outputs logits, embedding and log_mel."""
    network = copy.deepcopy(network).eval()
    network.log_mel = LogMel(network.log_mel.settings)
    dynamic = {name: {0: "batch"} for name in OUTPUTS} | {"waveform": {0: "batch", 1: "samples"}}
    dynamic["log_mel"][1] = "frames"
    with warnings.catch_warnings():
        # The exporter built on torch.export needs a further package and gains nothing for a network this plain.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(2, 2 * SAMPLE_RATE_HZ),),
            path,
            input_names=["waveform"],
            output_names=list(OUTPUTS),
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(str(path), full_check=True)
