"""A network's outputs on images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


def predict(
    net: nn.Module,
    images: npt.NDArray[Any],
    preprocess: Callable[..., Tensor],
    batch_size: int = 500,
    device: str = "cpu",
) -> npt.NDArray[np.float32]:
    """Logits in evaluation mode; training modes and device of the network are restored.

    Args:
        net: the network.
        images: uint8 (N, H, W, C) or float32 (N, C, H, W), at least one.
        preprocess: makes float32 (B, C, H, W) on a device of a batch of them.
        batch_size: images a batch; the last bits of the result may depend on it.
        device: where to compute.

    Returns:
        float32 (N, classes).
    """
    with torch.inference_mode(), evaluating(net), moved(net, device):
        parts = [
            net(preprocess(images[i : i + batch_size], device)).float().cpu() for i in range(0, len(images), batch_size)
        ]
    return torch.cat(parts).numpy()


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode, then the mode that every module had before."""
    modes = [(m, m.training) for m in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def moved(net: nn.Module, device: str) -> Iterator[None]:
    """The network on a device, then where its first parameter was before."""
    home = next((p.device for p in net.parameters()), torch.device("cpu"))
    net.to(device)
    try:
        yield
    finally:
        net.to(home)
