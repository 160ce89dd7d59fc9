"""Changes of a picture that a model itself is asked for: the fast gradient sign method, once or in steps.

White-box: each model is attacked by its own gradient, so no two models see the same pictures. Both begin at the
picture, without a random start (Kurakin et al. 2017's basic iterative method), so that they are the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


def attacked(
    net: nn.Module,
    pictures: Tensor,
    labels: Tensor,
    preprocess: Callable[[Tensor], Tensor],
    epsilon: float,
    steps: int = 1,
    step: float = 1.0,
) -> Tensor:
    """Pictures in the ε-box around the given ones whose loss is higher.

    Each step adds ``step · ε · sign(∇ loss)`` and goes back to what differs by ε at most, in [0, 1]. One step of 1 is
    the fast gradient sign method (Goodfellow et al. 2015, ICLR); several smaller ones are projected gradient ascent
    (Madry et al. 2018, ICLR). With no step, or ε 0, they are the pictures given, bit for bit.

    Args:
        net: in evaluation mode.
        pictures: float32 (N, C, H, W) in [0, 1], on the network's device.
        labels: int64 (N,), there too.
        preprocess: from pixels in [0, 1] to the network's input, differentiable.
        epsilon: largest change of a pixel, in [0, 1].
        steps: how many.
        step: length of each, as a share of ε.

    Returns:
        float32 of the same shape: no pixel differs by more than ε, counted exactly, nor leaves [0, 1].
    """
    found = pictures.clone()
    if epsilon == 0:
        return found
    low, high = _box(pictures, epsilon)
    for _ in range(steps):
        asked = found.detach().requires_grad_(True)
        with torch.enable_grad():
            loss = torch.nn.functional.cross_entropy(net(preprocess(asked)), labels, reduction="sum")
            (slope,) = torch.autograd.grad(loss, asked)
        found = torch.minimum(torch.maximum(found + step * epsilon * slope.sign(), low), high)
    return found


def _box(pictures: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """The least and largest values allowed; where rounding would exceed ε, the next number nearer to the picture."""
    exact = pictures.double()
    low, high = (exact - epsilon).clamp(min=0).float(), (exact + epsilon).clamp(max=1).float()
    low = torch.where(exact - low.double() > epsilon, torch.nextafter(low, pictures), low)
    high = torch.where(high.double() - exact > epsilon, torch.nextafter(high, pictures), high)
    return low, high
