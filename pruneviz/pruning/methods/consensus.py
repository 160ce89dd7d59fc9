"""Consensus sub-network: binary gates and a polarising loss find one sub-network for all images in one training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.gated import Gated
from pruneviz.pruning.methods.slimming import polarized
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Once
from pruneviz.pruning.scores import FilterNorm
from pruneviz.pruning.spaces import Channels

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import DuringTraining, Ground, Training

_OPEN = 0.5


@dataclass(frozen=True)
class BinaryGates(Once):
    """Gates of 0 or 1 on channels: open where a ≥ ½, a learned straight through.

    a ← a − η (∂ℓ/∂gate + λ ∂/∂a (t Σ|a| − Σ|a − ā|)), within 0 and 1; it begins between ½ and 1, in the order of the
    recipe's score. The largest a of a group is always open. When the fraction ``end`` of training is done, the
    channels of the smallest a go.
    """

    name: ClassVar[str] = "binary-gates"
    summary: ClassVar[str] = "during training, by learned gates of 0 or 1 that a polarising loss drives apart"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    gate_lr: float = option(0.01, "η: learning rate of the gates", gt=0)
    polar: float = option(0.1, "λ: weight of the polarising loss", ge=0)
    pull: float = option(1.2, "t: weight of the pull towards closed gates", ge=0)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Opening(self, recipe, target, ground)


class Opening(Gated):
    """Binary gates."""

    schedule: BinaryGates

    def begin(self, t: Training) -> dict[str, Tensor]:
        """By rank within the group."""
        scores = self.scored(t)
        return {n: _OPEN + (1 - _OPEN) * s.argsort(stable=True).argsort().float() / len(s) for n, s in scores.items()}

    def gate(self, group: str) -> Tensor:
        """See the schedule."""
        a = self.learned[group]
        hard = (a.detach() >= _OPEN).float()
        hard[int(a.detach().argmax())] = 1.0
        return hard + a - a.detach()

    def learn(self, t: Training) -> None:
        """See the schedule."""
        s = self.schedule
        pulls = polarized([a.detach() for a in self.learned.values()], s.pull)
        for a, pull in zip(self.learned.values(), pulls, strict=True):
            of_loss = a.grad if a.grad is not None else 0.0
            a.sub_(s.gate_lr * (of_loss + s.polar * pull)).clamp_(0.0, 1.0)

    def ranking(self) -> dict[str, Tensor]:
        """The numbers behind the gates."""
        return self.learned


PARTS = (BinaryGates,)
RECIPES = (
    Recipe(
        name="consensus",
        space=Channels(),
        score=FilterNorm(1),
        allocation=Global(),
        schedule=BinaryGates(),
        recovery=Choice("lr-rewind", {}),
        at=0,
        summary="binary gates on channels, learned straight through with a polarising loss in one training",
        formula="gate = [a ≥ ½]; a ← a − η (∂ℓ/∂gate + λ ∂(t Σ|a| − Σ|a − ā|)/∂a); remove the k smallest a; train on",
        reference=Reference(
            "Zhi, Babbar, Liu, Sun, Silavong, Shi, Moran",
            2023,
            "Learning a consensus sub-network with polarization regularization and one pass training",
            "preprint",
            "2302.10798",
        ),
        differs=(
            "a paper-described variant (abstract): gates of channels and not of layers, the same for all images "
            "from the beginning; polarization as by Zhuang et al. (2020)"
        ),
    ),
)
