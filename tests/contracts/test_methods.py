"""What every recipe in the catalogue promises, on every architecture that ships, or it refuses before it starts."""

from __future__ import annotations

from functools import cache

import pytest

from pruneviz import pruning, testing
from pruneviz.core.spec import Choice
from pruneviz.pruning.recipes import Recipe
from pruneviz.pruning.scores import SCORES
from pruneviz.testing import ARCHITECTURES, Case

# Which recipes cannot be carried out where: each refuses, saying why. Nothing else may.
SCALES = ("bn-scale", "mask-sparsity", "polarization")
REFUSED = {(n, a): "no batch norm" for n in SCALES for a in ("mlp", "cnn", "lenet5", "vit")}
REFUSED |= {
    (n, "vit"): "does not double the output"
    for n in ("lrp", "lrp-filter", "synflow", "synflow-one-shot", "synflow-at-init")
}
REFUSED |= {(n, a): "no residual blocks" for n in ("layer-lottery", "random-block") for a in ("mlp", "cnn", "lenet5")}
REFUSED |= {("apoz", "vit"): "channels without it"}

architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)
recipes = pytest.mark.parametrize("recipe", pruning.RECIPES.values(), ids=pruning.RECIPES)


@cache
def shared(architecture: str) -> Case:
    return testing.build(architecture)


def supported(architecture: str, recipe: Recipe) -> Case:
    """The case, or a skip once the refusal was seen to come early and to say why."""
    found, reason = testing.refusal(shared(architecture), recipe), REFUSED.get((recipe.name, architecture))
    if reason is not None:
        assert found is not None
        assert reason in found
        pytest.skip(f"refused: {reason}")
    assert found is None
    return shared(architecture)


@architectures
@recipes
def test_keeps_its_promises(architecture: str, recipe: Recipe) -> None:
    testing.keeps_its_promises(supported(architecture, recipe), recipe)


@architectures
@recipes
def test_removing_nothing_changes_no_bit(architecture: str, recipe: Recipe) -> None:
    c = supported(architecture, recipe)
    if recipe.target != "exact":
        pytest.skip("the recipe has a sparsity of its own")
    testing.changes_nothing_at_ratio_0(c, recipe)


@architectures
@pytest.mark.parametrize("name", [n for n, r in pruning.RECIPES.items() if r.schedule.kind == "training"])
def test_what_prunes_during_training_does_so_exactly(architecture: str, name: str) -> None:
    testing.prunes_while_training(supported(architecture, pruning.RECIPES[name]), pruning.RECIPES[name])


@recipes
def test_extremes_are_exact_or_refused_and_never_silent(recipe: Recipe) -> None:
    testing.goes_to_extremes(supported("resnet8", recipe), recipe)


@recipes
def test_every_level_of_a_schedule_can_be_reached(recipe: Recipe) -> None:
    testing.reaches_every_level(supported("resnet8", recipe), recipe)


@pytest.mark.parametrize("score", [n for n, s in SCORES.items() if {"weight", "nm"} <= set(s.units)])
def test_n_of_m_goes_with_every_score_of_weights(score: str) -> None:
    recipe = pruning.resolve(Choice("nm-magnitude", {"score": score}), "here")
    testing.keeps_its_promises(shared("lenet5"), recipe)
