"""Methods that prune while the network is trained: learned scores, and exchanges of weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pruning_cases import Case, build, case
from references import pruning_slow, systems_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.pruning.recipes import control_of, resolve
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.trainer import train

SPEC = TrainSpec(epochs=2, batch_size=3, lr=0.05)  # 10 steps an epoch
TARGET = Target("sparsity", 0.6)


def tiny() -> Case:
    torch.manual_seed(0)
    return case(nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10)), 8)


def flat(named: dict[str, Any], names: list[str]) -> np.ndarray:
    return np.concatenate([np.asarray(named[n]).reshape(-1) for n in names])


class Spy:
    """Notes weights and dense gradients of each step, and the mask after it; stands before the method's hook."""

    def __init__(self, names: list[str]) -> None:
        self.names, self.steps, self.masks = names, [], []

    def on_start(self, t: Any) -> None:
        self.named = dict(t.net.named_parameters())

    def after_backward(self, t: Any) -> None:
        used = {n: self.named[n].detach().clone().numpy() for n in self.names}
        grads = {n: self.named[n].grad.clone().numpy() for n in self.names}
        self.steps.append({"w": flat(used, self.names), "g": flat(grads, self.names)})

    def after_step(self, t: Any) -> None:
        self.steps[-1]["after"] = flat({n: self.named[n].detach().clone().numpy() for n in self.names}, self.names)

    def on_epoch(self, t: Any) -> None: ...

    def on_end(self, t: Any) -> None: ...


class Late(Spy):
    """Stands behind the method's hook."""

    def after_backward(self, t: Any) -> None: ...

    def after_step(self, t: Any) -> None:
        self.masks.append({n: t.keeper.mask[n].copy() for n in self.names if n in t.keeper.mask})
        self.steps.append({"after": {n: self.named[n].detach().clone().numpy() for n in self.names}})


def follow(c: Case, method: str, target: Target = TARGET, spec: TrainSpec = SPEC, **options: Any) -> Any:
    recipe = resolve(Choice(method, options), "here")
    net, names = copy.deepcopy(c.net), [x.parameter for x in c.info.layers]
    hook = pruning.training_hook(recipe, target, pruning.Ground(c.info, seed=1, samples=4))
    before, after = Spy(names), Late(names)
    keeper = MaskKeeper(net, pruning.full_mask(c.info))
    train(net, c.data, spec, seed=0, keeper=keeper, hooks=(before, hook, after))
    assert hook.mask.same_as(keeper.mask)
    return recipe, hook, net, before, after


def cubic_counts(total: int, steps: int, begin: float, end: float, every: int, initial: float) -> dict[int, int]:
    """How many are removed at each step of the slow reference."""
    counts = {}
    for done in range(steps + 1):
        t = done / steps
        if t >= end and not any(k / steps >= end for k in counts):
            counts[done] = count_removed(TARGET.value, total)
        elif begin <= t < end and done % every == 0 and (done or initial):
            counts[done] = count_removed(pruning_slow.cubic(t, begin, end, initial * TARGET.value, TARGET.value), total)
    return counts


SLOW: dict[str, tuple[dict[str, Any], Callable[..., float], Callable[[float], float]]] = {
    "movement": ({"begin": 0.1, "end": 0.75, "every": 3}, lambda s, g, w, m, step, at: s - g * w, lambda s: s),
    "bip": (
        {"score_lr": 5.0, "coupling": 0.3},
        lambda s, g, w, m, step, at: (
            s - 5.0 * (g * w * np.sign(s) - 0.3 * g * w * np.sign(s) * g * m) if step % 2 else s
        ),
        abs,
    ),
}


