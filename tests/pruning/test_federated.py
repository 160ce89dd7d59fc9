"""FedTiny: candidates, turns, averages and exchanges, beside their definitions."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pruning_cases import Case, build, case
from references import systems_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.errors import SpecError
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.pruning.clients import deal
from pruneviz.pruning.recipes import control_of, resolve
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.trainer import train

TARGET = Target("sparsity", 0.6)
SPEC = TrainSpec(epochs=4, batch_size=3, lr=0.05, weight_decay=0.0)  # 10 steps an epoch


class Watch:
    """Weights and dense gradients at each step, then weights and mask after it; stands before or behind the hook."""

    def __init__(self) -> None:
        self.before: list[Any] = []
        self.after: list[Any] = []
        self.masks: list[Any] = []

    def on_start(self, t: Any) -> None: ...

    def after_backward(self, t: Any) -> None:
        named = dict(t.net.named_parameters())
        self.before.append({n: (p.detach().clone().numpy(), p.grad.clone().numpy()) for n, p in named.items()})

    def after_step(self, t: Any) -> None:
        self.after.append({n: p.detach().clone().numpy() for n, p in t.net.named_parameters()})
        self.masks.append({n: k.copy() for n, k in t.keeper.mask.items()})

    def on_epoch(self, t: Any) -> None: ...

    def on_end(self, t: Any) -> None: ...


def tiny() -> Case:
    torch.manual_seed(0)
    return case(nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10)), 8)


def follow(c: Case, spec: TrainSpec = SPEC, control: bool = False, **options: Any) -> Any:
    recipe = resolve(Choice("fedtiny", {"concentration": None, **options}), "here")
    recipe = control_of(recipe) if control else recipe
    net = copy.deepcopy(c.net)
    hook = pruning.training_hook(recipe, TARGET, pruning.Ground(c.info, seed=1, samples=20))
    first, last = Watch(), Watch()
    keeper = MaskKeeper(net, pruning.full_mask(c.info))
    train(net, c.data, spec, seed=0, keeper=keeper, hooks=(first, hook, last))
    return hook, net, first, last


def test_clients_start_from_the_same_weights_and_the_server_takes_their_mean() -> None:
    spec = TrainSpec(epochs=1, batch_size=3, lr=0.05, weight_decay=0.0, schedule="constant")
    _, net, first, last = follow(tiny(), spec, clients=3, turn=2, alpha=0.0)
    weights, own = [s["1.weight"][0] for s in first.before], [s["1.weight"] for s in first.after]
    for step in (2, 4):
        assert np.array_equal(weights[step], weights[0])
    mean = (own[1] + own[3] + own[5]) / 3
    assert weights[6] == pytest.approx(mean, abs=1e-7)
    gradients = [s["1.weight"][1] for s in first.before]
    kept = last.masks[0]["1.weight"]
    one = weights[2] - 0.05 * gradients[2] * kept  # momentum begins anew with each client
    two = one - 0.05 * (0.9 * gradients[2] + gradients[3]) * kept
    assert own[3] == pytest.approx(two, abs=1e-6)
    # 10 steps: a round of 6, and two clients of the next
    assert net[1].weight.detach().numpy() == pytest.approx((own[7] + own[9]) / 2, abs=1e-7)


def test_layers_exchange_by_the_mean_gradient_of_the_round() -> None:
    clients, turn, every, end = 2, 2, 2, 0.75
    hook, _, first, last = follow(tiny(), clients=clients, turn=turn, every=every, end=end, alpha=0.6)
    size, changed = clients * turn, 0
    for done in range(1, 41):
        at = done // size
        for n in ("1.weight", "3.weight"):
            old = last.masks[done - 2][n] if done > 1 else last.masks[0][n]
            if done % size == 0 and at % every == 0 and done / 40 < end:
                fraction = 0.3 * (1 + math.cos(math.pi * (done / 40) / end))
                mean = sum(s[n][1] for s in first.before[done - size : done]) / size
                average = (first.after[done - turn - 1][n] + first.after[done - 1][n]) / 2
                count = int(fraction * old.sum())
                flat = (x.reshape(-1) for x in (average, mean, old))
                expected = systems_slow.exchanged(*flat, count)
                assert np.array_equal(last.masks[done - 1][n].reshape(-1), expected)
                changed += int((last.masks[done - 1][n] & ~old).sum())
            else:
                assert np.array_equal(last.masks[done - 1][n], old)
    assert changed
    assert hook.exchanges == 3
    assert not any("exchanged" in w for w in hook.warnings)


class Normed(nn.Module):
    """Linear, batch norm, ReLU, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn, self.b = nn.Linear(64, 6), nn.BatchNorm1d(6), nn.Linear(6, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(F.relu(self.bn(self.a(x.flatten(1)))))


def test_the_candidate_taken_has_the_least_loss_with_the_clients_mean_statistics() -> None:
    torch.manual_seed(1)
    c = case(Normed(), 8)
    recipe = resolve(Choice("fedtiny", {"clients": 4, "candidates": 6, "concentration": None}), "here")
    hook = pruning.training_hook(recipe, TARGET, pruning.Ground(c.info, seed=1, samples=20))
    seen: dict[str, Any] = {}

    class Look(Watch):
        def on_start(self, t: Any) -> None:
            seen["offered"] = hook.offered(t)

    net = copy.deepcopy(c.net)
    watch = Watch()
    keeper = MaskKeeper(net, pruning.full_mask(c.info))
    train(net, c.data, TrainSpec(epochs=1, batch_size=10), seed=0, keeper=keeper, hooks=(Look(), hook, watch))
    offered, total = seen["offered"], sum(x.parameters for x in c.info.layers)
    assert len({s.mask["a.weight"].sum() for s in offered}) > 1
    train_split = c.data.train
    images = np.random.default_rng([1, 1]).permutation(len(train_split))[:20]
    losses = []
    for s in offered:
        assert s.mask.removed_count == count_removed(0.6, total)
        named = dict(c.net.named_parameters())
        wa, wb = (named[f"{k}.weight"].detach().double().numpy() * s.mask[f"{k}.weight"] for k in "ab")
        ba, bb = (named[f"{k}.bias"].detach().double().numpy() for k in "ab")
        for n, w in (("a.weight", wa), ("b.weight", wb)):  # the largest of each layer stay
            kept, whole = s.mask[n], np.abs(named[n].detach().numpy())
            assert whole[kept].min() >= whole[~kept].max(initial=0.0)
            assert w.shape == kept.shape
        x = c.data.preprocess(train_split.images).double().numpy().reshape(len(train_split), -1)
        parts = [x[sorted(p)] @ wa.T + ba for p in np.array_split(images, 4)]
        mean = np.mean([p.mean(0) for p in parts], axis=0)
        var = np.mean([p.var(0, ddof=1) for p in parts], axis=0)
        h = np.concatenate(parts)
        logits = np.maximum((h - mean) / np.sqrt(var + 1e-5), 0) @ wb.T + bb
        labels = np.concatenate([train_split.labels[sorted(p)] for p in np.array_split(images, 4)])
        shifted = logits - logits.max(1, keepdims=True)
        log = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        losses.append(-log[np.arange(20), labels].mean())
    assert watch.masks[0]["a.weight"].tolist() == offered[int(np.argmin(losses))].mask["a.weight"].tolist()
    assert np.ptp(losses) > 1e-4


def test_the_control_takes_one_random_mask_and_exchanges_nothing() -> None:
    hook, _, _, last = follow(tiny(), control=True, clients=2, turn=1, every=1)
    assert all(np.array_equal(m["1.weight"], last.masks[0]["1.weight"]) for m in last.masks)
    assert not any("exchanged" in w for w in hook.warnings)
    shares = [hook.mask[n].mean() for n in ("1.weight", "3.weight")]
    assert shares == pytest.approx([0.4, 0.4], abs=0.01)


def test_images_of_a_class_are_with_few_clients_or_with_all() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 3000)
    for concentration, least, most in ((0.05, 0.6, 1.0), (1000.0, 0.0, 0.2)):
        dealt = deal(labels, 10, concentration, np.random.default_rng(1))
        assert np.array_equal(np.sort(np.concatenate(dealt)), np.arange(3000))
        counts = np.array([np.bincount(labels[own], minlength=10) for own in dealt])
        assert least < np.mean(counts.max(0) / counts.sum(0)) < most
        assert min(map(len, dealt)) >= 2
    assert all(len(own) == 2 for own in deal(labels[:20], 10, 0.01, np.random.default_rng(1)))


