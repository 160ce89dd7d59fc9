"""Pruned before the first step of training: the dense model's own initial weights, masked, then trained in full."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.baselines import BASELINES
from pruneviz.pruning.methods import densities, grasp, synflow
from pruneviz.pruning.parts import Given, Update
from pruneviz.pruning.recipe import Recipe
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import Random
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.masks import Mask

_WHOLE = Choice("lr-rewind", {})  # the dense training's whole schedule, from the weights as they are


@dataclass(frozen=True)
class DensityScaled(Update):
    """Kept weights times √(fan-in / kept fan-in), so that outputs are as large as the dense network's.

    Initialisations choose the variance of weights by the number of a neuron's inputs; where most of them are gone,
    signals shrink layer by layer (Evci et al. 2022, section 3.1). The number is counted for each output neuron or
    filter, or once for the layer.
    """

    name: ClassVar[str] = "density-scaled"
    summary: ClassVar[str] = "what stays grows by √(inputs / kept inputs), so that signals keep their size"
    units: ClassVar[tuple[str, ...]] = ("weight", "nm")

    count: str = option("neuron", "over what kept inputs are counted", choices=("neuron", "layer"))

    def __call__(self, given: Given, mask: Mask) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Update`."""
        import torch

        changed = {}
        for name, w in given.weights.items():
            kept = torch.from_numpy(mask[name]).flatten(1).to(w.device)
            if kept.all():
                continue
            density = kept.float().mean(1) if self.count == "neuron" else kept.float().mean().expand(len(kept))
            scale = torch.where(density > 0, density, 1.0).rsqrt()
            changed[name] = w * scale.reshape(-1, *[1] * (w.dim() - 1)) * kept.reshape(w.shape)
        return changed


def _started(recipe: Recipe, samples: int | None, differs: str) -> Recipe:
    score: Any = recipe.score
    score = score if samples is None else replace(score, samples=samples)
    return replace(
        recipe,
        name=f"{recipe.name}-at-init",
        score=score,
        summary=f"{recipe.summary}, of the initial network, which is then trained",
        formula=f"{recipe.formula}; w, ḡ, H at θ₀" if samples is not None else f"{recipe.formula}; w at θ₀",
        recovery=_WHOLE,
        at=0,
        untrained=True,
        differs=differs,
    )


def _sparse(name: str, like: str) -> Recipe:
    of = next(r for r in (*BASELINES, *densities.RECIPES) if r.name == like)
    return Recipe(
        name=name,
        space=Weights(),
        score=Random(),
        allocation=of.allocation,
        schedule=OneShot(),
        update=DensityScaled(),
        recovery=_WHOLE,
        at=0,
        untrained=True,
        summary=f"{of.summary}; the sparse network trained from its scaled initial weights",
        formula=f"{of.formula}; θ₀ √(inputs / kept inputs); train",
        reference=of.reference,
        differs='initial weights are scaled by density (Evci et al. 2022); update = "none" leaves them as drawn',
    )


_NAMED = {r.name: r for r in (*BASELINES, *grasp.RECIPES, *synflow.RECIPES)}
_MODE = "in evaluation mode: batch norm has the statistics that it starts with"

PARTS = (DensityScaled,)
RECIPES = (
    _started(_NAMED["snip"], 100, f"on 100 images, ten for each of ten classes; {_MODE}"),
    _started(_NAMED["grasp"], 100, f"on 100 images, ten for each of ten classes; {_MODE}"),
    _started(_NAMED["synflow"], None, "biases and batch norm's shifts are left out of R; the count is exact"),
    _sparse("sparse-uniform", "random-uniform"),
    _sparse("sparse-erk", "erk"),
    _sparse("sparse-erk-plus", "random-erk-plus"),
)