@pytest.mark.parametrize("method", SLOW)
def test_learned_scores_are_those_of_the_definition(method: str) -> None:
    c = tiny()
    options, learn, rank = SLOW[method]
    recipe, hook, _, before, after = follow(c, method, **options)
    s, names = recipe.schedule, before.names
    need = {n: pruning.gather(n, c.net, c.data, samples=4, seed=1) for n in recipe.needs}
    first = recipe.score(pruning.Given(c.net, c.info, "weight", c.space(recipe).blocks, need))
    values = {n: v if first.each is None else first.each(v) for n, v in first.values.items()}
    start = flat({n: p.detach().numpy() for n, p in c.net.named_parameters()}, names)
    counts = cubic_counts(len(start), 20, s.begin, s.end, s.every, s.initial)
    came_back = 0
    previous = None
    for done, whole, kept in systems_slow.learned(flat(values, names), start, before.steps, learn, rank, counts):
        if done:
            assert np.array_equal(flat(after.masks[done - 1], names), kept)
            found = flat(after.steps[done - 1]["after"], names)
            np.testing.assert_array_equal(found, np.where(kept, whole, 0).astype(np.float32))
        came_back += 0 if previous is None else int((kept & ~previous).sum())
        previous = kept
    assert came_back
    assert hook.achieved == pytest.approx(TARGET.value, abs=1e-2)
    assert done / 20 >= s.end


def test_subnetworks_of_random_weights_are_learned_and_no_weight_is() -> None:
    c = tiny()
    start = {n: p.detach().clone() for n, p in c.net.named_parameters()}
    for name in ("1.weight", "3.weight"):
        start[name] = start[name].sign() * math.sqrt(2 / (0.4 * start[name].shape[1]))
    _, hook, net, before, after = follow(c, "multi-prize", score_lr=1.0)
    for n, p in net.named_parameters():
        kept = torch.from_numpy(hook.mask[n]) if n in hook.mask else torch.ones_like(p, dtype=torch.bool)
        assert torch.equal(p, start[n] * kept)
    ends = np.cumsum([0, *(start[n].numel() for n in before.names)])
    for k, name in enumerate(before.names):  # each layer is ranked by itself
        velocity: dict[int, float] = {}
        score = hook.recipe.score(pruning.Given(c.net, c.info, "weight", c.space(hook.recipe).blocks, seed=1))
        drawn = score.values[name].numpy().reshape(-1)
        first = drawn / drawn.max() / math.sqrt(start[name].shape[1])
        steps = [{key: x[ends[k] : ends[k + 1]] for key, x in step.items()} for step in before.steps]

        def learn(s: float, g: float, w: float, m: bool, step: int, at: int, velocity: Any = velocity) -> float:
            velocity[at] = 0.9 * velocity.get(at, 0.0) + g * w * np.sign(s)
            return s - velocity[at]

        counts = dict.fromkeys(range(21), count_removed(0.6, len(first)))
        weights = start[name].numpy().reshape(-1)
        for done, _, kept in systems_slow.learned(first, weights, steps, learn, abs, counts):
            assert not done or np.array_equal(after.masks[done - 1][name].reshape(-1), kept)
    assert any((a["1.weight"] != b["1.weight"]).any() for a, b in zip(after.masks, after.masks[1:], strict=False))


def test_random_weights_may_stay_as_they_were_drawn() -> None:
    c = tiny()
    _, hook, net, _, _ = follow(c, "multi-prize", weights="drawn")
    kept = hook.mask["1.weight"]
    assert np.array_equal(net[1].weight.detach().numpy()[kept], c.net[1].weight.detach().numpy()[kept])


def test_the_control_of_random_weights_learns_nothing() -> None:
    c = tiny()
    recipe = control_of(resolve(Choice("multi-prize", {}), "here"))
    net = copy.deepcopy(c.net)
    hook = pruning.training_hook(recipe, TARGET, pruning.Ground(c.info, seed=1, samples=4))
    train(net, c.data, SPEC, seed=0, keeper=MaskKeeper(net, Mask.of({})), hooks=(hook,))
    drawn = recipe.score(pruning.Given(c.net, c.info, "weight", c.space(recipe).blocks, seed=1)).values["1.weight"]
    kept = hook.mask["1.weight"]
    assert drawn.numpy()[~kept].max() < drawn.numpy()[kept].min()