def test_clients_train_on_their_own_images_and_weigh_by_their_number() -> None:
    c, clients, turn = tiny(), 3, 2
    spec = TrainSpec(epochs=2, batch_size=4, lr=0.05, weight_decay=0.0, schedule="constant", momentum=0.0)
    hook, _, first, last = follow(c, spec, clients=clients, turn=turn, alpha=0.0, concentration=0.3)
    sizes = [len(own) for own in hook.dealt]
    assert len(set(sizes)) > 1
    train_split, n, kept = c.data.train, "3.bias", last.masks[0]
    for step, before in enumerate(first.before):  # the gradient of the bias says which images the batch had
        who, at = step // turn % clients, copy.deepcopy(c.net)
        with torch.no_grad():
            for name, p in at.named_parameters():
                p.copy_(torch.from_numpy(before[name][0]) * (torch.from_numpy(kept[name]) if name in kept else 1.0))
        logits = at(c.data.preprocess(train_split.images))
        each = F.softmax(logits, 1) - F.one_hot(torch.as_tensor(train_split.labels), 10)
        own = hook.dealt[who]
        size = 4 if (step + 1) % 8 else 2
        combos = np.array(list(itertools.combinations_with_replacement(own, size)))
        means = each.detach().numpy()[combos].mean(1)
        assert np.abs(means - before[n][1]).max(1).min() < 1e-6
    ends = [first.after[at]["3.weight"] for at in (1, 3, 5)]
    mean = sum(k * w for k, w in zip(sizes, ends, strict=True)) / 30
    assert first.before[6]["3.weight"][0] == pytest.approx(mean, abs=1e-6)


def test_more_clients_than_images_are_refused() -> None:
    with pytest.raises(SpecError, match="at most 30, the training images"):
        follow(tiny(), clients=31, concentration=0.5)


def test_a_training_too_short_for_an_exchange_is_told() -> None:
    hook, _, _, _ = follow(tiny())
    assert any("no weights were exchanged: this happens every 500 steps" in w for w in hook.warnings)


def test_the_same_seed_gives_the_same_mask_on_another_architecture() -> None:
    c, spec = build("resnet8"), TrainSpec(epochs=1, batch_size=6, lr=0.05)
    same = {"clients": 2, "turn": 1, "every": 1, "end": 1.0, "candidates": 3}
    one, two = (follow(c, spec, **same)[0] for _ in range(2))
    assert one.mask.same_as(two.mask)
    assert one.exchanges
    assert one.achieved == pytest.approx(0.6, abs=1e-4)
