"""Networks as products of their weights: without biases, batch norm folded, and whether that is what they are."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from pruneviz.core.errors import Unsupported

_TOLERANCE = 1e-6  # relative, in double precision


def without_biases(net: nn.Module) -> nn.Module:
    """A copy in double precision and evaluation mode without what layers add: biases, and the shifts of batch norm."""
    stand_in = copy.deepcopy(net).double().eval()
    for module in stand_in.modules():
        if isinstance(module, (_ConvNd, nn.Linear, _BatchNorm)) and module.bias is not None:
            module.bias.data.zero_()
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            module.running_mean.zero_()
    return stand_in


def require_homogeneous(net: nn.Module, inputs: Tensor, what: str) -> None:
    """Refuse a network that is no product of its weights: without biases, twice the input has to give twice the output.

    So it is for convolutions, linear layers, batch norm in evaluation mode, ReLU, pooling and sums. It is not for layer
    and group norm, attention's softmax, GELU, ReLU6.

    Args:
        net: without biases, in double precision; left as it is.
        inputs: double (n, C, H, W).
        what: who needs it, for the message.

    Raises:
        Unsupported: it is no such product.
    """
    with torch.no_grad():
        once, twice = net(inputs), net(2 * inputs)
    gap = float((twice - 2 * once).abs().max() / twice.abs().max().clamp(min=torch.finfo(torch.float64).tiny))
    if not gap <= _TOLERANCE:
        raise Unsupported(
            f"{what} needs a network whose layers scale their outputs with their inputs (convolutions, linear layers, "
            "batch norm, ReLU, pooling, sums). Here doubling the input, biases left out, does not double the output: "
            "there is layer or group norm, attention, GELU or the like. Use another method."
        )


def fold_batch_norm(net: nn.Module, example: Tensor) -> nn.Module:
    """A copy whose batch norms are part of the convolutions and linear layers that they follow.

    In evaluation mode batch norm is y = s·z + t; with weight s·w and bias s·b + t the layer before it gives y at once.
    Weights keep their names.

    Args:
        net: left as it is.
        example: float32 (1, C, H, W), on the network's device.

    Raises:
        Unsupported: a batch norm does not directly follow a convolution or linear layer.
    """
    folded = copy.deepcopy(net).eval()
    for norm_name, layer_name in _followed(folded, example).items():
        layer: Any = folded.get_submodule(layer_name)
        norm: Any = folded.get_submodule(norm_name)
        with torch.no_grad():
            scale = (norm.running_var + norm.eps).rsqrt()
            scale = scale if norm.weight is None else scale * norm.weight
            bias = 0.0 if layer.bias is None else layer.bias
            shift = (bias - norm.running_mean) * scale
            shift = shift if norm.bias is None else shift + norm.bias
            layer.weight.copy_(layer.weight * scale.reshape(-1, *[1] * (layer.weight.dim() - 1)))
        layer.bias = nn.Parameter(shift.detach())
        folded.set_submodule(norm_name, nn.Identity())
    return folded


def _followed(net: nn.Module, example: Tensor) -> dict[str, str]:
    """Which layer each batch norm follows."""
    made: dict[int, str] = {}
    outputs: list[Tensor] = []  # held, so that ids stay theirs
    found: dict[str, str] = {}
    alone: list[str] = []

    def hook_for(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
            if isinstance(module, _BatchNorm):
                if id(args[0]) in made and module.running_var is not None:
                    found[name] = made[id(args[0])]
                else:
                    alone.append(name)
            elif not isinstance(module, _ConvTransposeNd):
                made[id(out)] = name
                outputs.append(out)

        return hook

    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, (_ConvNd, nn.Linear, _BatchNorm))]
    handles = [m.register_forward_hook(hook_for(n)) for n, m in layers]
    try:
        with torch.no_grad():
            net(example)
    finally:
        for handle in handles:
            handle.remove()
    if alone or len(set(found.values())) < len(found):
        which = ", ".join(alone or found)
        raise Unsupported(
            f"The batch norms {which} cannot be folded into the layer before: each has to stand directly after a "
            "convolution or linear layer of its own, and to keep running statistics. Use another method."
        )
    return found
