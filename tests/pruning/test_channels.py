from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pruning_cases import Case, build, case, same, snapshot
from torch import nn

from pruneviz import pruning
from pruneviz.core.errors import ModelError, SpecError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target
from pruneviz.models.inspect import examine
from pruneviz.pruning.spaces import Channels

RANDOM = pruning.RECIPES["random-channel"]


def select(c: Case, sparsity: float, seed: int = 0, **kw: Any) -> pruning.Selected:
    return pruning.select(c.net, c.info, RANDOM, Target("sparsity", sparsity), seed=seed, example=c.example, **kw)


def gap(c: Case, mask: Mask) -> float:
    """Largest difference between masked and cut, relative to the largest logit."""
    masked = copy.deepcopy(c.net)
    pruning.apply(masked, mask)
    cut = pruning.cut(c.net, mask, c.example)
    x = torch.randn((5, *c.example.shape[1:]), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        a, b = masked(x), cut(x)
    assert mask.removed_count
    small, cost = examine(cut, c.example, 10), pruning.costs(c.info, mask)
    assert (small.macs, small.parameters) == (cost.macs, cost.nonzero)
    return float((a - b).abs().max() / a.abs().max())


class Branches(nn.Module):
    """Concatenation, a depthwise and a grouped convolution, PReLU, batch norm without scale, a shared layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(3, 4, 1)
        self.depthwise, self.bn = nn.Conv2d(10, 10, 3, padding=1, groups=10), nn.BatchNorm2d(10, affine=False)
        self.act = nn.PReLU(10)
        self.wide, self.grouped = nn.Conv2d(10, 12, 1), nn.Conv2d(12, 16, 3, groups=4, padding=1)
        self.twice = nn.Conv2d(16, 16, 1)
        self.fc1, self.fc2 = nn.Linear(16 * 4, 20), nn.Linear(20, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([torch.sigmoid(self.a(x)), self.b(x)], 1)
        x = self.act(self.bn(self.depthwise(x)))
        x = F.relu(self.grouped(F.relu(self.wide(x))))
        x = x + F.relu(self.twice(F.relu(self.twice(x))))
        x = F.adaptive_avg_pool2d(x, 2).flatten(1)
        return self.fc2(torch.tanh(self.fc1(x)))


@pytest.mark.parametrize("name", ["mlp", "cnn", "lenet5", "resnet8", "vit"])
@pytest.mark.parametrize("sparsity", [0.3, 0.8])
def test_cut_equals_masked(name: str, sparsity: float) -> None:
    c = build(name)
    assert gap(c, select(c, sparsity).mask) < 1e-5


def test_cut_equals_masked_on_an_awkward_network() -> None:
    torch.manual_seed(0)
    c = case(Branches(), 8, channels=3)
    units = Channels()(c.net, c.info, (), c.example)
    assert {b.name: b.size for b in units.blocks} == {"a": 6, "b": 4, "wide": 3, "grouped": 4, "fc1": 20}
    assert units.notes == ()
    for seed in range(3):
        assert gap(c, select(c, 0.5, seed).mask) < 1e-5


def test_cut_equals_masked_after_several_levels() -> None:
    c = build("resnet8")
    mask, net = None, copy.deepcopy(c.net)
    for level, sparsity in enumerate((0.2, 0.5, 0.7)):
        s = pruning.select(
            net, c.info, pruning.RECIPES["l1-filter"], Target("sparsity", sparsity), mask=mask, example=c.example
        )
        if mask is not None:
            assert all((s.mask[n] <= mask[n]).all() for n in mask)  # what was removed stays removed
        mask = s.mask
        with torch.no_grad():  # as if retrained
            for p in net.parameters():
                p.add_(0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(level)))
        pruning.apply(net, mask)
    assert gap(Case(net, c.info, c.data, c.example), mask) < 1e-5


def test_given_model_is_left_untouched() -> None:
    c = build("resnet8")
    c.net.train()
    c.net.fc.weight.grad = torch.ones_like(c.net.fc.weight)
    before = snapshot(c.net)
    mask = select(c, 0.5).mask
    pruning.cut(c.net, mask, c.example)
    assert same(before, snapshot(c.net))


def test_frozen_models_are_traced_all_the_same() -> None:
    c = build("lenet5")
    dense = select(c, 0.5).mask
    c.net.requires_grad_(False)
    with torch.inference_mode():
        assert select(c, 0.5).mask.same_as(dense)
        cut = pruning.cut(c.net, dense, c.example)
    assert not any(p.requires_grad for p in cut.parameters())


def test_mask_is_closed() -> None:
    c = build("resnet8")
    mask = select(c, 0.4).mask
    kept = mask.units["block2.conv1"]
    assert 0 < kept.sum() < kept.size
    for name in ("block2.conv1.weight", "block2.bn1.weight", "block2.bn1.bias"):
        assert np.array_equal(mask[name].reshape(kept.size, -1).any(1), kept)
    assert np.array_equal(mask["block2.conv2.weight"].any((0, 2, 3)), kept)
    coupled = mask.units["conv"]  # through block1's identity shortcut
    assert np.array_equal(mask["block1.conv2.weight"].any((1, 2, 3)), coupled)
    assert np.array_equal(mask["block2.shortcut.0.weight"].any((0, 2, 3)), coupled)


def test_classifier_outputs_and_the_last_channel_stay() -> None:
    c = build("resnet8")
    most = pruning.select(c.net, c.info, RANDOM, Target("sparsity", 0.93), seed=1, example=c.example)
    assert all(u.any() for u in most.mask.units.values())
    assert "fc" not in most.mask.units
    with pytest.raises(SpecError, match=r"at most 0\.946429, which is 106 of 112 units"):
        select(c, 0.97)


def test_vision_transformer_loses_hidden_units_only_and_says_so() -> None:
    c = build("vit")
    s = select(c, 0.5)
    assert set(s.mask.units) == {"blocks.0.fc1", "blocks.1.fc1"}
    assert any("patches" in w and "LayerNorm" in w for w in s.warnings)
    assert any("attention.q" in w for w in s.warnings)


def test_sizes_fixed_in_the_models_code_are_left_out_and_named() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2, self.fc = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3), nn.Linear(8 * 16, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.conv2(F.relu(self.conv1(x))).view(-1, 8 * 16))

    c = case(Fixed(), 8)
    s = select(c, 0.5)
    assert set(s.mask.units) == {"conv1"}
    assert any(w.startswith("channels of conv2 are never removed") for w in s.warnings)
    with pytest.raises(Unsupported, match="No channels of this model can be removed"):
        select(c, 0.5, exclude=("conv1",))


class Shuffle(nn.Module):
    """Half of the channels pass by, then all are shuffled by a reshape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        by, through = x.chunk(2, 1)
        n, _, h, w = x.shape
        x = torch.cat([by, F.relu(self.conv(through))], 1)
        return x.view(n, 2, 8, h, w).transpose(1, 2).reshape(n, 16, h, w)


class FusedAttention(nn.Module):
    """Queries, keys and values by one linear layer, followed by a perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.down = nn.Linear(16, 24), nn.Linear(24, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(x)).reshape(len(x), -1, 3, 4, 4).permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-2, -1) / 2).softmax(-1) @ v
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return (x + self.down(F.gelu(self.up(x)))).transpose(1, 2)[..., None]


@pytest.mark.parametrize(("middle", "found"), [(Shuffle, {"3"}), (FusedAttention, {"1.up", "3"})])
def test_what_cannot_be_told_apart_is_left_alone(middle: type[nn.Module], found: set[str]) -> None:
    torch.manual_seed(0)
    last = [nn.Conv2d(16, 12, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10)]
    c = case(nn.Sequential(nn.Conv2d(3, 16, 3), middle(), nn.ReLU(), *last), 8, channels=3)
    s = select(c, 0.5)
    assert found <= set(s.mask.units)
    assert "0" not in s.mask.units
    assert "1.qkv" not in s.mask.units
    assert any("never removed" in w for w in s.warnings)
    assert gap(c, s.mask) < 1e-5


def test_excluded_layers_keep_their_channels_and_lose_inputs_only() -> None:
    c = build("lenet5")
    mask = select(c, 0.5, exclude=("conv*", "fc1.weight")).mask
    assert set(mask.units) == {"fc2"}
    assert mask["fc1.weight"].all()
    assert not mask["fc3.weight"].all()


def test_untraceable_models_are_refused_with_a_way_out() -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(64, 8), nn.Linear(8, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return self.fc2(self.fc1(x.flatten(1)))

    c = case(Detached(), 8)
    with pytest.raises(Unsupported, match="weight"):
        select(c, 0.5)


def test_masks_of_another_model_or_of_weights_are_not_cut() -> None:
    c, other = build("lenet5"), build("cnn")
    mask = select(c, 0.5).mask
    with pytest.raises(ModelError, match=r"6 channels of 'conv1', the model has 16"):
        pruning.cut(other.net, mask, other.example)
    with pytest.raises(ModelError, match=r"conv1\.weight"):
        pruning.apply(other.net, mask)
    with pytest.raises(Unsupported, match="single weights"):
        pruning.cut(c.net, pruning.full_mask(c.info), c.example)


def test_zero_padded_shortcuts_are_left_alone() -> None:
    """CIFAR ResNets with shortcut option A: the residual stream is strided and padded with zero channels."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.pad, self.stride = (outputs - inputs) // 2, outputs // inputs
            self.conv1 = nn.Conv2d(inputs, outputs, 3, self.stride, padding=1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad)))

    torch.manual_seed(0)
    stem = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    net = nn.Sequential(*stem, Block(8, 8), Block(8, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    c = case(net, 8, channels=3)
    s = select(c, 0.5)
    assert set(s.mask.units) == {"3.conv1", "4.conv1"}
    assert gap(c, s.mask) < 1e-5


def test_an_endless_trace_ends_in_a_refusal() -> None:
    class Endless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc, self.out = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(34, 6), nn.Linear(6, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.relu(self.conv(x))
            x = torch.cat([F.max_pool2d(x, 2).flatten(1), x.mean((2, 3))], 1)  # two ways back to the same channels
            return self.out(F.relu(self.fc(x)))

    with pytest.raises(Unsupported, match=r"cannot be traced .* grew beyond .* Prune weights instead"):
        select(case(Endless(), 8), 0.5)
