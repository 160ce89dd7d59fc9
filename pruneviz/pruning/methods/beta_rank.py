"""β-Rank: filters weighted by how much their outputs vary, compared with what they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.methods.densities import RatioMap
from pruneviz.pruning.parts import Given, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import SAMPLES_DOC
from pruneviz.pruning.spaces import Channels

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class BetaRank(Score):
    """mean over positions of |f · σ_out / σ_in|, scaled to 0 … 1 within each layer (the authors' code; see below).

    f is the filter; σ_out is the standard deviation over images of its output (before batch norm) at a position, σ_in
    that over images and all inputs which that output is made from. Of coupled layers the mean of their scores.

    The paper's README prints the ratio the other way round; the code divides by σ_in. The code slides its input window
    without regard to padding, takes one batch, and, when it loads a pruned network, multiplies the weights that stay by
    1 + their score. Here the window is the one that the layer reads, all calibration images count, and the weights stay
    as they are.
    """

    name: ClassVar[str] = "beta-rank"
    summary: ClassVar[str] = "filter's mean absolute weight times how much its output varies against its input"
    needs: ClassVar[frozenset[str]] = frozenset({"activations"})
    units: ClassVar[tuple[str, ...]] = ("channel",)

    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        gathered = given.gathered("activations")
        found = {}
        for name, w in given.weights.items():
            if (key := f"spread|{name}") in gathered:
                found[name] = _from_0_to_1(w.flatten(1).abs().mean(1) * gathered[key].to(w.device))
        return Scores(found, mean=True)


def _from_0_to_1(t: Tensor) -> Tensor:
    import torch

    low, high = t.min(), t.max()
    return (t - low) / (high - low) if high > low else torch.zeros_like(t)


PARTS = (BetaRank,)
RECIPES = (
    Recipe(
        name="beta-rank",
        space=Channels(),
        score=BetaRank(),
        allocation=RatioMap(),
        schedule=OneShot(),
        summary="the filters of which least comes out, by weights and by how outputs vary; by a ratio map",
        formula="per group remove the channels with the smallest mean_p |f · σ_out(p) / σ_in(p)|, scaled to 0 … 1",
        reference=Reference(
            "Homayounfar, Koohi-Moghadam, Rawassizadeh, Vardhanabhuti",
            2023,
            "Beta-Rank: a robust convolutional filter pruning method for imbalanced medical image analysis",
            "preprint",
            "2304.07461",
        ),
        differs="window with padding, all calibration images, what stays is not rescaled; equal ratios unless given",
    ),
)
