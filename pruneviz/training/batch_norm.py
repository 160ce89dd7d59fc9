"""Batch-norm statistics measured anew."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pruneviz.training.predicting import evaluating


def remeasure(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace every batch norm's running statistics by the mean of the batches' own, every image counting the same.

    A last batch of a single image, which has no variance of its own, is left out. Everything else is in evaluation mode
    meanwhile; no weight is changed. Without batch norm nothing is done.

    Args:
        net: the network, in place.
        batches: preprocessed images float32 (B, C, H, W), on its device.
    """
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    momenta = [m.momentum for m in norms]
    try:
        with torch.no_grad(), evaluating(net):
            for m in norms:
                m.reset_running_stats()
                m.train()
            seen = 0
            for images in batches:
                if len(images) == 1 and seen:
                    continue
                seen += len(images)
                for m in norms:
                    m.momentum = len(images) / seen
                net(images)
    finally:
        for m, momentum in zip(norms, momenta, strict=True):
            m.momentum = momentum
