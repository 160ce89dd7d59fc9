from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from pruning_cases import Case, build, same, snapshot
from references import pruning_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.errors import DataError, ModelError, SpecError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target
from pruneviz.data import ImageData
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.parts import Given, Score
from pruneviz.pruning.scores import BatchNormScale, FilterNorm, Gradient, Magnitude, Random, Snip, Taylor
from pruneviz.pruning.spaces import Channels, Weights


def ranks(case: Case, score: Score, unit: str, statistics: dict[str, dict[str, torch.Tensor]] | None = None) -> dict:
    space = Weights() if unit == "weight" else Channels()
    units = space(case.net, case.info, (), case.example)
    given = Given(case.net, case.info, unit, units.blocks, statistics or {}, seed=3)
    return {n: r.scores for n, r in units.rank(score(given)).items()}


@pytest.fixture(scope="module")
def resnet() -> Case:
    return build("resnet8")


@pytest.fixture(scope="module")
def gathered(resnet: Case) -> dict[str, torch.Tensor]:
    return pruning.gather("gradients", resnet.net, resnet.data, samples=12, seed=5)


@pytest.fixture(scope="module")
def by_sample(resnet: Case) -> dict[str, list[torch.Tensor]]:
    data = resnet.data
    chosen = balanced_choice(data.train.labels, 12, 5)
    images = data.preprocess(data.train.images[chosen])
    return pruning_slow.sample_gradients(copy.deepcopy(resnet.net), images, torch.from_numpy(data.train.labels[chosen]))


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)


def test_one_pass_gives_what_each_sample_gives(resnet: Case, gathered: dict, by_sample: dict) -> None:
    for name, p in resnet.net.named_parameters():
        g = torch.stack(by_sample[name])
        close(gathered[f"mean|{name}"], g.mean(0))
        close(gathered[f"abs|{name}"], g.abs().mean(0))
        if p.dim() > 1:
            filters = (p.detach() * g).flatten(2).sum(2)
            close(gathered[f"filter|{name}"], filters.abs().mean(0))


@pytest.mark.parametrize("reduce", ["mean-of-abs", "abs-of-mean"])
def test_weight_scores_follow_their_definitions(resnet: Case, gathered: dict, by_sample: dict, reduce: str) -> None:
    statistics = {"gradients": gathered}
    gradient = ranks(resnet, Gradient(reduce), "weight", statistics)
    taylor = ranks(resnet, Taylor(reduce), "weight", statistics)
    snip = ranks(resnet, Snip(), "weight", statistics)
    magnitude = ranks(resnet, Magnitude(), "weight")
    named = dict(resnet.net.named_parameters())
    products = {n: (named[n] * torch.stack(by_sample[n]).mean(0)).abs().detach() for n in snip}
    total = sum(float(t.sum()) for t in products.values())
    for layer in resnet.info.layers:
        name, w = layer.parameter, named[layer.parameter].detach()
        g = torch.stack(by_sample[name])
        over = (lambda t: t.abs().mean(0)) if reduce == "mean-of-abs" else (lambda t: t.mean(0).abs())
        close(gradient[name], over(g))
        close(taylor[name], over(w * g))
        close(snip[name], products[name] / total)
        assert torch.equal(magnitude[name], w.abs())
    assert sum(float(t.sum()) for t in snip.values()) == pytest.approx(1, rel=1e-5)


def test_channel_scores_sum_over_the_filters_of_all_coupled_layers(
    resnet: Case, gathered: dict, by_sample: dict
) -> None:
    named = {n: p.detach() for n, p in resnet.net.named_parameters()}
    makers = ["conv.weight", "block1.conv2.weight"]  # coupled by block1's shortcut, which is the identity
    l1 = ranks(resnet, FilterNorm(1), "channel")["conv"]
    close(l1, sum(named[m].abs().flatten(1).sum(1) for m in makers))
    close(ranks(resnet, Magnitude(), "channel")["conv"], l1)
    l2 = ranks(resnet, FilterNorm(2), "channel")["conv"]
    close(l2, torch.cat([named[m].flatten(1) for m in makers], 1).norm(dim=1))
    scales = ranks(resnet, BatchNormScale(), "channel")
    close(scales["conv"], named["bn.weight"].abs() + named["block1.bn2.weight"].abs())
    close(scales["block1.conv1"], named["block1.bn1.weight"].abs())
    statistics = {"gradients": gathered}
    per_image = {m: (named[m] * torch.stack(by_sample[m])).flatten(2).sum(2) for m in makers}
    each = ranks(resnet, Taylor(), "channel", statistics)["conv"]
    close(each, sum(t.abs().mean(0) for t in per_image.values()))
    mean = ranks(resnet, Taylor("abs-of-mean"), "channel", statistics)["conv"]
    close(mean, sum(t.mean(0) for t in per_image.values()).abs())


