"""Scores by the loss's curvature: Fisher information, optimal brain damage, the second-order Taylor term.

The diagonal h of the Hessian is estimated in one of two ways: by the empirical Fisher information, the mean over images
of the squared gradient of each image's own loss, which is never negative and comes with the gradients that other scores
use; or by Hutchinson's estimator of the Hessian itself, which costs passes of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.needs import write_need
from pruneviz.pruning.parts import Given, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import GRADIENTS, SAMPLES_DOC, gradients_of, times
from pruneviz.pruning.spaces import Channels, Weights

if TYPE_CHECKING:
    from torch import Tensor

_CURVATURE_DOC = "the Hessian's diagonal by: fisher, the empirical Fisher information; hessian, Hutchinson's estimator"
_PROBES_DOC = "random sign vectors of Hutchinson's estimator; used with curvature = hessian alone"


@dataclass(frozen=True)
class Fisher(Score):
    """Diagonal Fisher information, by the squared gradients of single images.

    *weight*: E (∂ℓ/∂w)², how much the outputs' distribution depends on the weight itself; of a channel, summed over its
    filters. *mask*: E (Σ w · ∂ℓ/∂w)², the same of a factor that multiplies the whole unit and is 1; with the factor ½
    that changes no ranking, it is the loss increase that Theis et al. (2018) and Molchanov et al. (2019) give for
    removing a channel; of coupled layers, each layer's value is added.
    ``square-of-mean`` squares the mean gradient instead, which is what code that works on batches computes.
    """

    name: ClassVar[str] = "fisher"
    summary: ClassVar[str] = "squared gradients, image by image"
    needs: ClassVar[frozenset[str]] = GRADIENTS

    information: str = option(
        "weight", "about the weight itself, or about a mask on the unit", choices=("weight", "mask")
    )
    reduce: str = option(
        "mean-of-squares",
        "over images: the mean of squares, or the square of the mean",
        choices=("mean-of-squares", "square-of-mean"),
    )
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        mean = self.reduce == "square-of-mean"
        if self.information == "mask":
            if mean:
                return Scores(times(given.weights, gradients_of(given, "mean")), total=torch.square)
            if given.unit == "channel":
                return Scores(gradients_of(given, "filter_square"))
            squares = {name: w.square() for name, w in given.weights.items()}
            return Scores(times(squares, gradients_of(given, "square")))
        return Scores(gradients_of(given, "mean"), each=torch.square) if mean else Scores(gradients_of(given, "square"))


@dataclass(frozen=True)
class _SecondOrder(Score):
    """What scores of the Hessian's diagonal share."""

    needs: ClassVar[frozenset[str]] = GRADIENTS

    curvature: str = option("fisher", _CURVATURE_DOC, choices=("fisher", "hessian"))
    probes: int = option(10, _PROBES_DOC, unit="vectors", ge=1, le=10_000)
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    @property
    def _need(self) -> str:
        return "gradients" if self.curvature == "fisher" else write_need("curvature", probes=self.probes)

    @property
    def wanted(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return frozenset({self._need})

    def _diagonal(self, given: Given) -> dict[str, Tensor]:
        key = "square" if self.curvature == "fisher" else "diagonal"
        gathered = given.gathered(self._need)
        return {name: gathered[f"{key}|{name}"].to(w.device) for name, w in given.weights.items()}


@dataclass(frozen=True)
class Damage(_SecondOrder):
    """½ h w², h the diagonal of the loss's Hessian (LeCun et al. 1990, section 2); of a channel, summed.

    The paper computes h by a backward pass of its own, in the Levenberg–Marquardt approximation, which is never
    negative. Here it is the empirical Fisher information, or Hutchinson's estimate with negative values set to 0.
    """

    name: ClassVar[str] = "damage"
    summary: ClassVar[str] = "half the Hessian's diagonal times the squared weight"

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        h = self._diagonal(given)
        return Scores({name: 0.5 * h[name].clamp(min=0) * w.square() for name, w in given.weights.items()})


@dataclass(frozen=True)
class SecondTaylor(_SecondOrder):
    """|Σ (½ h w² − ḡ w)|: to second order, how much the loss changes when the unit is set to zero.

    The sum runs over the unit's entries, so products of different weights' second derivatives are left out; ḡ is the
    mean gradient, which optimal brain damage takes to be 0 since the network is trained.
    """

    name: ClassVar[str] = "taylor-2"
    summary: ClassVar[str] = "second-order change of the loss when the unit is zeroed"

    @property
    def wanted(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return frozenset({self._need, "gradients"})

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        h, g = self._diagonal(given), gradients_of(given, "mean")
        return Scores({n: (0.5 * h[n] * w - g[n]) * w for n, w in given.weights.items()}, total=torch.abs)


_LECUN = Reference("LeCun, Denker, Solla", 1990, "Optimal brain damage", "NeurIPS")
_THEIS = Reference(
    "Theis, Korshunova, Tejani, Huszár",
    2018,
    "Faster gaze prediction with dense networks and Fisher pruning",
    "preprint",
    "1801.05787",
)
_MOLCHANOV = Reference(
    "Molchanov, Mallya, Tyree, Frosio, Kautz",
    2019,
    "Importance estimation for neural network pruning",
    "CVPR",
    "1906.10771",
)

PARTS = (Fisher, Damage, SecondTaylor)
RECIPES = (
    Recipe(
        name="fisher",
        space=Weights(),
        score=Fisher(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the weights of which the predictions carry the least information",
        formula="remove the k weights with the smallest E (∂ℓ/∂w)²",
        reference=_THEIS,
        differs="the diagonal of the Fisher information itself; the paper's criterion for channels is fisher-channel",
    ),
    Recipe(
        name="fisher-channel",
        space=Channels(),
        score=Fisher("mask"),
        allocation=Global(),
        schedule=OneShot(),
        summary="the channels whose masks carry the least Fisher information",
        formula="remove the k channels with the smallest ½ E (Σ w · ∂ℓ/∂w)² over their filters",
        reference=_THEIS,
        differs="the paper divides by the multiply-adds that a channel saves, and prunes one by one in training",
    ),
    Recipe(
        name="obd",
        space=Weights(),
        score=Damage(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the weights whose removal raises the loss least, by the diagonal of its Hessian",
        formula="remove the k weights with the smallest ½ h w², h = E (∂ℓ/∂w)²",
        reference=_LECUN,
        differs="h by the empirical Fisher information or Hutchinson's estimator, not by the paper's own backward pass",
    ),
    Recipe(
        name="taylor-2",
        space=Weights(),
        score=SecondTaylor(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the weights whose removal changes the loss least, to second order",
        formula="remove the k weights with the smallest |½ h w² − ḡ w|, h = E (∂ℓ/∂w)²",
        reference=_MOLCHANOV,
        differs="h by the empirical Fisher information; the paper also tries the exact diagonal",
    ),
    Recipe(
        name="taylor-2-channel",
        space=Channels(),
        score=SecondTaylor(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the channels whose removal changes the loss least, to second order",
        formula="remove the k channels with the smallest |Σ (½ h w² − ḡ w)| over their filters",
        reference=_MOLCHANOV,
        differs="h by the empirical Fisher information, weights' joint second derivatives left out",
    ),
)
