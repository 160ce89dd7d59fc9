"""Second moments of what layers read: the Hessian of a layer's squared output error."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pruneviz.pruning.calibration import Calibration


def is_looked_into(module: nn.Module) -> bool:
    """Whether inputs of this layer are gathered: linear, or a 2-D convolution without groups, padded with zeros."""
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.padding_mode == "zeros"
    return isinstance(module, nn.Linear)


def gather_inputs(net: nn.Module, calibration: Calibration) -> dict[str, Tensor]:
    """``moment|p``: E[x xᵀ], of shape (inputs, inputs), for the weight p of every layer that is looked into.

    x is what one output is made from, in the order of ``p.flatten(1)``: a linear layer's input features, or a
    convolution's patch with its padding. The mean runs over images and positions.
    """
    sums: dict[str, Any] = {}

    def hook_for(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
            x = _rows(module, args[0].detach())
            total, count = sums.get(name, (0.0, 0))
            sums[name] = (total + (x.T @ x).double(), count + len(x))

        return hook

    handles = [
        m.register_forward_hook(hook_for(f"{n}.weight" if n else "weight"))
        for n, m in net.named_modules()
        if is_looked_into(m)
    ]
    try:
        with torch.no_grad():
            for images, _ in calibration.batches():
                net(images)
    finally:
        for handle in handles:
            handle.remove()
    return {f"moment|{name}": (total / count).float().cpu() for name, (total, count) in sums.items()}


def _rows(module: nn.Module, x: Tensor) -> Tensor:
    """What every output is made from, one row each: (rows, inputs)."""
    if not isinstance(module, nn.Conv2d):
        return x.reshape(-1, x.shape[-1])
    left, right, top, bottom = module._reversed_padding_repeated_twice
    padded = F.pad(x, (left, right, top, bottom))
    patches = F.unfold(padded, module.kernel_size, module.dilation, 0, module.stride)
    return patches.transpose(1, 2).reshape(-1, patches.shape[1])
