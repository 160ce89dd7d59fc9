"""EMO-PMS: evolved masks, beside all masks there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pruning_cases import case
from torch import nn

from pruneviz import pruning
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.evolution import evolved, given_up
from pruneviz.pruning.recipes import resolve


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5), nn.ReLU(), nn.Linear(5, 10))


def all_masks(n: int) -> list[np.ndarray]:
    return [np.array(m, bool) for m in itertools.product((False, True), repeat=n) if not all(m)]


def front_of(masks: list[np.ndarray], cost: list[float]) -> list[int]:
    """Those that no other beats: as many removed at least, no more impaired, and better in one."""
    size = [int(m.sum()) for m in masks]
    return [
        i
        for i in range(len(masks))
        if not any(
            size[j] >= size[i] and cost[j] <= cost[i] and (size[j] > size[i] or cost[j] < cost[i])
            for j in range(len(masks))
        )
    ]


def test_values_are_those_of_the_front_of_all_masks() -> None:
    c = case(small(), 8)
    need = "evolution(generations=60, population=16)"
    found = pruning.gather(need, c.net, c.data, samples=12, seed=1)
    chosen = balanced_choice(c.data.train.labels, 12, 1)
    x, y = c.data.preprocess(c.data.train.images[chosen]), torch.from_numpy(c.data.train.labels[chosen])
    layers = {"0.weight": c.net[0], "3.weight": c.net[3]}
    for name, layer in layers.items():
        masks, cost = all_masks(layer.weight.shape[0]), []
        with torch.no_grad():
            whole = float(F.cross_entropy(c.net(x), y))
            for m in masks:
                state = {k: v.clone() for k, v in layer.state_dict().items()}
                layer.weight[torch.from_numpy(m)] = 0
                layer.bias[torch.from_numpy(m)] = 0
                cost.append(float(F.cross_entropy(c.net(x), y)) - whole)
                layer.load_state_dict(state)
        front = front_of(masks, cost)
        points = sorted({(int(masks[i].sum()), cost[i]) for i in front})
        np.testing.assert_allclose(np.unique(found[f"front|{name}"], axis=0), points, atol=1e-5)
        for f, value in enumerate(found[f"impairment|{name}"].tolist()):
            given = [cost[i] for i in front if masks[i][f]]
            assert value == pytest.approx(min(given) if given else max(cost[i] for i in front) + 1, abs=1e-5)


def test_fronts_are_told_with_what_was_pruned() -> None:
    c = case(small(), 8)
    recipe = resolve(Choice("emo-pms", {"generations": 1, "population": 4}), "here")
    first, second = c.select(recipe, Target("sparsity", 0.5)).warnings
    (need,) = recipe.needs
    (gone, rise), *_ = [p for p in c.statistics[need]["front|0.weight"].tolist() if p[0]]
    assert first.startswith(f"Pareto front of 0, filters removed of 4 and nats: {int(gone)} {rise:+.2g}")
    assert second.startswith("Pareto front of 3, filters removed of 5 and nats: ")


def test_the_front_is_never_worse_than_masks_by_norm_and_evolution_improves_it() -> None:
    rng = np.random.default_rng(0)
    norms, value = rng.random(12), rng.random(12)  # norms say nothing of what outputs are worth

    def area(generations: int) -> float:
        removed, cost = evolved(norms, lambda m: float(value[m].sum()), 12, generations, np.random.default_rng(1))
        sizes = removed.sum(axis=1)
        assert (np.diff(sizes) > 0).all()
        assert (np.diff(cost) > 0).all()
        assert not removed.all(axis=1).any()
        return float(sum(cost[sizes >= s].min() for s in range(int(sizes.max()) + 1)))

    by_norm = sum(float(value[np.argsort(norms)[:s]].sum()) for s in range(12))
    least = sum(float(np.sort(value)[:s].sum()) for s in range(12))
    assert area(0) == pytest.approx(by_norm)
    assert least <= area(30) < area(3) < by_norm


def test_what_no_mask_removes_comes_last() -> None:
    removed = np.array([[False, False, False], [True, False, False], [True, True, False]])
    assert given_up(removed, np.array([0.0, -0.2, 0.7])) == pytest.approx([-0.2, 0.7, 1.7])


def test_filters_are_ranked_over_all_layers_and_equal_ones_by_their_norm() -> None:
    c = case(small(), 8)
    recipe = resolve(Choice("emo-pms", {}), "here")
    (need,) = recipe.needs
    rise = {"0.weight": [0.3, 0.3, 0.1, 2.0], "3.weight": [0.2, 0.5, 0.1, 3.0, 0.3], "5.weight": [0.0] * 10}
    given = {need: {f"impairment|{n}": torch.tensor(v) for n, v in rise.items()}}
    scores = recipe.score(pruning.Given(c.net, c.info, "channel", (), given)).values
    rows = [
        (v, float(dict(c.net.named_parameters())[n][i].detach().abs().sum()), n, i)
        for n, values in rise.items()
        for i, v in enumerate(values)
    ]
    for place, (_, _, n, i) in enumerate(sorted(rows)):
        assert scores[n][i] == place


def test_the_same_seed_gives_the_same_mask() -> None:
    c = case(small(), 8)
    recipe = resolve(Choice("emo-pms", {"generations": 2}), "here")
    one = c.select(recipe, Target("sparsity", 0.5)).mask
    c.statistics.clear()
    assert c.select(recipe, Target("sparsity", 0.5)).mask.same_as(one)
