"""Products of the loss's Hessian with vectors, over the calibration images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pruneviz.pruning.calibration import Calibration


def gather_curvature(net: nn.Module, calibration: Calibration, *, probes: int) -> dict[str, Tensor]:
    """``diagonal|p``: an estimate of ∂²ℓ/∂p², ℓ the mean cross-entropy, for every parameter p (Hutchinson 1990).

    E[z ⊙ Hz] is H's diagonal for z of independent signs. Signs are drawn anew for each probe and each batch of 50
    images; the estimate has no bias, is noisy, and may be negative.
    """
    names, parameters = zip(*net.named_parameters(), strict=True)
    generator = torch.Generator().manual_seed(calibration.seed)
    found = [torch.zeros_like(p) for p in parameters]
    for _ in range(probes):
        for images, labels in calibration.batches():
            signs = [
                (torch.randint(0, 2, p.shape, generator=generator) * 2 - 1).to(p.device, p.dtype) for p in parameters
            ]
            product = _hessian_times(net, images, labels, parameters, signs)
            share = len(images) / len(calibration) / probes
            for total, z, hz in zip(found, signs, product, strict=True):
                total += share * z * hz
    return {f"diagonal|{n}": t.cpu() for n, t in zip(names, found, strict=True)}


def gather_gradient_flow(net: nn.Module, calibration: Calibration, *, temperature: float) -> dict[str, Tensor]:
    """``product|p``: (Hg)_p for every parameter p: gradient g and Hessian H of the mean cross-entropy of logits / T."""
    names, parameters = zip(*net.named_parameters(), strict=True)
    gradient = [torch.zeros_like(p) for p in parameters]
    for images, labels in calibration.batches():
        with torch.enable_grad():
            loss = F.cross_entropy(net(images) / temperature, labels)
            part = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        torch._foreach_add_(gradient, part, alpha=len(images) / len(calibration))
    found = [torch.zeros_like(p) for p in parameters]
    for images, labels in calibration.batches():
        product = _hessian_times(net, images, labels, parameters, gradient, temperature)
        torch._foreach_add_(found, product, alpha=len(images) / len(calibration))
    return {f"product|{n}": t.cpu() for n, t in zip(names, found, strict=True)}


def _hessian_times(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    parameters: Sequence[Tensor],
    vector: Sequence[Tensor],
    temperature: float = 1.0,
) -> list[Tensor]:
    """The Hessian of a batch's mean loss, times a vector."""
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused attention kernels have no second derivative
        loss = F.cross_entropy(net(images) / temperature, labels)
        gradient = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True, materialize_grads=True)
        along = torch.stack([(g * v).sum() for g, v in zip(gradient, vector, strict=True)]).sum()
        return list(torch.autograd.grad(along, parameters, allow_unused=True, materialize_grads=True))
