from __future__ import annotations

import copy

import numpy as np
import own_models
import pytest
import torch
import torch.nn.functional as F
from references import connectivity_slow as slow
from torch import nn

from pruneviz.core.errors import Unsupported
from pruneviz.core.masks import Mask
from pruneviz.pruning.connectivity import connectivity
from pruneviz_samples.nets import LeNet5

SEEDS = pytest.mark.parametrize("seed", range(6))


def masked(net, seed, density=0.35):
    rng = np.random.default_rng(seed)
    return Mask.of({n: rng.random(p.shape) < density for n, p in net.named_parameters() if p.dim() > 1})


def entries(found, field):
    return {(name, tuple(int(i) for i in at)) for name, r in found.items() for at in np.argwhere(getattr(r, field))}


def agrees(net, mask, example, edges, last):
    found = connectivity(net, mask, example)
    assert entries(found, "connected") == slow.connected(edges, "in", last)
    assert entries(found, "fed") == slow.touched(edges, "in")
    assert entries(found, "heard") == slow.touched(edges, last, backwards=True)


@SEEDS
def test_a_perceptron_agrees_with_all_its_paths(seed):
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 3))
    mask = masked(net, seed)
    edges = slow.flattening(1, (2, 3), "in", "a")
    for name, at, to in (("1.weight", "a", "b"), ("3.weight", "b", "c"), ("5.weight", "c", "out")):
        edges += slow.linear(name, mask[name], at, to)
    agrees(net, mask, torch.zeros(1, 1, 2, 3), edges, "out")


class Residual(nn.Module):
    """Padding, a stride, batch norm, a sum, pooling by largest and mean, and a flattening."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(2)
        self.conv2 = nn.Conv2d(2, 2, 3, stride=2, padding=1, bias=False)
        self.short = nn.Conv2d(2, 2, 1, stride=2)
        self.deep = nn.Conv2d(2, 2, 1, groups=2)
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        x = F.relu(self.norm(self.conv1(x)), inplace=True)
        out = self.conv2(x)
        out += self.short(x)
        x = self.deep(F.relu(out))
        return self.fc(F.max_pool2d(x, 2).flatten(1))


@SEEDS
def test_a_convolutional_network_agrees_with_all_its_paths(seed):
    net = Residual()
    mask = masked(net, seed, 0.3)
    rng = np.random.default_rng(seed)
    mask = Mask.of({**mask, "norm.weight": rng.random(2) < 0.8})
    edges, size = slow.convolution("conv1.weight", mask["conv1.weight"], (4, 4), "in", "a", padding=1)
    edges += slow.passing(2, size, "a", "b", mask["norm.weight"])
    more, half = slow.convolution("conv2.weight", mask["conv2.weight"], size, "b", "c", stride=2, padding=1)
    edges += more + slow.convolution("short.weight", mask["short.weight"], size, "b", "c", stride=2)[0]
    more, half = slow.convolution("deep.weight", mask["deep.weight"], half, "c", "d", groups=2)
    pooled, last = slow.pooling(2, half, 2, "d", "e")
    edges += (
        more + pooled + slow.flattening(2, last, "e", "f") + slow.linear("fc.weight", mask["fc.weight"], "f", "out")
    )
    agrees(net, mask, torch.zeros(1, 1, 4, 4), edges, "out")


def test_in_a_dense_network_everything_is_connected():
    for net, example in ((LeNet5(), torch.zeros(1, 1, 28, 28)), (own_models.resnet20(), torch.zeros(1, 3, 32, 32))):
        found = connectivity(net, None, example)
        assert set(found) == {n for n, p in net.named_parameters() if p.dim() > 1}
        assert all(r.connected.all() for r in found.values())


@SEEDS
def test_removing_what_is_cut_off_changes_no_output(seed):
    """With biases the outputs would differ by constants: so without."""
    net = own_models.resnet20().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    net.linear.bias.data.zero_()
    mask = masked(net, seed, 0.02)
    found = connectivity(net, mask, torch.zeros(1, 3, 32, 32))
    cut = copy.deepcopy(net)
    for each, kept in ((net, mask), (cut, {n: r.connected for n, r in found.items()})):
        for name, p in each.named_parameters():
            if name in kept:
                p.data *= torch.from_numpy(kept[name]).float()
    assert sum(int(r.connected.sum()) for r in found.values()) < sum(int(mask[n].sum()) for n in mask)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        assert torch.allclose(net(x), cut(x), atol=1e-6)


def test_a_channel_that_nobody_reads_cuts_off_its_filter_and_an_empty_layer_everything():
    net = LeNet5()
    kept = {n: np.ones(p.shape, bool) for n, p in net.named_parameters() if p.dim() > 1}
    kept["conv2.weight"][:, 3] = False
    found = connectivity(net, Mask.of(kept), torch.zeros(1, 1, 28, 28))
    assert not found["conv1.weight"].connected[3].any()
    assert not found["conv1.weight"].heard[3].any()
    assert found["conv1.weight"].fed.all()
    assert found["conv1.weight"].connected.sum() == 5 * 25
    kept["fc2.weight"][:] = False
    found = connectivity(net, Mask.of(kept), torch.zeros(1, 1, 28, 28))
    assert not any(r.connected.any() for r in found.values())
    assert found["fc1.weight"].fed.all()
    assert found["fc3.weight"].heard.all()
    assert not found["fc3.weight"].fed.any()


def test_the_network_is_left_as_it_is():
    net = own_models.tiny(norm=True).train()
    before = copy.deepcopy(net.state_dict())
    connectivity(net, masked(net, 0), torch.zeros(1, 1, 4, 4))
    assert net.training
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(16, 4), nn.Linear(16, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(self.a(x) * torch.sigmoid(self.b(x)))


@pytest.mark.parametrize(
    ("net", "named"),
    [
        (Gated(), "mul of two activations"),
        (nn.Sequential(nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 3)), "layer_norm"),
        (nn.Sequential(nn.GroupNorm(1, 1), nn.Flatten(), nn.Linear(16, 3)), "group_norm"),
        (own_models.attention(), "multi_head_attention_forward"),
        (own_models.normed(), "is computed, no parameter"),
    ],
)
def test_what_cannot_be_followed_is_named(net, named):
    with pytest.raises(Unsupported, match=named):
        connectivity(net, None, torch.ones(1, 1, 4, 4))
