"""Whole residual blocks: removed before training, by what the data says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.methods.grasp import GradientFlow
from pruneviz.pruning.parts import Space, Units
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import Random

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.models.inspect import ModelInfo


@dataclass(frozen=True)
class Blocks(Space):
    """Residual branches: the layers between a shortcut's beginning and the addition at its end, all at once.

    A branch whose parameters are all zero adds nothing, so the shortcut alone remains. Where the shortcut holds layers
    as well (a projection), these stay. An ``exclude`` pattern that matches one layer of a branch spares the branch.
    """

    name: ClassVar[str] = "block"
    summary: ClassVar[str] = "residual branches, past which a shortcut runs"
    unit: ClassVar[str] = "block"
    speedup: ClassVar[str] = "everywhere, by leaving the branch out"

    def __call__(self, net: nn.Module, info: ModelInfo, exclude: Sequence[str], example: Tensor) -> Units:
        """See :class:`~pruneviz.pruning.parts.Space`."""
        from pruneviz.pruning.blocks import find_blocks

        return find_blocks(net, info, exclude, example)


PARTS = (Blocks,)
RECIPES = (
    Recipe(
        name="random-block",
        space=Blocks(),
        score=Random(),
        allocation=Global(),
        schedule=OneShot(),
        summary="chance: the control that every block-pruning method stands beside",
        formula="remove the k residual branches with the smallest u, u ~ U(0, 1)",
    ),
    Recipe(
        name="layer-lottery",
        space=Blocks(),
        score=GradientFlow(samples=100),
        allocation=Global(),
        schedule=OneShot(),
        recovery=Choice("lr-rewind", {}),
        at=0,
        untrained=True,
        summary="whole residual blocks that the gradient flow can do without, left out before training",
        formula="remove the k branches with the largest Σ −w · (Hg)_w over their weights, at θ₀; train",
        reference=Reference(
            "Jordao, de Araujo, Maia, Pedrini",
            2023,
            "When layers play the lottery, all tickets win at initialization",
            "preprint",
            "2301.10835",
        ),
        differs=(
            "a paper-described variant (abstract): the data-driven score is GraSP's, summed over the block; of blocks "
            "with a projection, the projection stays"
        ),
    ),
)
