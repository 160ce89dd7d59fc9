from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pruning_cases import Case, build, case
from torch import Tensor, nn

from pruneviz import pruning
from pruneviz.core.errors import Unsupported
from pruneviz.core.quantities import Target
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.methods.activity import ActivationNorm, Apoz
from pruneviz.pruning.parts import Given, Score
from pruneviz.pruning.spaces import Channels


def ranks(c: Case, score: Score) -> dict[str, Tensor]:
    units = Channels()(c.net, c.info, (), c.example)
    statistics = {"activations": pruning.gather("activations", c.net, c.data, samples=12, seed=5)}
    given = Given(c.net, c.info, "channel", units.blocks, statistics)
    return {n: r.scores for n, r in units.rank(score(given)).items()}


def images(c: Case) -> Tensor:
    return c.data.preprocess(c.data.train.images[balanced_choice(c.data.train.labels, 12, 5)])


def share(a: Tensor) -> Tensor:
    """Of outputs that are not zero, by channel."""
    return (a.transpose(0, 1).flatten(1) > 0).float().mean(1)


def test_zeros_are_counted_behind_relu_and_before_pooling() -> None:
    c = build("lenet5")
    with torch.no_grad():
        a = F.relu(c.net.conv1(images(c)))
        b = F.relu(c.net.conv2(F.max_pool2d(a, 2)))
        d = F.relu(c.net.fc1(F.max_pool2d(b, 2).flatten(1)))
    found = ranks(c, Apoz())
    for name, layer in (("conv1", a), ("conv2", b), ("fc1", d)):
        torch.testing.assert_close(found[name], share(layer))
    l1, l2 = ranks(c, ActivationNorm(1)), ranks(c, ActivationNorm(2))
    torch.testing.assert_close(l1["conv2"], b.abs().mean((0, 2, 3)))
    torch.testing.assert_close(l2["conv2"], b.square().mean((0, 2, 3)).sqrt())


def test_a_residual_stream_is_looked_at_behind_its_sums() -> None:
    c = build("resnet8")
    net = c.net
    with torch.no_grad():
        start = F.relu(net.bn(net.conv(images(c))))
        inside = F.relu(net.block1.bn1(net.block1.conv1(start)))
        end = F.relu(net.block1.bn2(net.block1.conv2(inside)) + start)
    found = ranks(c, Apoz())
    torch.testing.assert_close(found["block1.conv1"], share(inside))
    # Two layers make the channels: conv passes both ReLUs, block1.conv2 the one behind the sum.
    torch.testing.assert_close(found["conv"], ((share(start) + share(end)) / 2 + share(end)) / 2)


def test_other_activation_functions_have_norms_but_no_zeros() -> None:
    c = build("vit")
    block = c.net.blocks[0]
    with torch.no_grad():
        x = c.net.patches(images(c)).flatten(2).transpose(1, 2) + c.net.positions
        x = x + block.attention(block.norm1(x))
        a = F.gelu(block.fc1(block.norm2(x)))
    torch.testing.assert_close(ranks(c, ActivationNorm())["blocks.0.fc1"], a.abs().mean((0, 1)))
    with pytest.raises(Unsupported, match="zeros that ReLU makes"):
        c.check(pruning.RECIPES["apoz"], (Target("sparsity", 0.5),))


def test_channels_without_an_activation_function_are_named() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.Conv2d(4, 5, 3), nn.ReLU(inplace=True), nn.Flatten()]
    c = case(nn.Sequential(*layers, nn.Linear(80, 10)), 8)
    for recipe in ("apoz", "activation-l1"):
        with pytest.raises(Unsupported, match=r"channels of 0 .*exclude = \['0'\]"):
            c.select(pruning.RECIPES[recipe], Target("sparsity", 0.5))
    with pytest.raises(Unsupported, match=r"exclude = \['0'\]"):
        c.check(pruning.RECIPES["apoz"], (Target("sparsity", 0.5),))
    assert c.select(pruning.RECIPES["magnitude"], Target("sparsity", 0.5)).achieved > 0
