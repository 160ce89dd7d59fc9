"""The pre-activation network of the three-regime model: its size, its order of layers, and that it can be pruned."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from pruneviz.core.masks import Mask
from pruneviz.models import examine
from pruneviz.training import MaskKeeper
from pruneviz_samples.preresnet import PreActivationBlock, PreResNet20


def test_it_has_the_published_size() -> None:
    convs = 16 * 9 * (3 + 6 * 16) + 32 * 9 * (16 + 5 * 32) + 64 * 9 * (32 + 5 * 64)
    shortcuts, head = 16 * 32 + 32 * 64, 64 * 10 + 10
    norms = 2 * (6 * 16 + (16 + 5 * 32) + (32 + 5 * 64) + 64)
    assert sum(p.numel() for p in PreResNet20().parameters()) == convs + shortcuts + head + norms == 272_282
    assert sum(isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3) for m in PreResNet20().modules()) + 1 == 20


def test_a_block_normalises_before_it_convolves_and_adds_what_came_in() -> None:
    torch.manual_seed(0)
    block, x = PreActivationBlock(4, 8, 2).eval(), torch.randn(2, 4, 6, 6)
    for norm in (block.bn1, block.bn2):
        nn.init.uniform_(norm.weight)
        nn.init.uniform_(norm.bias)
    scale = (1 + 1e-5) ** -0.5  # of the untouched running statistics
    y = F.relu(x * scale * block.bn1.weight.view(1, -1, 1, 1) + block.bn1.bias.view(1, -1, 1, 1))
    y = F.conv2d(y, block.conv1.weight, stride=2, padding=1)
    y = F.relu(y * scale * block.bn2.weight.view(1, -1, 1, 1) + block.bn2.bias.view(1, -1, 1, 1))
    y = F.conv2d(y, block.conv2.weight, padding=1)
    assert isinstance(block.shortcut, nn.Conv2d)
    assert torch.allclose(block(x), y + F.conv2d(x, block.shortcut.weight, stride=2), atol=1e-5)


def test_it_is_examined_and_masked_like_others_and_its_head_is_never_pruned() -> None:
    net = PreResNet20(width=2, channels=1)
    info = examine(net, torch.zeros(1, 1, 8, 8), 10)
    assert [layer.parameter for layer in info.layers if layer.kind == "linear"] == ["fc.weight"]
    assert info.classifier == "fc"
    kept = {"stage1.0.conv1.weight": np.zeros((2, 2, 3, 3), bool)}
    MaskKeeper(net, Mask.of(kept)).apply()
    assert not dict(net.named_parameters())["stage1.0.conv1.weight"].any()
