from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pruning_cases import Case, build
from references import pruning_slow

from pruneviz import pruning
from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.trainer import train

SPEC = TrainSpec(epochs=4, batch_size=3, lr=0.01)  # 10 steps an epoch


class Watch:
    """Notes the mask after each step."""

    def __init__(self) -> None:
        self.removed: list[int] = []

    def after_step(self, t: Any) -> None:
        self.removed.append(t.keeper.mask.removed_count)
        for name, kept in t.keeper.mask.items():
            weight = dict(t.net.named_parameters())[name].detach().numpy()
            assert (weight[~kept] == 0).all()

    def __getattr__(self, name: str) -> Callable[[Any], None]:
        return lambda t: None


def run(c: Case, target: Target, stop: int | None = None, **options: object) -> tuple[list[int], Any, Any]:
    recipe = pruning.resolve(Choice("gradual-magnitude", options), "here")
    net = copy.deepcopy(c.net)
    hook, watch = pruning.training_hook(recipe, target, pruning.Ground(c.info, seed=1, samples=4)), Watch()
    keeper = MaskKeeper(net, Mask.of({}))
    train(net, c.data, SPEC, seed=0, keeper=keeper, hooks=(hook, watch), stop_step=stop)
    assert hook.mask.same_as(keeper.mask)
    return watch.removed, hook, net


def test_follows_the_cubic_curve_and_ends_exactly_at_the_target() -> None:
    c = build("mlp")
    total = sum(x.parameters for x in c.info.layers)
    removed, hook, _ = run(c, Target("sparsity", 0.9), begin=0.1, end=0.6, every=5)
    for step, n in enumerate(removed, 1):
        at = step if step >= 24 else step - step % 5  # pruned every 5 steps, and when the window ends
        s = pruning_slow.cubic(at / 40, 0.1, 0.6, 0.0, 0.9) if at / 40 >= 0.1 else 0.0
        assert n == count_removed(s, total)
    assert hook.achieved == count_removed(0.9, total) / total
    per_layer = [1 - np.mean(hook.mask[x.parameter]) for x in c.info.layers]
    assert per_layer == pytest.approx([0.9] * 3, abs=1e-3)


def test_meets_the_target_where_training_ends_first() -> None:
    c = build("mlp")
    total = sum(x.parameters for x in c.info.layers)
    _, hook, _ = run(c, Target("sparsity", 0.8), stop=7, every=100)
    assert hook.mask.removed_count == count_removed(0.8, total)


def test_channels_and_scores_that_need_data_work_too() -> None:
    c = build("resnet8")
    removed, hook, net = run(
        c, Target("macs", 0.5), stop=34, unit="channel", score="taylor", allocation="global", every=15
    )
    assert removed == sorted(removed)
    assert pruning.costs(c.info, hook.mask).macs <= 0.5 * c.info.macs
    assert pruning.cut(net, hook.mask, c.example) is not None


def test_only_gradual_recipes_have_a_hook() -> None:
    c = build("mlp")
    with pytest.raises(TypeError, match="one-shot"):
        pruning.training_hook(pruning.RECIPES["magnitude"], Target("sparsity", 0.5), pruning.Ground(c.info))
