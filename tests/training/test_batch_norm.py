from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz import training


@pytest.fixture
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(101, 3, 6, 6, generator=generator) * (1 + torch.arange(101)[:, None, None, None] / 20)


def batches(images: torch.Tensor, size: int) -> list[torch.Tensor]:
    return list(images.split(size))


def test_every_image_counts_the_same_whatever_the_batches_are(images: torch.Tensor) -> None:
    net = nn.BatchNorm2d(3).eval()
    training.remeasure(net, batches(images, 40))  # 40, 40 and 21
    parts = [(len(b), b.mean((0, 2, 3)), b.transpose(0, 1).flatten(1).var(1)) for b in batches(images, 40)]
    assert torch.allclose(net.running_mean, sum(n * mean for n, mean, _ in parts) / 101, atol=1e-6)
    assert torch.allclose(net.running_var, sum(n * var for n, _, var in parts) / 101, rtol=1e-5)
    assert not net.training
    assert net.momentum == 0.1


def test_a_single_image_at_the_end_changes_nothing(images: torch.Tensor) -> None:
    """It has no variance: batch norm after a linear layer would refuse it."""
    nets = [nn.Sequential(nn.Flatten(), nn.BatchNorm1d(108)).eval() for _ in range(2)]
    training.remeasure(nets[0], batches(images, 50))  # 50, 50 and 1
    training.remeasure(nets[1], batches(images[:100], 50))
    for one, other in zip(nets[0].state_dict().values(), nets[1].state_dict().values(), strict=True):
        assert torch.equal(one, other)
