from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from pruning_cases import Case, build, case
from references import methods_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.methods.synflow import SynapticFlow
from pruneviz.pruning.parts import Given


def scores(c: Case) -> dict[str, torch.Tensor]:
    return dict(SynapticFlow()(Given(c.net, c.info, "weight", (), example=c.example)).values)


def sequential(bias: bool) -> Case:
    torch.manual_seed(3)
    layers = [nn.Conv2d(1, 4, 3, bias=bias), nn.ReLU(), nn.Conv2d(4, 6, 3, bias=bias), nn.ReLU(), nn.Flatten()]
    return case(nn.Sequential(*layers, nn.Linear(96, 20, bias=bias), nn.ReLU(), nn.Linear(20, 10, bias=bias)), 8)


@pytest.mark.parametrize("name", ["sequential", "resnet8"])
def test_a_score_is_what_the_flow_loses_with_the_weight(name: str) -> None:
    c = sequential(bias=True) if name == "sequential" else build(name)
    shape = tuple(c.example.shape[1:])
    whole = methods_slow.absolute_flow(c.net, shape)
    found, lost = [], []
    rng = np.random.default_rng(0)
    for layer in c.info.layers:
        for at in rng.choice(layer.parameters, 4, replace=False):
            net = copy.deepcopy(c.net)
            dict(net.named_parameters())[layer.parameter].data.reshape(-1)[at] = 0
            lost.append(whole - methods_slow.absolute_flow(net, shape))
            found.append(float(scores(c)[layer.parameter].reshape(-1)[at]))
    found_, lost_ = np.array(found), np.array(lost)
    np.testing.assert_allclose(found_ / found_.sum(), lost_ / lost_.sum(), rtol=1e-4, atol=1e-9)


def test_every_layer_of_a_sequential_network_carries_the_same_flow() -> None:
    totals = [float(s.double().sum()) for s in scores(sequential(bias=False)).values()]
    assert np.ptp(totals) / totals[0] < 1e-5


def test_rounds_keep_layers_alive_where_one_shot_empties_them() -> None:
    torch.manual_seed(0)
    wide = [layer for _ in range(5) for layer in (nn.Linear(60, 60, bias=False), nn.ReLU())]
    c = case(nn.Sequential(nn.Flatten(), nn.Linear(64, 60, bias=False), nn.ReLU(), *wide, nn.Linear(60, 10)), 8)
    target = Target("sparsity", 0.997)
    once = c.select(pruning.RECIPES["synflow-one-shot"], target)
    often = c.select(pruning.RECIPES["synflow"], target)
    assert pruning.dead_layers(c.info, once.mask)
    assert pruning.dead_layers(c.info, often.mask) == ()
    assert often.achieved == once.achieved


def test_a_residual_network_is_never_cut_in_two() -> None:
    c = build("resnet8")
    net = copy.deepcopy(c.net)
    pruning.apply(net, c.select(pruning.RECIPES["synflow"], Target("sparsity", 0.99)).mask)
    assert methods_slow.absolute_flow(net, tuple(c.example.shape[1:])) > 0


def test_what_is_no_product_of_weights_is_refused_before_anything_starts() -> None:
    gelu = case(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.GELU(), nn.Linear(8, 10)), 8)
    bounded = case(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU6(), nn.Linear(8, 10)), 8)
    bounded.net[1].weight.data *= 50
    for c in (gelu, bounded, build("vit")):
        with pytest.raises(Unsupported, match="SynFlow needs a network whose layers scale"):
            c.check(pruning.RECIPES["synflow"], (Target("sparsity", 0.5),))


def test_deep_products_do_not_overflow() -> None:
    c = sequential(bias=False)
    for p in c.net.parameters():
        p.data *= 1e12
    assert all(s.isfinite().all() and s.max() > 0 for s in scores(c).values())


def test_rounds_without_data_only() -> None:
    rounds = {"schedule": {"name": "rescored", "times": 3}}
    recipe = pruning.resolve(Choice("magnitude", rounds), "here")
    goals = tuple(Target("sparsity", s) for s in (0.5, 0.75, 0.875))
    assert recipe.schedule.phases(recipe.score, goals[-1]) == tuple((recipe.score, goal) for goal in goals)
    with pytest.raises(SpecError, match='schedule = "iterative"'):
        pruning.resolve(Choice("snip", rounds), "here")
