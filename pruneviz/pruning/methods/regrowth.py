"""Sparse training that drops weights and grows others back: RigL and GraNet."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Erk, Global
from pruneviz.pruning.gradual import GradualPruning
from pruneviz.pruning.parts import Schedule
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Gradual
from pruneviz.pruning.scores import Magnitude, Random
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from pruneviz.core.masks import Mask
    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import DuringTraining, Ground, Training


@dataclass(frozen=True)
class Regrowing(Gradual):
    """Along a cubic curve, and after each pruning every layer exchanges some of its weights.

    Of a layer with n weights left, the int(r·n) smallest |w| are dropped, and as many grown where the dense gradient of
    the last step is largest among those that are zero then; these begin at zero. r falls along a cosine from ``drop``
    to ``drop_end`` at the curve's end, after which nothing is exchanged any more. A training that is too short for any
    exchange is told.
    """

    name: ClassVar[str] = "regrowing"
    summary: ClassVar[str] = "during training; after each pruning, layers exchange small weights for large gradients"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    drop: float = option(0.5, "r at the beginning: exchanged fraction of a layer's weights", ge=0, le=1)
    drop_end: float = option(0.005, "r at the curve's end", ge=0, le=1)

    def fraction_at(self, done: float) -> float:
        """The exchanged fraction r when the fraction ``done`` of training is done."""
        return self.drop_end + (self.drop - self.drop_end) * (1 + math.cos(math.pi * min(done / self.end, 1.0))) / 2

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Exchanging(self, recipe, target, ground)

    def control(self) -> Schedule:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Gradual(self.begin, self.end, self.every, self.initial)


class Exchanging(GradualPruning):
    """Drops and grows after each pruning but the first and the last."""

    curve: Regrowing

    def __init__(self, schedule: Regrowing, recipe: Recipe, target: Target, ground: Ground) -> None:
        super().__init__(schedule, recipe, target, ground)
        self.gradients: dict[str, Tensor] = {}
        self.exchanges = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """See :class:`~pruneviz.pruning.during.DuringTraining`."""
        none = f"no weights were exchanged: training ended before step {self.curve.every}" if not self.exchanges else ""
        return (*super().warnings, *([none] if none else []))

    def after_backward(self, t: Training) -> None:
        """Keep the dense gradient of the step after which weights are exchanged."""
        if not self.reached and self.is_due(t.step + 1, t.total_steps):
            named = dict(t.net.named_parameters())
            blocks = self.units(t).blocks
            self.gradients = {b.name: g.clone() for b in blocks if (g := named[b.name].grad) is not None}

    def after_step(self, t: Training) -> None:
        """Prune, then exchange."""
        super().after_step(t)
        if self.gradients and not self.reached:
            self._exchange(t, self.curve.fraction_at(t.step / t.total_steps))
        self.gradients = {}

    def _exchange(self, t: Training, fraction: float) -> None:
        self.keep(t, replace(self.selected, mask=exchange(t, self.mask, self.gradients, fraction)))
        self.exchanges += 1


def exchange(t: Training, mask: Mask, gradients: Mapping[str, Tensor], fraction: float) -> Mask:
    """Drop this fraction of every layer's weights, the smallest, and say what is kept once as many are grown.

    Args:
        t: the training; what is dropped is zero afterwards.
        mask: what is kept before.
        gradients: dense, by layer; where they are largest among what is zero then, weights are grown.
        fraction: of the weights that a layer keeps; rounded down.
    """
    import torch

    from pruneviz.core.masks import Mask
    from pruneviz.pruning.smallest import Ranked, smallest

    named = dict(t.net.named_parameters())
    thinner, final = dict(mask.kept), dict(mask.kept)
    for name, gradient in gradients.items():
        kept = torch.from_numpy(mask[name]).to(gradient.device)
        count = int(fraction * int(kept.sum()))
        size = Ranked(named[name].detach().abs().masked_fill(~kept, torch.inf))
        left = kept & ~smallest({name: size}, count)[name]
        grown = smallest({name: Ranked((-gradient.abs()).masked_fill(left, torch.inf))}, count)[name]
        thinner[name], final[name] = left.cpu().numpy(), (left | grown).cpu().numpy()
    t.keeper.replace(Mask.of(thinner), t.optimizer)  # what is grown where it was dropped begins at zero, too
    return Mask.of(final)


PARTS = (Regrowing,)
RECIPES = (
    Recipe(
        name="rigl",
        space=Weights(),
        score=Random(),
        allocation=Erk(),
        schedule=Regrowing(every=100, initial=1.0, drop=0.3, drop_end=0.0),
        recovery=Choice("lr-rewind", {}),
        at=0,
        summary="sparse from the first step; small weights are exchanged for those of the largest gradients",
        formula="ERK; every ΔT steps, per layer drop α/2 (1 + cos πt/T) of the smallest |w|, grow the largest |∇|",
        reference=Reference(
            "Evci, Gale, Menick, Castro, Elsen",
            2020,
            "Rigging the lottery: making all tickets winners",
            "ICML",
            "1911.11134",
        ),
    ),
    Recipe(
        name="granet",
        space=Weights(),
        score=Magnitude(),
        allocation=Global(),
        schedule=Regrowing(),
        recovery=Choice("lr-rewind", {}),
        at=0,
        summary="pruned along a cubic curve from the first step, with weights exchanged for others after each pruning",
        formula="cubic, global |w|; then per layer drop r · nnz smallest |w|, grow the largest |∇|; r .5 → .005",
        reference=Reference(
            "Liu, Chen, Chen, Atashgahi, Yin, Kou, Shen, Pechenizkiy, Wang, Mocanu",
            2021,
            "Sparse training via boosting pruning plasticity with neuroregeneration",
            "NeurIPS",
            "2106.10404",
        ),
        differs="prunes every 10 steps, for trainings of hundreds of steps; begins dense, unless initial says more",
    ),
)
