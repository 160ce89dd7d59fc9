from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pruning_cases import Case, build, case, same, snapshot
from references import methods_slow
from torch import Tensor, nn

from pruneviz import pruning
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.methods.surgeon import Surgeon
from pruneviz.pruning.parts import Given
from pruneviz.pruning.spaces import Channels


@pytest.fixture(scope="module")
def lenet() -> Case:
    return build("lenet5")


def images(c: Case) -> Tensor:
    return c.data.preprocess(c.data.train.images[balanced_choice(c.data.train.labels, 10, 0)])


def damped(h: np.ndarray) -> np.ndarray:
    return h.astype(float) + 0.01 * np.diag(h).mean() * np.eye(len(h))


def test_moments_are_those_of_what_layers_read(lenet: Case) -> None:
    found = pruning.gather("inputs", lenet.net, lenet.data, samples=10, seed=0)
    net = lenet.net
    with torch.no_grad():
        a = F.max_pool2d(F.relu(net.conv1(images(lenet))), 2)
        b = F.max_pool2d(F.relu(net.conv2(a)), 2).flatten(1)
    patches = [a[n, :, y : y + 5, x : x + 5].reshape(-1) for n in range(10) for y in range(10) for x in range(10)]
    rows = torch.stack(patches)
    torch.testing.assert_close(found["moment|conv2.weight"], rows.T @ rows / len(rows), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found["moment|fc1.weight"], b.T @ b / 10, rtol=1e-4, atol=1e-6)
    padded = F.pad(images(lenet), (2, 2, 2, 2))
    corner = torch.stack(
        [padded[n, :, y : y + 5, x : x + 5].reshape(-1) for n in range(10) for y in range(28) for x in range(28)]
    )
    torch.testing.assert_close(found["moment|conv1.weight"], corner.T @ corner / len(corner), rtol=1e-4, atol=1e-6)


def test_ends_where_removing_one_by_one_ends(lenet: Case) -> None:
    s = lenet.select(pruning.RECIPES["obs"], Target("sparsity", 0.6))
    rng = np.random.default_rng(0)
    for name, rows in (("conv2.weight", (0, 7)), ("fc3.weight", (0, 4, 9))):
        h = damped(lenet.statistics["inputs"][f"moment|{name}"].numpy())
        w = dict(lenet.net.named_parameters())[name].detach().flatten(1).numpy()
        kept = s.mask[name].reshape(len(w), -1)
        for row in rows:
            gone = rng.permutation(np.flatnonzero(~kept[row]))  # in any order
            expected = methods_slow.surgeon_one_by_one(w[row], h, gone)
            found = s.weights[name].flatten(1)[row].numpy()
            np.testing.assert_allclose(found[kept[row]], expected[kept[row]], rtol=1e-3, atol=1e-5)


def test_saliency_is_what_removing_one_weight_costs(lenet: Case) -> None:
    s = lenet.select(pruning.RECIPES["obs"], Target("sparsity", 0.6))
    every, removed = [], []
    for layer in lenet.info.layers:
        inverse = np.linalg.inv(damped(lenet.statistics["inputs"][f"moment|{layer.parameter}"].numpy()))
        w = dict(lenet.net.named_parameters())[layer.parameter].detach().flatten(1).numpy()
        every.append((w**2 / (2 * np.diag(inverse))).reshape(-1))
        removed.append(~s.mask[layer.parameter].reshape(-1))
    scores, gone = np.concatenate(every), np.concatenate(removed)
    assert scores[gone].max() <= scores[~gone].min() * (1 + 1e-4)


@pytest.mark.parametrize("name", ["lenet5", "resnet8", "vit"])
@pytest.mark.parametrize("recipe", ["obs", "obspa"])
def test_what_stays_makes_up_for_what_goes(name: str, recipe: str) -> None:
    c = build(name)
    before = snapshot(c.net)
    s = c.select(pruning.RECIPES[recipe], Target("sparsity", 0.5))
    assert same(before, snapshot(c.net))
    shapes = {n: p.shape for n, p in c.net.named_parameters()}
    assert s.weights
    better = []
    for n, new in s.weights.items():
        assert new.shape == shapes[n]
        w, h = dict(c.net.named_parameters())[n].detach().flatten(1), c.statistics["inputs"][f"moment|{n}"]
        kept = torch.from_numpy(s.mask[n]).flatten(1)
        assert (new.flatten(1)[~kept] == 0).all()
        with_update, without = ((t - w) * kept.any(1, keepdim=True) for t in (new.flatten(1), w * kept))
        errors = [float((d @ h * d).sum()) for d in (with_update, without)]
        assert errors[0] <= errors[1] * (1 + 1e-5)
        better.append(errors[0] < 0.9 * errors[1])
    assert any(better)
    net = copy.deepcopy(c.net)
    pruning.commit(net, s)
    named = dict(net.named_parameters())
    assert all(torch.equal(named[n], new) for n, new in s.weights.items())
    assert all((named[n][torch.from_numpy(~kept)] == 0).all() for n, kept in s.mask.items() if n in named)


def test_a_channel_costs_what_its_readers_would_miss(lenet: Case) -> None:
    units = Channels()(lenet.net, lenet.info, (), lenet.example)
    statistics = {"inputs": pruning.gather("inputs", lenet.net, lenet.data, samples=10, seed=0)}
    ranked = units.rank(Surgeon()(Given(lenet.net, lenet.info, "channel", units.blocks, statistics)))
    for group, reader, per in (("conv1", "conv2.weight", 25), ("conv2", "fc1.weight", 25), ("fc1", "fc2.weight", 1)):
        inverse = np.linalg.inv(damped(statistics["inputs"][f"moment|{reader}"].numpy()))
        w = dict(lenet.net.named_parameters())[reader].detach().flatten(1).numpy()
        each = (w**2 / (2 * np.diag(inverse))).sum(0).reshape(-1, per).sum(1)
        np.testing.assert_allclose(ranked[group].scores, each, rtol=1e-3)


def test_what_went_before_stays_gone(lenet: Case) -> None:
    first = lenet.select(pruning.RECIPES["obs"], Target("sparsity", 0.4))
    net = copy.deepcopy(lenet.net)
    pruning.commit(net, first)
    again = case(net, 28)
    second = again.select(pruning.RECIPES["obs"], Target("sparsity", 0.7), mask=first.mask)
    for n, new in second.weights.items():
        assert (new[torch.from_numpy(~first.mask[n])] == 0).all()
        assert (first.mask[n] | ~second.mask[n]).all()


def test_any_method_can_be_updated_and_its_control_is_too() -> None:
    recipe = pruning.resolve(Choice("magnitude", {"update": "compensate", "ridge": 0.1}), "here")
    assert pruning.label(recipe) == "magnitude(update=compensate(ridge=0.1))"
    assert recipe.needs == {"inputs"}
    assert pruning.control_of(recipe).update == recipe.update
    with pytest.raises(SpecError, match="with a schedule that prunes during training: none"):
        pruning.resolve(Choice("gradual-magnitude", {"update": "compensate"}), "here")


def test_layers_that_are_not_looked_into_are_refused_before_anything_starts() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10)
    )
    c = case(net, 8)
    for options in ({}, {"score": "magnitude"}, {"update": "none"}):
        recipe = pruning.resolve(Choice("obs", options), "here")
        with pytest.raises(Unsupported, match="without groups; something else: 2"):
            c.check(recipe, (Target("sparsity", 0.5),))
