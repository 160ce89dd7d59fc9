from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from pruning_cases import build
from references import methods_slow

from pruneviz import pruning
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.methods.beta_rank import BetaRank
from pruneviz.pruning.parts import Given
from pruneviz.pruning.spaces import Channels


def scaled(t: np.ndarray) -> np.ndarray:
    return (t - t.min()) / (t.max() - t.min())


def test_filters_count_by_how_their_outputs_vary_against_what_they_read() -> None:
    c = build("resnet8")
    net = c.net
    chosen = balanced_choice(c.data.train.labels, 12, 5)
    with torch.no_grad():
        x = c.data.preprocess(c.data.train.images[chosen])
        first = net.conv(x)
        start = F.relu(net.bn(first))
        a = net.block1.conv1(start)
        inside = F.relu(net.block1.bn1(a))
        b = net.block1.conv2(inside)
        block1 = net.block1(start)
        strided, cut = net.block2.conv1(block1), net.block2.shortcut[0](block1)
    statistics = {"activations": pruning.gather("activations", net, c.data, samples=12, seed=5)}
    for layer, read, out, kernel, stride, padding in (
        ("conv", x, first, 3, 1, 1),
        ("block1.conv2", inside, b, 3, 1, 1),
        ("block2.conv1", block1, strided, 3, 2, 1),
        ("block2.shortcut.0", block1, cut, 1, 2, 0),
    ):
        expected = methods_slow.spreads(read.numpy(), out.numpy(), kernel, stride, padding)
        found = statistics["activations"][f"spread|{layer}.weight"]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)

    units = Channels()(net, c.info, (), c.example)
    ranked = units.rank(BetaRank()(Given(net, c.info, "channel", units.blocks, statistics)))
    means = {n: p.detach().abs().flatten(1).mean(1).numpy() for n, p in net.named_parameters() if p.dim() > 1}
    ranks = {
        layer: scaled(means[f"{layer}.weight"] * statistics["activations"][f"spread|{layer}.weight"].numpy())
        for layer in ("conv", "block1.conv2", "block1.conv1")
    }
    np.testing.assert_allclose(ranked["block1.conv1"].scores, ranks["block1.conv1"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ranked["conv"].scores, (ranks["conv"] + ranks["block1.conv2"]) / 2, rtol=1e-4, atol=1e-6)


def test_linear_layers_read_all_inputs_at_every_token() -> None:
    c = build("vit")
    found = pruning.gather("activations", c.net, c.data, samples=12, seed=5)["spread|blocks.0.fc1.weight"]
    block = c.net.blocks[0]
    with torch.no_grad():
        x = c.data.preprocess(c.data.train.images[balanced_choice(c.data.train.labels, 12, 5)])
        x = c.net.patches(x).flatten(2).transpose(1, 2) + c.net.positions
        read = block.norm2(x + block.attention(block.norm1(x)))
        out = block.fc1(read)
    ratios = [[out[:, t, o].std(correction=0) / read[:, t].std(correction=0) for t in range(49)] for o in range(64)]
    np.testing.assert_allclose(found, np.array(ratios).mean(1), rtol=1e-4)
