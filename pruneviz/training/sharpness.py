"""Sharpness-aware minimisation: the gradient is taken where the batch's loss is about worst nearby, not at the weights.

Foret, Kleiner, Mobahi & Neyshabur 2021, Sharpness-Aware Minimization for Efficiently Improving Generalization
(ICLR), algorithm 1 with the Euclidean norm: two passes forward and backward for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pruneviz.training.keeper import MaskKeeper


def random_state(device: str) -> tuple[Tensor, Tensor | None]:
    """The state of the global generators, of the CPU and of the device."""
    on_device = torch.cuda.get_rng_state(device) if torch.device(device).type == "cuda" else None
    return torch.get_rng_state(), on_device


def gradients_uphill(
    net: nn.Module,
    keeper: MaskKeeper,
    rho: float,
    drawn: tuple[Tensor, Tensor | None],
    device: str,
    loss: Callable[[], Tensor],
) -> None:
    """Replace each gradient ∇L(w) by ∇L(w + ρ ∇L(w) / ‖∇L(w)‖₂), the norm taken over all weights together.

    It is the gradient of one and the same function of the weights, so both passes see the same images and the same
    dropout, and batch-norm statistics are updated by the first pass alone. Removed weights stay at zero. The weights
    themselves come back bit for bit; with a gradient of zero nothing changes.

    Args:
        net: the network with the gradients of the first pass.
        keeper: what it must not disturb.
        rho: ρ > 0, how far uphill, as a distance in weight space.
        drawn: the generators' state before the first pass.
        device: where the network is.
        loss: the batch's loss at the network's weights.
    """
    keeper.mask_grads()
    weights: list[Tensor] = [p for p in net.parameters() if p.grad is not None]
    gradients = [p.grad for p in weights if p.grad is not None]
    before = [p.detach().clone() for p in weights]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        step = torch.where(norm > 0, rho / norm, torch.zeros_like(norm))
        torch._foreach_add_(weights, torch._foreach_mul(gradients, step))
    net.zero_grad(set_to_none=True)
    torch.set_rng_state(drawn[0])
    if drawn[1] is not None:
        torch.cuda.set_rng_state(drawn[1], device)
    with _statistics_left_alone(net):
        loss().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        torch._foreach_copy_(weights, before)


@contextmanager
def _statistics_left_alone(net: nn.Module) -> Iterator[None]:
    """Batch norm by the batch's own statistics, as in training, without keeping them."""
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    for m in norms:
        m.track_running_stats = False
    try:
        yield
    finally:
        for m in norms:
            m.track_running_stats = True
