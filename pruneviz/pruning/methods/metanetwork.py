"""Pruning by a graph metanetwork: the weights are edited to be easier to prune, then pruned by their norm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.during import DuringTraining, Ground
from pruneviz.pruning.methods.spa import GroupNorm
from pruneviz.pruning.parts import Schedule
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.spaces import Channels

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import Training


@dataclass(frozen=True)
class Edited(Schedule):
    """Before the first step, a graph network edits the weights; then everything goes at once, and training goes on.

    Nodes are the channels that can be removed, joined where one reads the other. From the norms of what makes and what
    reads it, and two rounds of messages along Σ|w|, each node gets two gains, by which what makes and what reads it is
    multiplied. The graph network is trained on training images for cross-entropy of the edited network plus a penalty
    that is least where few channels of a group hold all its norm.
    """

    name: ClassVar[str] = "edited"
    summary: ClassVar[str] = "at once, after a graph network has edited the weights; then training goes on"
    kind: ClassVar[str] = "training"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    edits: int = option(100, "batches that the graph network is trained on; 0: nothing is edited", unit="steps", ge=0)
    batch: int = option(64, "images in each", unit="images", ge=1)
    penalty: float = option(1.0, "weight of the penalty", ge=0)
    rounds: int = option(2, "of messages between channels", unit="rounds", ge=1, le=20)
    reach: float = option(2.0, "largest |log gain|", gt=0, le=10)

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return (target,)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Editing(self, recipe, target, ground)

    def control(self) -> Schedule:
        """Nothing is edited."""
        return replace(self, edits=0)


class Editing(DuringTraining):
    """Edits, prunes, and leaves the rest to training."""

    def __init__(self, schedule: Edited, recipe: Recipe, target: Target, ground: Ground) -> None:
        super().__init__(recipe, target, ground)
        self.schedule = schedule

    def on_start(self, t: Training) -> None:
        """Edit and prune."""
        if self.schedule.edits:
            self._edit(t)
        self.keep(t, self.choose(t, self.target))

    def _edit(self, t: Training) -> None:
        import torch

        from pruneviz.pruning.channels import ChannelUnits
        from pruneviz.pruning.metagraph import GraphNetwork, edit, graph_of

        units, named = self.units(t), dict(t.net.named_parameters())
        assert isinstance(units, ChannelUnits)
        graph = graph_of(units.groups, named)
        metanetwork = GraphNetwork(self.schedule.rounds, self.schedule.reach, self.ground.seed, t.device)
        edited, _ = edit(t.net, graph, metanetwork, self._batches(t), self.schedule.penalty)
        with torch.no_grad():
            for name, value in edited.items():
                named[name].copy_(value)

    def _batches(self, t: Training) -> Iterator[tuple[Tensor, Tensor]]:
        import numpy as np
        import torch

        split = t.data.train
        assert split is not None
        rng = np.random.default_rng(self.ground.seed)
        for _ in range(self.schedule.edits):
            chosen = rng.choice(len(split), min(self.schedule.batch, len(split)), replace=False)
            yield t.data.preprocess(split.images[chosen], t.device), torch.as_tensor(split.labels[chosen]).to(t.device)


PARTS = (Edited,)
RECIPES = (
    Recipe(
        name="graph-metanetwork",
        space=Channels(),
        score=GroupNorm(order=2),
        allocation=Global(),
        schedule=Edited(),
        recovery=Choice("finetune", {}),
        summary="a graph network edits the weights to be easier to prune; then the channels of the smallest norms go",
        formula="w′ = w · a_out · b_in, gains by messages along Σ|w|, ℓ(w′) + λ Σn / (√size ‖n‖) least; remove least n",
        reference=Reference(
            "Liu, Wang, Zhang",
            2025,
            "Meta pruning via graph metanetworks: a universal meta learning framework for network pruning",
            "preprint",
            "2506.12041",
        ),
        differs=(
            "a paper-described variant (abstract): the graph network multiplies channels and does not change single "
            "weights, and is trained anew on the network at hand, not before on many others"
        ),
    ),
)