def test_random_depends_on_seed_and_layer_only(resnet: Case) -> None:
    a, b = ranks(resnet, Random(), "weight"), ranks(build("resnet8"), Random(), "weight")
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert not torch.equal(
        a["block2.conv2.weight"], a["block3.conv1.weight"].reshape(-1)[: 16 * 16 * 9].reshape(16, 16, 3, 3)
    )
    channels = ranks(resnet, Random(), "channel")
    assert {n: tuple(t.shape) for n, t in channels.items()}["block1.conv1"] == (8,)
    assert all(float(t.min()) >= 0 and float(t.max()) < 1 for t in channels.values())


def test_scores_without_their_statistics_are_refused(resnet: Case) -> None:
    with pytest.raises(Unsupported, match="gather them first"):
        ranks(resnet, Taylor(), "weight")


def test_batch_norm_scale_names_the_channels_without_batch_norm() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 6), nn.ReLU(), nn.Linear(6, 10)
    )
    from pruning_cases import case

    c = case(net, 8)
    recipe = pruning.RECIPES["bn-scale"]
    with pytest.raises(Unsupported, match=r"channels of 4 .*exclude = \['4'\]"):
        pruning.check(c.net, c.info, recipe, (Target("sparsity", 0.5),), (), c.example)
    assert pruning.check(c.net, c.info, recipe, (Target("sparsity", 0.5),), ("4",), c.example) == ()
    lenet = build("lenet5")
    with pytest.raises(Unsupported, match=r"Use another score\.$"):
        pruning.check(lenet.net, lenet.info, recipe, (Target("sparsity", 0.5),), (), lenet.example)


def test_gathering_leaves_the_network_as_it_is_and_sees_dense_gradients_behind_a_mask(resnet: Case) -> None:
    net = copy.deepcopy(resnet.net).train()
    net.fc.requires_grad_(False)
    next(net.parameters()).grad = torch.ones_like(next(net.parameters()))
    before = snapshot(net)
    kept = {x.parameter: np.ones(x.shape, dtype=np.bool_) for x in resnet.info.layers}
    kept["fc.weight"][:] = False
    found = pruning.gather("gradients", net, resnet.data, samples=3, seed=0, mask=Mask.of(kept))
    assert same(before, snapshot(net))
    assert (found["abs|fc.weight"] > 0).any()
    assert found["filter|fc.weight"].abs().max() == 0  # w · g of removed weights
    assert torch.equal(found["mean|conv.weight"], torch.zeros_like(found["mean|conv.weight"]))  # nothing passes fc


def test_calibration_images_are_balanced_nested_and_chosen_by_seed() -> None:
    labels = np.array([0] * 50 + [1] * 5 + [2] * 20, dtype=np.int64)
    chosen = balanced_choice(labels, 12, 0)
    assert np.bincount(labels[chosen]).tolist() == [4, 4, 4]
    assert np.array_equal(balanced_choice(labels, 9, 0), chosen[:9])
    assert np.bincount(labels[balanced_choice(labels, 25, 0)]).tolist() == [10, 5, 10]
    assert not np.array_equal(balanced_choice(labels, 12, 1), chosen)
    assert sorted(balanced_choice(labels, 999, 0)) == list(range(75))


def test_gathering_says_what_is_wrong(resnet: Case) -> None:
    d = resnet.data
    only_test = ImageData(d.name, None, None, d.test, d.classes, d.mean, d.std)
    with pytest.raises(DataError, match="no training split"):
        pruning.gather("gradients", resnet.net, only_test, samples=3, seed=0)
    with pytest.raises(SpecError, match="Did you mean 'gradients'"):
        pruning.gather("gradient", resnet.net, d, samples=3, seed=0)
    broken = copy.deepcopy(resnet.net)
    broken.fc.weight.data[0, 0] = torch.nan
    with pytest.raises(ModelError, match="NaN or infinite on 3 training images"):
        pruning.gather("gradients", broken, d, samples=3, seed=0)
