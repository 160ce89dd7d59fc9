"""Channels by conductance: an attribution to units inside the network."""

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
from pruneviz.pruning.spaces import Channels


@dataclass(frozen=True)
class Conductance(Score):
    """Mean over images of |∫ ∂F/∂y dy| from a blank image to the image, F the true class's logit.

    Dhamdhere et al. (2019). y are the channel's outputs before batch norm and activation function, summed over
    positions; of coupled layers, each layer's value is added. The formula is that of captum's LayerConductance (zeros
    as the baseline, captum's default), computed here by the trapezoidal rule, so captum is not needed.
    """

    name: ClassVar[str] = "conductance"
    summary: ClassVar[str] = "how much of the true class's logit runs through the channel"
    needs: ClassVar[frozenset[str]] = frozenset({"conductance"})
    units: ClassVar[tuple[str, ...]] = ("channel",)

    steps: int = option(20, "of the integral", unit="steps", ge=1, le=1000)
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    @property
    def wanted(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return frozenset({write_need("conductance", steps=self.steps)})

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        (need,) = self.wanted
        gathered = given.gathered(need)
        found = {n: (gathered.get(f"conductance|{n}"), w.device) for n, w in given.weights.items()}
        return Scores({n: t.to(device) for n, (t, device) in found.items() if t is not None})


PARTS = (Conductance,)
RECIPES = (
    Recipe(
        name="conductance",
        space=Channels(),
        score=Conductance(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the channels through which the least of the true class's logit runs",
        formula="remove the k channels with the smallest E|Σ ∫ ∂F/∂y dy| along the line from a blank image",
        reference=Reference("Dhamdhere, Sundararajan, Yan", 2019, "How important is a neuron?", "ICLR", "1805.12233"),
        differs="the paper attributes, and does not prune; ranking all channels by it is ours",
    ),
)
