"""Movement pruning: what moves towards zero while it is trained goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.learned import LearnedScores
from pruneviz.pruning.parts import Given, Schedule, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Gradual
from pruneviz.pruning.scores import GRADIENTS, SAMPLES_DOC, gradients_of, times
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import DuringTraining, Ground, Training


@dataclass(frozen=True)
class Movement(Score):
    """−w · ∂ℓ/∂w: positive where a step of gradient descent takes the weight away from zero (Sanh et al. 2020).

    With the schedule ``movement`` that of every step is added; by itself it is that of one step on the calibration
    images.
    """

    name: ClassVar[str] = "movement"
    summary: ClassVar[str] = "whether gradient descent moves the weight away from zero"
    needs: ClassVar[frozenset[str]] = GRADIENTS
    units: ClassVar[tuple[str, ...]] = ("weight", "nm", "block")

    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return Scores({n: -t for n, t in times(given.weights, gradients_of(given, "mean")).items()})


@dataclass(frozen=True)
class Moving(Gradual):
    """Along a cubic curve by S = −Σ_steps (∂ℓ/∂w′) · w, w′ = w ⊙ m the weight that the network uses.

    The sum begins with the recipe's score. Masks are chosen anew every so many steps, so weights may come back, until
    the target is reached; then the mask stays.
    """

    name: ClassVar[str] = "moving"
    summary: ClassVar[str] = "during training, by the score's sum over steps; weights may come back"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Accumulated(self, recipe, target, ground)

    def control(self) -> Schedule:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Gradual(self.begin, self.end, self.every, self.initial)


class Accumulated(LearnedScores):
    """Adds up −g · w."""

    def learn(self, t: Training, name: str, gradient: Tensor, weight: Tensor) -> None:
        """See :class:`~pruneviz.pruning.learned.LearnedScores`."""
        self.scores[name] -= gradient * weight


PARTS = (Movement, Moving)
RECIPES = (
    Recipe(
        name="movement",
        space=Weights(),
        score=Movement(),
        allocation=Global(),
        schedule=Moving(),
        recovery=Choice("finetune", {}),
        summary="the weights that fine-tuning moves towards zero",
        formula="S = −Σ_t (∂ℓ/∂w′)_t · w_t; along the cubic curve remove the smallest S",
        reference=Reference(
            "Sanh, Wolf, Rush", 2020, "Movement pruning: adaptive sparsity by fine-tuning", "NeurIPS", "2005.07683"
        ),
        differs=(
            "scores follow the weights' gradient descent without Adam; they begin with one pass over the calibration "
            "images and not at zero; from the curve's end on the mask stays"
        ),
    ),
)
