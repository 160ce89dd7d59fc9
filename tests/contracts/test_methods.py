"""What every recipe in the catalogue promises, on every architecture that ships, or it refuses before it starts."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from pruning_cases import ARCHITECTURES, Case, build, same, snapshot

from pruneviz import pruning
from pruneviz.core.errors import PrunevizError
from pruneviz.core.quantities import Target, count_removed
from pruneviz.pruning.recipes import Recipe

ASKED = (Target("sparsity", 0.25), Target("sparsity", 0.5), Target("sparsity", 0.75))
# Which recipes cannot be carried out where: each refuses, saying why. Nothing else may.
REFUSED = {("bn-scale", a): "no batch norm" for a in ("mlp", "cnn", "lenet5", "vit")}

architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)
recipes = pytest.mark.parametrize("recipe", pruning.RECIPES.values(), ids=pruning.RECIPES)


@cache
def shared(architecture: str) -> Case:
    return build(architecture)


@cache
def gathered(architecture: str) -> dict[str, dict[str, torch.Tensor]]:
    c = shared(architecture)
    return {"gradients": pruning.gather("gradients", c.net, c.data, samples=10, seed=0)}


def select(architecture: str, recipe: Recipe, target: Target, seed: int = 0) -> pruning.Selected:
    c = shared(architecture)
    statistics = gathered(architecture) if recipe.needs else {}
    return pruning.select(
        c.net, c.info, recipe, target, statistics=statistics, seed=seed, exclude=(), example=c.example
    )


def supported(architecture: str, recipe: Recipe) -> Case:
    """The case, or a skip once the refusal was seen to come early and to say why."""
    c = shared(architecture)
    if reason := REFUSED.get((recipe.name, architecture)):
        with pytest.raises(PrunevizError, match=reason):
            pruning.check(c.net, c.info, recipe, ASKED, (), c.example)
        pytest.skip(f"refused: {reason}")
    pruning.check(c.net, c.info, recipe, ASKED, (), c.example)
    return c


def logits(net: torch.nn.Module, c: Case) -> torch.Tensor:
    images = c.data.preprocess(c.data.test.images[:6])
    with torch.no_grad():
        return net(images)


@architectures
@recipes
def test_keeps_its_promises(architecture: str, recipe: Recipe) -> None:
    c = supported(architecture, recipe)
    before = snapshot(c.net)
    space = recipe.space(c.net, c.info, (), c.example)
    total = sum(b.size for b in space.blocks)
    smaller = None
    for target in recipe.targets(ASKED):
        s = select(architecture, recipe, target)

        # The count is exact, and what is said is what was done.
        removed = sum(int(r.sum()) for r in space.gone(s.mask).values())
        assert removed == count_removed(target.value, total)
        assert s.achieved == removed / total

        # The mask covers every prunable weight, and the same seed gives the same mask.
        assert {x.parameter for x in c.info.layers} <= set(s.mask)
        assert select(architecture, recipe, target).mask.same_as(s.mask)
        if recipe.score.draws:
            assert not select(architecture, recipe, target, seed=1).mask.same_as(s.mask)

        # More sparsity removes the same and more.
        if smaller is not None:
            assert all((s.mask[n] <= smaller[n]).all() for n in smaller)
        smaller = s.mask

        # No layer dies without being named, nothing becomes NaN, and a cut model gives what the masked one gives.
        masked = copy.deepcopy(c.net)
        pruning.apply(masked, s.mask)
        found = logits(masked, c)
        assert found.isfinite().all()
        for name in pruning.dead_layers(c.info, s.mask):
            assert any("no weight is left" in w and name in w for w in s.warnings)
        assert all(kept.any() for kept in s.mask.units.values())
        if s.mask.units:
            cut = logits(pruning.cut(masked, s.mask, c.example), c)
            assert float((cut - found).abs().max() / found.abs().max()) < 1e-5

        # A random control stands at the same cost in its own units.
        control = pruning.control_of(recipe)
        assert select(architecture, control, target).achieved == s.achieved
    assert same(before, snapshot(c.net))


@architectures
@recipes
def test_removing_nothing_changes_no_bit(architecture: str, recipe: Recipe) -> None:
    c = supported(architecture, recipe)
    if recipe.target != "exact":
        pytest.skip("the recipe has a sparsity of its own")
    s = select(architecture, recipe, Target("sparsity", 0.0))
    assert s.mask.removed_count == 0
    assert s.achieved == 0
    net = copy.deepcopy(c.net)
    pruning.apply(net, s.mask)
    assert torch.equal(logits(net, c), logits(c.net, c))


@recipes
@pytest.mark.parametrize("sparsity", [0.95, 0.99])
def test_extremes_are_exact_or_refused_and_never_silent(recipe: Recipe, sparsity: float) -> None:
    c = supported("resnet8", recipe)
    for target in recipe.targets((Target("sparsity", sparsity),)):
        try:
            pruning.check(c.net, c.info, recipe, (target,), (), c.example)
        except PrunevizError:
            with pytest.raises(PrunevizError, match="at most"):
                select("resnet8", recipe, target)
        else:
            s = select("resnet8", recipe, target)
            assert bool(pruning.dead_layers(c.info, s.mask)) == any("no weight is left" in w for w in s.warnings)


@recipes
def test_every_level_of_a_schedule_can_be_reached(recipe: Recipe) -> None:
    c = supported("resnet8", recipe)
    mask = None
    for level in recipe.schedule.levels(recipe.targets((Target("sparsity", 0.6),))[0]):
        s = pruning.select(
            c.net,
            c.info,
            recipe,
            level,
            mask=mask,
            statistics=gathered("resnet8") if recipe.needs else {},
            example=c.example,
        )
        mask = s.mask
    assert np.isclose(s.achieved, recipe.targets((Target("sparsity", 0.6),))[0].value, atol=0.005)
