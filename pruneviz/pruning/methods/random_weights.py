"""Multi-prize tickets: subnetworks of random weights that are never trained, found by learned scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Uniform
from pruneviz.pruning.learned import LearnedScores, rest
from pruneviz.pruning.parts import Schedule
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Gradual
from pruneviz.pruning.scores import Random
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import DuringTraining, Ground, Training


@dataclass(frozen=True)
class EdgePopup(Gradual):
    """Scores learned while the weights stay as they are (Ramanujan et al. 2020; Diffenderfer & Kailkhura 2021).

    s ← s − η v with v ← μ v + (∂ℓ/∂w′) ⊙ w ⊙ sign s, straight through the choice of the largest |s|; w′ = w ⊙ m. Scores
    begin with the recipe's, scaled to at most 1/√inputs of their layer. Weights are the signs of the initial ones times
    √(2 / kept inputs), a number for each layer, so that signals keep their size; or they stay as they were drawn.
    Biases and batch norm's scales stay as well; batch norm's statistics are measured.
    """

    name: ClassVar[str] = "edge-popup"
    summary: ClassVar[str] = "during training, by learned scores, while no weight is trained"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    end: float = option(1.0, "when the mask is final, as a fraction of training; after begin", gt=0, le=1)
    every: int = option(1, "steps between two choices of the mask", unit="steps", ge=1)
    initial: float = option(1.0, "removed before the first step (s_i), as a fraction of the target", ge=0, le=1)
    weights: str = option(
        "signs", "signs: signs of the initial weights times a constant; drawn: as they are", choices=("signs", "drawn")
    )
    score_lr: float = option(0.1, "η: learning rate of the scores; 0: nothing is learned", ge=0)
    score_momentum: float = option(0.9, "μ: momentum of the scores", ge=0, lt=1)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return PoppedUp(self, recipe, target, ground)

    def control(self) -> Schedule:
        """Random subnetworks of the same random weights."""
        return replace(self, score_lr=0.0)


class PoppedUp(LearnedScores):
    """No weight moves."""

    curve: EdgePopup

    def on_start(self, t: Training) -> None:
        """Set the weights that will stay so."""
        if self.curve.weights == "signs":
            for w in self.weights(t).values():
                inputs = w[0].numel() * (1.0 - self.target.removed)
                w.data.copy_(w.detach().sign() * (2 / max(inputs, 1.0)) ** 0.5)
        super().on_start(t)

    def first(self, t: Training) -> dict[str, Tensor]:
        """See the schedule."""
        import torch

        found = self.scored(t)
        self.velocity = {name: torch.zeros_like(s) for name, s in found.items()}
        return {n: s / (float(s.abs().max()) or 1.0) * s[0].numel() ** -0.5 for n, s in found.items()}

    def after_backward(self, t: Training) -> None:
        """See :class:`~pruneviz.pruning.learned.LearnedScores`."""
        super().after_backward(t)
        rest(t)

    def learn(self, t: Training, name: str, gradient: Tensor, weight: Tensor) -> None:
        """See :class:`~pruneviz.pruning.learned.LearnedScores`."""
        v = self.velocity[name].mul_(self.curve.score_momentum)
        v += gradient * weight * self.scores[name].sign()
        self.scores[name] -= self.curve.score_lr * v

    def ranking(self) -> dict[str, Tensor]:
        """|s|."""
        return {name: s.abs() for name, s in self.scores.items()}


PARTS = (EdgePopup,)
RECIPES = (
    Recipe(
        name="multi-prize",
        space=Weights(),
        score=Random(),
        allocation=Uniform(),
        schedule=EdgePopup(),
        recovery=Choice("lr-rewind", {}),
        at=0,
        summary="a subnetwork of the initial weights, none of which is ever trained",
        formula="w = sign θ₀ √(2 / kept inputs); v ← μ v + (∂ℓ/∂w′) ⊙ w ⊙ sign s, s ← s − η v; keep the largest |s|",
        reference=Reference(
            "Diffenderfer, Kailkhura",
            2021,
            "Multi-prize lottery ticket hypothesis: finding accurate binary neural networks by pruning a randomly "
            "weighted network",
            "ICLR",
            "2103.09377",
        ),
        differs="signs and biases are the dense model's initial ones, and the constant is not learned",
    ),
)
