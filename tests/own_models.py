"""Model factories as a user would write them, good and bad; named as ``own_models:…`` by tests of several rooms."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.pad = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(y + shortcut)


class _ResNet(nn.Module):
    """The CIFAR-10 networks of He et al. 2016, section 4.2, with shortcuts of option A."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = (16, 16, 32, 64)
        for stage in (1, 2, 3):
            first = _Block(widths[stage - 1], widths[stage], 1 if stage == 1 else 2)
            rest = [_Block(widths[stage], widths[stage], 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(first, *rest))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def resnet20() -> nn.Module:
    return _ResNet(3)


def resnet32() -> nn.Module:
    return _ResNet(5)


def tiny(classes: int = 3, hidden: int = 4, norm: bool = False) -> nn.Module:
    """For 1×4×4 images."""
    layers = [nn.Conv2d(1, 2, 3, bias=not norm), *([nn.BatchNorm2d(2)] if norm else []), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def tied() -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 3))
    net[2].weight = net[1].weight
    return net


def frozen() -> nn.Module:
    net = tiny()
    net[0].weight.requires_grad_(False)
    return net


def half() -> nn.Module:
    return tiny().half()


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))


def weightless() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(1))


def normed() -> nn.Module:
    """A weight computed from others."""
    net = tiny()
    nn.utils.parametrizations.weight_norm(net[3])
    return net


class _Nan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1)) / 0 * 0


def nan() -> nn.Module:
    return _Nan()


class _Restless(_Nan):
    def forward(self, x: Tensor) -> Any:
        return self.fc(F.dropout(x.flatten(1) + 1, 0.5))


def restless() -> nn.Module:
    """Drops out in evaluation, too: a slip."""
    return _Restless()


class _Two(_Nan):
    def forward(self, x: Tensor) -> Any:
        logits = self.fc(x.flatten(1))
        return (logits, logits) if self.training else logits


def two_outputs() -> nn.Module:
    """Gives a pair in training mode."""
    return _Two()


def raises() -> nn.Module:
    raise ValueError("no weights for this one")


def not_a_module() -> int:
    return 3


A_MODULE = nn.Linear(2, 2)
A_NUMBER = 3


class _Shared(nn.Module):
    """One layer called twice, and one never."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(16, 16)
        self.head = nn.Linear(16, 3)
        self.spare = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.fc(self.fc(x.flatten(1))))


def shared() -> nn.Module:
    return _Shared()


class _Attention(nn.Module):
    """Multi-head attention, packed or (with other key sizes) separate, over the rows of 1×4×4 images."""

    def __init__(self, packed: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, kdim=None if packed else 4, vdim=None if packed else 2)
        self.packed = packed
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.squeeze(1).transpose(0, 1)
        value = rows if self.packed else torch.cat([rows, rows])[..., :2]
        key = rows if self.packed else torch.cat([rows, rows])
        mixed, _ = self.attention(rows, key, value, need_weights=False)
        return self.head(mixed.mean(0))


def attention(packed: bool = True) -> nn.Module:
    return _Attention(packed)
