"""Pruning by a graph metanetwork: the graph, its messages and its edits, beside loops over channels."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pruning_cases import Case, build, case
from torch import nn

from pruneviz import pruning
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.pruning.metagraph import Graph, GraphNetwork, edit, graph_of
from pruneviz.pruning.recipes import control_of, resolve
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.trainer import train

TARGET = Target("sparsity", 0.5)


def small() -> Case:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()]
    return case(nn.Sequential(*layers, nn.Linear(64, 10)), 8)


def graph(c: Case) -> tuple[Graph, dict[str, torch.Tensor]]:
    units = c.space(resolve(Choice("graph-metanetwork", {}), "here"))
    weights = {n: p.detach() for n, p in c.net.named_parameters()}
    return graph_of(units.groups, weights), weights


def test_nodes_and_edges_are_channels_and_what_reads_them() -> None:
    g, w = graph(small())
    first, second, last = (w[f"{n}.weight"].numpy() for n in (0, 2, 6))
    made = [np.abs(first[o]).sum() for o in range(3)] + [np.abs(second[o]).sum() for o in range(4)]
    read = [np.abs(second[:, i]).sum() for i in range(3)] + [
        np.abs(last[:, 16 * i : 16 * i + 16]).sum() for i in range(4)
    ]
    assert g.norms(w, 1)[0].tolist() == pytest.approx(made, rel=1e-5)
    assert g.norms(w, 1)[1].tolist() == pytest.approx(read, rel=1e-5)
    expected = np.zeros((7, 7))
    for o in range(4):
        for i in range(3):
            expected[3 + o, i] = np.abs(second[o, i]).sum() / np.abs(second[o]).sum()
    np.testing.assert_allclose(g.adjacency(w).numpy(), expected, atol=1e-6)


def test_messages_and_edits_are_their_definition() -> None:
    c = small()
    g, w = graph(c)
    m = GraphNetwork(2, 0.5, 3, "cpu")
    with torch.no_grad():
        m.last += torch.randn(m.last.shape, generator=torch.Generator().manual_seed(1))
        gains = m(g.features(w), g.adjacency(w)).numpy()
    h, a = g.features(w).numpy(), g.adjacency(w).numpy()
    for layer in m.layers:
        own, inwards, outwards = (t.detach().numpy() for t in layer)
        new = []
        for v in range(7):
            message = h[v] @ own
            for u in range(7):
                message = message + a[v, u] * (h[u] @ inwards) + a[u, v] * (h[u] @ outwards)
            new.append([math.tanh(x) for x in message])
        h = np.array(new)
    np.testing.assert_allclose(gains, np.exp(0.5 * np.tanh(h @ m.last.detach().numpy())), rtol=1e-4)
    out = g.edited(w, torch.from_numpy(gains))
    for o in range(4):
        for i in range(3):
            expected = w["2.weight"][o, i] * gains[3 + o, 0] * gains[i, 1]
            torch.testing.assert_close(out["2.weight"][o, i], expected)
        for name in ("2.bias", "3.weight", "3.bias"):
            torch.testing.assert_close(out[name][o], w[name][o] * gains[3 + o, 0])
        for k in range(16):
            torch.testing.assert_close(out["6.weight"][:, 16 * o + k], w["6.weight"][:, 16 * o + k] * gains[3 + o, 1])
    assert torch.equal(out["6.bias"], w["6.bias"])


def test_the_penalty_is_least_where_few_channels_hold_all_norm() -> None:
    g, w = graph(small())
    alike = {n: torch.ones_like(t) for n, t in w.items()}
    assert float(g.spread_out(alike)) == pytest.approx(1.0, abs=1e-5)
    one = torch.zeros(7, 2)
    one[0] = one[3] = 1.0
    assert float(g.spread_out(g.edited(alike, one))) == pytest.approx((1 / math.sqrt(3) + 1 / 2) / 2, abs=0.02)


def test_training_the_graph_network_lowers_what_it_minimises_and_leaves_the_network() -> None:
    c = small()
    g, w = graph(c)
    images, labels = c.data.preprocess(c.data.train.images), torch.from_numpy(c.data.train.labels)
    before = copy.deepcopy(c.net.state_dict())
    batches = ((images, labels) for _ in range(60))
    out, course = edit(c.net, g, GraphNetwork(2, 2.0, 0, "cpu"), batches, 1.0)
    with torch.no_grad():
        start = float(F.cross_entropy(c.net.eval()(images), labels) + g.spread_out(w))
    assert course[0] == pytest.approx(start, rel=1e-4)  # all gains are 1 at first
    assert course[-1] < course[0] - 0.01
    assert all(torch.equal(v, c.net.state_dict()[k]) for k, v in before.items())
    assert float(g.spread_out(out)) < float(g.spread_out(w))


def follow(c: Case, recipe: Any, spec: TrainSpec) -> Any:
    net = copy.deepcopy(c.net)
    hook = pruning.training_hook(recipe, TARGET, pruning.Ground(c.info, seed=1, samples=4))
    train(net, c.data, spec, seed=0, keeper=MaskKeeper(net, pruning.full_mask(c.info)), hooks=(hook,))
    return hook, net


def test_without_edits_the_channels_of_the_smallest_norms_go() -> None:
    c, spec = small(), TrainSpec(epochs=1, batch_size=10, lr=0.01)
    recipe = resolve(Choice("graph-metanetwork", {"edits": 0}), "here")
    hook, _ = follow(c, recipe, spec)
    spa = resolve(Choice("spa", {"order": 2}), "here")
    assert hook.mask.same_as(c.select(spa, TARGET).mask)
    control = control_of(resolve(Choice("graph-metanetwork", {}), "here"))
    assert control.schedule.edits == 0
    assert control.score.name == "random"


def test_the_same_seed_gives_the_same_network_on_a_residual_net() -> None:
    c, spec = build("resnet8"), TrainSpec(epochs=1, batch_size=10, lr=0.01)
    recipe = resolve(Choice("graph-metanetwork", {"edits": 5}), "here")
    (one, a), (two, b) = (follow(c, recipe, spec) for _ in range(2))
    assert one.mask.same_as(two.mask)
    assert all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())
