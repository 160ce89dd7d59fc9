"""Small networks and data that the tests of pruning share, and snapshots of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from pruneviz.data import ImageData, Split
from pruneviz.models.inspect import ModelInfo, examine
from pruneviz_samples import nets


@dataclass(frozen=True, eq=False)
class Case:
    """A network with what is needed to prune it."""

    net: nn.Module
    info: ModelInfo
    data: ImageData
    example: torch.Tensor


def images(size: int, channels: int = 1, count: int = 30) -> ImageData:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    split = Split(pixels, np.arange(count, dtype=np.int64) % 10, np.array([f"test:{i}" for i in range(count)]))
    return ImageData("noise", split, None, split, tuple("0123456789"), (0.5,) * channels, (0.25,) * channels)


def case(net: nn.Module, size: int, channels: int = 1) -> Case:
    """A network whose batch norm is not the identity, in evaluation mode."""
    generator = torch.Generator().manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
            ):
                tensor.data.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)
    net.eval()
    data = images(size, channels)
    example = data.preprocess(data.test.images[:1])
    return Case(net, examine(net, example, 10), data, example)


ARCHITECTURES: dict[str, Callable[[], Case]] = {
    "mlp": lambda: case(nets.MLP(), 8),
    "cnn": lambda: case(nets.SmallCNN(), 8),
    "lenet5": lambda: case(nets.LeNet5(), 28),
    "resnet8": lambda: case(nets.ResNet8(width=8), 28),
    "vit": lambda: case(nets.TinyViT(depth=2, dim=32, hidden=64), 28),
}


def build(name: str) -> Case:
    torch.manual_seed(0)
    return ARCHITECTURES[name]()


def snapshot(net: nn.Module) -> Any:
    """What must not change: parameters, buffers, gradients, modes, hooks, requires_grad, and the objects themselves."""
    state = {k: v.clone() for k, v in net.state_dict().items()}
    grads = {n: None if p.grad is None else p.grad.clone() for n, p in net.named_parameters()}
    flags = {n: (p.requires_grad, id(p)) for n, p in net.named_parameters()}
    modes = {n: (m.training, len(m._forward_hooks), len(m._backward_hooks)) for n, m in net.named_modules()}
    return state, grads, flags, modes


def same(a: Any, b: Any) -> bool:
    """Whether two snapshots are equal, tensors bit for bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
