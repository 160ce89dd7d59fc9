"""SynFlow: prune without data, by the paths that run through a weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.pruning.allocations import Global
from pruneviz.pruning.parts import Given, Score, Scores, Units
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot, Rescored
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class SynapticFlow(Score):
    """|w| · ∂R/∂|w|, R the sum of the outputs for an image of ones when every weight is replaced by its absolute value.

    R adds up the products of weights along all paths (Tanaka et al. 2020, section 6), so the score is the sum over the
    paths through the weight. Biases and batch norm's shifts are left out of it, and batch norm scales by |γ| / σ with
    its running variance: at initialisation that is what the authors' code does, in evaluation mode; at trained weights
    that code adds the absolute biases and shifts. Computed in double precision, since products over many layers
    overflow single precision, and divided by the largest.
    """

    name: ClassVar[str] = "synaptic-flow"
    summary: ClassVar[str] = "products of absolute weights over all paths through the weight; needs no data"
    uses_example: ClassVar[bool] = True
    effort: ClassVar[str] = "1 forward and 1 backward pass of one image of ones, no data,"

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        assert given.example is not None
        stand_in = _of_absolute_weights(given.net)
        names = list(given.weights)
        weights = [dict(stand_in.named_parameters())[n] for n in names]
        with torch.enable_grad():
            total = stand_in(torch.ones_like(given.example, dtype=torch.float64)).sum()
            found = torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True)
        products = [(w.detach() * g) for w, g in zip(weights, found, strict=True)]
        largest = max(float(p.max()) for p in products) or 1.0
        return Scores({n: (p / largest).float() for n, p in zip(names, products, strict=True)})

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """The network of absolute weights has to be a product of its weights."""
        import torch

        from pruneviz.pruning.linearity import require_homogeneous

        require_homogeneous(_of_absolute_weights(net), torch.ones_like(example, dtype=torch.float64), "SynFlow")


def _of_absolute_weights(net: nn.Module) -> nn.Module:
    from pruneviz.pruning.linearity import without_biases

    stand_in = without_biases(net).requires_grad_(True)
    for p in stand_in.parameters():
        p.data.abs_()
    return stand_in


_TANAKA = Reference(
    "Tanaka, Kunin, Yamins, Ganguli",
    2020,
    "Pruning neural networks without any data by iteratively conserving synaptic flow",
    "NeurIPS",
    "2006.05467",
)

PARTS = (SynapticFlow,)
RECIPES = (
    Recipe(
        name="synflow",
        space=Weights(),
        score=SynapticFlow(),
        allocation=Global(),
        schedule=Rescored(),
        summary="the weights through which the least runs from input to output, without data, in 100 rounds",
        formula="R = 1ᵀ Π|W_l| 1; in each round remove the weights with the smallest |w| · ∂R/∂|w|",
        reference=_TANAKA,
        untrained=True,
        differs="biases and batch norm's shifts are left out of R; the count is exact, ties by position",
    ),
    Recipe(
        name="synflow-one-shot",
        space=Weights(),
        score=SynapticFlow(),
        allocation=Global(),
        schedule=OneShot(),
        summary="SynFlow's score in one round, to show what its rounds are for",
        formula="R = 1ᵀ Π|W_l| 1; remove the k weights with the smallest |w| · ∂R/∂|w|",
        reference=_TANAKA,
        untrained=True,
    ),
)
