"""Going on from an earlier model: its ONNX file's weights, back in a network that can be trained."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from signalcraft.core.operator_error import OperatorError
from signalcraft.ml.network import CompressorNetwork

Weights = dict[str, dict[str, Tensor]]


class ModelOfAnotherShape(OperatorError):
    """Training can't go on from this model; the message says why."""


def adopt_weights(network: CompressorNetwork, path: Path, waveforms: Tensor) -> None:
    """Give `network` the weights of the exported model at `path`, so that it answers as that model does.

    An exported convolution has its normalisation folded into it. Here the normalisation gets, layer by layer, the
    statistics that `waveforms` [batch, samples] have in it, and the scale and shift that undo them.

    Raises ModelOfAnotherShape if the file's layers aren't the network's.
    """
    weights = _weights(path)
    modules = dict(network.named_modules())
    expected = {name for name, module in modules.items() if isinstance(module, nn.Conv2d | nn.Linear)}
    if expected != weights.keys():
        raise ModelOfAnotherShape(f"{path} has other layers than the network that is trained")
    hooks = []
    for name, given in weights.items():
        layer = modules[name]
        if layer.weight.shape != given["weight"].shape:
            raise ModelOfAnotherShape(f"{path}: layer {name} has the shape {list(given['weight'].shape)}")
        with torch.no_grad():
            layer.weight.copy_(given["weight"])
            if layer.bias is not None:
                layer.bias.copy_(given["bias"])
        if isinstance(layer, nn.Conv2d):
            parent, _, place = name.rpartition(".")
            following = modules[f"{parent}.{int(place) + 1}"]
            hooks.append(following.register_forward_pre_hook(_undone_by(given["bias"])))
    network.eval()
    with torch.no_grad():
        network(waveforms)
    for hook in hooks:
        hook.remove()


def _undone_by(bias: Tensor) -> "object":
    """A hook that sets a batch normalisation to the statistics of what comes, and to passing it on plus `bias`."""

    def prepare(normalisation: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        normalisation.running_mean.copy_(mean)
        normalisation.running_var.copy_(variance)
        normalisation.weight.copy_(torch.sqrt(variance + normalisation.eps))
        normalisation.bias.copy_(mean + bias)

    return prepare


def _weights(path: Path) -> Weights:
    """Weight and bias of every layer by the name of the network's module, as the exporter names its nodes."""
    try:
        graph = onnx.load(path).graph
    except Exception as error:
        # onnx and protobuf raise many kinds, which share no base; each means that the file is no model.
        raise ModelOfAnotherShape(f"{path} is no model: {error}") from error
    values = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in graph.initializer}
    layers = (node for node in graph.node if node.op_type in {"Conv", "Gemm"})
    return {
        _module_name(node.name): {"weight": values[node.input[1]], "bias": values[node.input[2]]}
        for node in layers
    }


def _module_name(node: str) -> str:
    """/body/body.3/main/main.0/Conv is the module body.3.main.0: a step that the next one repeats is left out."""
    steps = node.strip("/").split("/")[:-1]
    kept = [
        step for step, after in zip(steps, [*steps[1:], ""], strict=True) if not after.startswith(f"{step}.")
    ]
    return ".".join(kept)
