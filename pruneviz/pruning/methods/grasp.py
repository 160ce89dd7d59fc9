"""GraSP: keep what keeps the gradient flowing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.needs import write_need
from pruneviz.pruning.parts import Given, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import SAMPLES_DOC
from pruneviz.pruning.spaces import Weights


@dataclass(frozen=True)
class GradientFlow(Score):
    """θ ⊙ Hg, so that the weights with the *largest* −θ ⊙ Hg are removed (Wang et al. 2020, equation 8, algorithm 1).

    −θ ⊙ Hg is how much ‖g‖² changes, to first order, when the weight is removed: those go whose removal raises the
    gradient flow most. g and H are of the mean cross-entropy of logits / T over the images.

    The paper takes it at initialisation and in training mode, on 10 images a class; here it is taken at the given
    weights, and batch norm uses its running statistics.
    """

    name: ClassVar[str] = "gradient-flow"
    summary: ClassVar[str] = "how much of the gradient's norm goes with the weight"
    needs: ClassVar[frozenset[str]] = frozenset({"gradient-flow"})

    temperature: float = option(200.0, "T, by which logits are divided, as in the authors' code", gt=0)
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    @property
    def wanted(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return frozenset({write_need("gradient-flow", temperature=self.temperature)})

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        (need,) = self.wanted
        product = given.gathered(need)
        return Scores({name: w * product[f"product|{name}"].to(w.device) for name, w in given.weights.items()})


PARTS = (GradientFlow,)
RECIPES = (
    Recipe(
        name="grasp",
        space=Weights(),
        score=GradientFlow(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the weights whose removal raises the gradient flow most",
        formula="remove the k weights with the largest −w · (Hg)_w",
        reference=Reference(
            "Wang, Zhang, Grosse",
            2020,
            "Picking winning tickets before training by preserving gradient flow",
            "ICLR",
            "2002.07376",
        ),
        untrained=True,
        differs="batch norm uses its running statistics, not the batch's",
    ),
)
