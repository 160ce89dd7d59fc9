"""Structurally Prune Anything: a weight score added up over all that a coupled channel group touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.parts import Given, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.spaces import Channels

WANG = Reference(
    "Wang, Rachwan, Günnemann, Charpentier",
    2024,
    "Structurally prune anything: any architecture, any framework, any time",
    "preprint",
    "2403.18955",
)


@dataclass(frozen=True)
class GroupNorm(Score):
    """The L1 or L2 norm of all weights that go with a channel: its filters in all coupled layers, and what reads it.

    Known from its abstract: a group-level importance from any criterion. Chosen here: the sum over the group, of |w| or
    w², without normalising by the group's size. The groups are traced by torch-pruning, not over ONNX.
    """

    name: ClassVar[str] = "group-norm"
    summary: ClassVar[str] = "norm of the channel's filters and of its consumers' weights"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    order: int = option(1, "of the norm: 1 sums absolute values, 2 is Euclidean", choices=(1, 2))

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        power = torch.abs if self.order == 1 else torch.square
        values = {name: power(w) for name, w in given.weights.items()}
        inputs = {name: v.transpose(0, 1).flatten(1).sum(1) for name, v in values.items()}
        return Scores(values, inputs=inputs, total=None if self.order == 1 else torch.sqrt)


PARTS = (GroupNorm,)
RECIPES = (
    Recipe(
        name="spa",
        space=Channels(),
        score=GroupNorm(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the coupled channels with the smallest weights, their consumers' included",
        formula="remove the k channels with the smallest Σ|w| over all weights that go with them",
        reference=WANG,
        differs="a paper-described variant (abstract): with another score, only the coupled filters are summed over",
    ),
)
