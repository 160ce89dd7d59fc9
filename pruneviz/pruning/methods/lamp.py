"""LAMP: magnitude, normalised within each layer so that one ranking over all layers finds the layers' sparsities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.pruning.allocations import Global
from pruneviz.pruning.parts import Given, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Lamp(Score):
    """w² / Σ v² over all v of the same layer that are no smaller (Lee et al. 2021, section 2).

    The largest weight of every layer has the score 1, so no layer is emptied before all others are down to one weight.
    Of equal weights the one that comes first has the smaller score.
    """

    name: ClassVar[str] = "lamp"
    summary: ClassVar[str] = "squared weight over the squares of all weights of its layer that are no smaller"
    units: ClassVar[tuple[str, ...]] = ("weight", "nm")

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return Scores({name: _lamp(w) for name, w in given.weights.items()})


def _lamp(weight: Tensor) -> Tensor:
    import torch

    squares, order = weight.reshape(-1).double().square().sort(stable=True)
    no_smaller = squares.flip(0).cumsum(0).flip(0)
    scores = torch.empty_like(squares)
    scores[order] = torch.where(no_smaller > 0, squares / no_smaller, 0.0)
    return scores.float().reshape(weight.shape)


PARTS = (Lamp,)
RECIPES = (
    Recipe(
        name="lamp",
        space=Weights(),
        score=Lamp(),
        allocation=Global(),
        schedule=OneShot(),
        summary="magnitude normalised within each layer, then one ranking over all",
        formula="remove the k weights with the smallest w² / Σ_{v ≥ w in its layer} v²",
        reference=Reference(
            "Lee, Park, Mo, Ahn, Shin",
            2021,
            "Layer-adaptive sparsity for the magnitude-based pruning",
            "ICLR",
            "2010.07611",
        ),
        differs="the paper prunes and trains in turn, 20 % of the rest at a time; choose schedule = iterative for that",
    ),
)
