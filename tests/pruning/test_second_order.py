from __future__ import annotations

import copy

import pytest
import torch
from pruning_cases import Case, build, case
from references import methods_slow, pruning_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.errors import Unsupported
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.methods.second_order import Damage, Fisher, SecondTaylor
from pruneviz.pruning.parts import Given, Score
from pruneviz.pruning.spaces import Channels, Weights


def ranks(c: Case, score: Score, unit: str, samples: int = 12, seed: int = 5) -> dict[str, torch.Tensor]:
    units = (Weights() if unit == "weight" else Channels())(c.net, c.info, (), c.example)
    statistics = {n: pruning.gather(n, c.net, c.data, samples=samples, seed=seed) for n in score.wanted}
    given = Given(c.net, c.info, unit, units.blocks, statistics)
    return {n: r.scores for n, r in units.rank(score(given)).items()}


@pytest.fixture(scope="module")
def resnet() -> Case:
    return build("resnet8")


@pytest.fixture(scope="module")
def by_sample(resnet: Case) -> dict[str, torch.Tensor]:
    chosen = balanced_choice(resnet.data.train.labels, 12, 5)
    images = resnet.data.preprocess(resnet.data.train.images[chosen])
    labels = torch.from_numpy(resnet.data.train.labels[chosen])
    found = pruning_slow.sample_gradients(copy.deepcopy(resnet.net), images, labels)
    return {n: torch.stack(g) for n, g in found.items()}


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-9)


def test_weights_follow_their_definitions(resnet: Case, by_sample: dict[str, torch.Tensor]) -> None:
    named = {n: p.detach() for n, p in resnet.net.named_parameters()}
    found = {
        score: ranks(resnet, score, "weight")
        for score in (Fisher(), Fisher(reduce="square-of-mean"), Fisher("mask"), Damage(), SecondTaylor())
    }
    for layer in resnet.info.layers:
        w, g = named[layer.parameter], by_sample[layer.parameter]
        h = g.square().mean(0)
        close(found[Fisher()][layer.parameter], h)
        close(found[Fisher(reduce="square-of-mean")][layer.parameter], g.mean(0).square())
        close(found[Fisher("mask")][layer.parameter], (w * g).square().mean(0))
        close(found[Damage()][layer.parameter], h * w * w / 2)
        close(found[SecondTaylor()][layer.parameter], (h * w * w / 2 - g.mean(0) * w).abs())


def test_channels_sum_over_coupled_filters(resnet: Case, by_sample: dict[str, torch.Tensor]) -> None:
    named = {n: p.detach() for n, p in resnet.net.named_parameters()}
    makers = ["conv.weight", "block1.conv2.weight"]  # coupled by block1's shortcut, which is the identity
    changes = {m: (named[m] * by_sample[m]).flatten(2).sum(2) for m in makers}  # image by filter
    close(ranks(resnet, Fisher("mask"), "channel")["conv"], sum(t.square().mean(0) for t in changes.values()))
    mean = Fisher("mask", "square-of-mean")
    close(ranks(resnet, mean, "channel")["conv"], sum(t.mean(0) for t in changes.values()).square())
    h = {m: by_sample[m].square().mean(0) for m in makers}
    close(ranks(resnet, Fisher(), "channel")["conv"], sum(t.flatten(1).sum(1) for t in h.values()))
    taylor = sum((h[m] * named[m] ** 2 / 2).flatten(1).sum(1) - changes[m].mean(0) for m in makers)
    close(ranks(resnet, SecondTaylor(), "channel")["conv"], taylor.abs())


@pytest.fixture(scope="module")
def tiny() -> Case:
    torch.manual_seed(0)
    return case(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 10)), 2)


def test_hutchinson_comes_near_the_exact_diagonal(tiny: Case) -> None:
    probes = 400
    images = tiny.data.preprocess(tiny.data.train.images)
    exact, _ = methods_slow.hessian_and_gradient(tiny.net, images, torch.from_numpy(tiny.data.train.labels))
    found = pruning.gather(f"curvature(probes={probes})", tiny.net, tiny.data, samples=30, seed=1)
    flat = torch.cat([found[f"diagonal|{n}"].reshape(-1) for n, _ in tiny.net.named_parameters()]).double()
    off = exact - exact.diag().diag()
    error = (off.square().sum(1) / probes).sqrt()  # of the mean of so many independent signs
    assert ((flat - exact.diag()).abs() <= 5 * error + 1e-6).all()
    assert ((flat - exact.diag()).abs() > 1e-5).any()  # an estimate it is
    again = pruning.gather(f"curvature(probes={probes})", tiny.net, tiny.data, samples=30, seed=1)
    assert all(torch.equal(found[k], again[k]) for k in found)


def test_negative_curvature_counts_as_none(tiny: Case) -> None:
    score = Damage("hessian", probes=3)
    assert score.wanted == {"curvature(probes=3)"}
    found = ranks(tiny, score, "weight", samples=30)
    diagonal = pruning.gather("curvature(probes=3)", tiny.net, tiny.data, samples=30, seed=5)
    for name, r in found.items():
        w, h = dict(tiny.net.named_parameters())[name].detach(), diagonal[f"diagonal|{name}"]
        close(r, (h.clamp(min=0) * w * w / 2))
    assert any((diagonal[f"diagonal|{n}"] < 0).any() for n in found)


def test_what_has_to_be_gathered_is_named_with_its_options(tiny: Case) -> None:
    with pytest.raises(Unsupported, match=r"gather\('curvature\(probes=10\)', net, data"):
        Damage("hessian")(Given(tiny.net, tiny.info, "weight", ()))
