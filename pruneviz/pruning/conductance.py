"""Conductance: how much of the true class's logit, from a blank image to this one, runs through a unit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pruneviz.pruning.calibration import Calibration


def gather_conductance(net: nn.Module, calibration: Calibration, *, steps: int) -> dict[str, Tensor]:
    """``conductance|p``, of shape (outputs,), for the weight p of every layer.

    Along the straight line from a blank image (zeros behind preprocessing) to the image, the conductance of an output y
    is ∫ ∂F/∂y dy, F the true class's logit (Dhamdhere et al. 2019), by the trapezoidal rule over so many steps. It is
    summed over positions within an image; the mean over images of its absolute value is returned.
    """
    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, (_ConvNd, nn.Linear))]
    outputs: list[tuple[str, int, Tensor]] = []

    def hook_for(name: str, axis: int) -> Any:
        def hook(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
            outputs.append((name, axis, out))

        return hook

    handles = [
        m.register_forward_hook(hook_for(f"{n}.weight" if n else "weight", 1 if isinstance(m, _ConvNd) else -1))
        for n, m in layers
    ]
    sums: dict[str, Tensor] = {}
    share = torch.linspace(0, 1, steps + 1, device=calibration.device)
    try:
        for image, label in calibration.one_by_one():
            outputs.clear()
            with torch.enable_grad():
                logits = net(image * share.reshape(-1, *[1] * (image.dim() - 1)))[:, label]
                gradients = torch.autograd.grad(
                    logits.sum(), [out for *_, out in outputs], allow_unused=True, materialize_grads=True
                )
            found: dict[str, Tensor] = {}
            for (name, axis, out), g in zip(outputs, gradients, strict=True):
                parts = (g[1:] + g[:-1]) / 2 * out.detach().diff(dim=0)
                by_unit = parts.movedim(axis, 0).reshape(out.shape[axis], -1).sum(1)
                found[name] = found[name] + by_unit if name in found else by_unit
            for name, value in found.items():
                sums[name] = sums[name] + value.abs() if name in sums else value.abs()
    finally:
        for handle in handles:
            handle.remove()
    return {f"conductance|{name}": (t / len(calibration)).cpu() for name, t in sums.items()}