@pytest.mark.parametrize(("method", "drop", "drop_end"), [("granet", 0.5, 0.005), ("rigl", 0.3, 0.0)])
def test_layers_exchange_small_weights_for_large_gradients(method: str, drop: float, drop_end: float) -> None:
    c = tiny()
    _, hook, net, before, after = follow(c, method, every=3)
    names = before.names
    kept = {n: np.ones(c.info[n].shape, dtype=bool) for n in names} if method == "granet" else None
    sizes = np.cumsum([0, *(c.info[n].parameters for n in names)])
    changed = 0
    for done in range(1, 21):
        now = after.masks[done - 1]
        step = before.steps[done - 1]
        if done % 3 == 0 and done / 20 < 0.75:
            r = drop_end + (drop - drop_end) * (1 + math.cos(math.pi * done / 15)) / 2
            pruned = _pruned(kept, step, names, done) if method == "granet" else kept
            for k, n in enumerate(names):
                at = slice(sizes[k], sizes[k + 1])
                alive = pruned[n].reshape(-1)
                count = int(r * alive.sum())
                expected = systems_slow.exchanged(step["after"][at], step["g"][at], alive, count)
                assert np.array_equal(now[n].reshape(-1), expected), (done, n)
                new = after.steps[done - 1]["after"][n].reshape(-1)
                assert (new[expected & ~alive] == 0).all()
                changed += int((expected & ~alive).sum())
        elif kept is not None and done / 20 < 0.75:
            assert all(np.array_equal(now[n], kept[n]) for n in names)
        kept = now
    assert changed
    assert hook.achieved == count_removed(0.6, int(sizes[-1])) / sizes[-1]
    assert hook.mask.removed_count == count_removed(0.6, int(sizes[-1]))
    assert all((p.detach().numpy()[~hook.mask[n]] == 0).all() for n, p in net.named_parameters() if n in hook.mask)


def _pruned(kept: Any, step: Any, names: list[str], done: int) -> dict[str, np.ndarray]:
    """The cubic, global pruning by magnitude that comes before the exchange."""
    alive, total = flat(kept, names), len(step["w"])
    count = max(count_removed(pruning_slow.cubic(done / 20, 0.0, 0.75, 0.0, 0.6), total), int((~alive).sum()))
    order = np.argsort(np.where(alive, np.abs(step["after"]), -1.0), kind="stable")
    alive = np.ones(total, dtype=bool)
    alive[order[:count]] = False
    out, at = {}, 0
    for n in names:
        out[n] = alive[at : at + kept[n].size].reshape(kept[n].shape)
        at += kept[n].size
    return out


def test_a_training_too_short_for_an_exchange_is_told() -> None:
    _, hook, _, _, _ = follow(tiny(), "rigl")
    assert any("no weights were exchanged: training ended before step 100" in w for w in hook.warnings)
    _, hook, _, _, _ = follow(tiny(), "rigl", every=5)
    assert not any("exchanged" in w for w in hook.warnings)


def test_rigl_keeps_its_layers_densities() -> None:
    c = build("cnn")
    _, hook, _, _, after = follow(c, "rigl", every=2)
    erk = c.select(pruning.RECIPES["erk"], TARGET)
    for n in erk.mask:
        assert hook.mask[n].sum() == erk.mask[n].sum()
        assert all(m[n].sum() == erk.mask[n].sum() for m in after.masks)
    assert not np.array_equal(hook.mask["conv2.weight"], after.masks[0]["conv2.weight"])


@pytest.mark.parametrize("method", ["movement", "bip", "multi-prize", "granet", "rigl"])
def test_the_same_seed_gives_the_same_mask_and_another_architecture_works(method: str) -> None:
    c = build("resnet8")
    spec = TrainSpec(epochs=1, batch_size=6, lr=0.05)
    one, two = (follow(c, method, spec=spec, every=2)[1] for _ in range(2))
    assert one.mask.same_as(two.mask)
    assert one.achieved == pytest.approx(0.6, abs=1e-4)
