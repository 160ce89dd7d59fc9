"""PreCropping: layer densities decided before training, carried out by cropping whole channels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import by_counts
from pruneviz.pruning.apportion import apportion
from pruneviz.pruning.parts import Allocation, Block
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import Random
from pruneviz.pruning.spaces import Channels

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.pruning.smallest import Ranked


@dataclass(frozen=True)
class Crop(Allocation):
    """Channels kept in proportion to the square root of a layer's density, the densities by the ERK rule.

    A layer that keeps the fraction c of its outputs and of its inputs keeps the density c². So, with a density
    ε · Σ shape / Π shape for the first layer of each coupled group, the group keeps √ of it, at most all of its
    channels and at least one; ε is solved until the number of channels is met.
    """

    name: ClassVar[str] = "crop"
    summary: ClassVar[str] = "channels by the square root of ERK's layer densities"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        rates = [math.sqrt(sum(b.dense_shape) / math.prod(b.dense_shape)) * b.size for b in blocks]
        keep = sum(b.size for b in blocks) - remove
        kept = apportion(rates, keep, [b.size - b.most for b in blocks], [b.size - b.gone for b in blocks])
        return by_counts(blocks, ranked, [b.size - n for b, n in zip(blocks, kept, strict=True)])


PARTS = (Crop,)
RECIPES = (
    Recipe(
        name="precropping",
        space=Channels(),
        score=Random(),
        allocation=Crop(),
        schedule=OneShot(),
        recovery=Choice("scratch", {}),
        summary="channels cropped by layer densities before training; which ones does not matter",
        formula="of each group keep √d_l of the channels, d_l = ε · Σ_i shape_i / Π_i shape_i, at random; then train",
        reference=Reference(
            "Cai, Hua, Chen, Suh, De Sa, Zhang",
            2022,
            "Structured pruning is all you need for pruning CNNs at initialization",
            "preprint",
            "2203.02549",
        ),
        untrained=True,
        differs=(
            "a paper-described variant (abstract): densities by ERK instead of the paper's convex programme; the "
            "cropped network is initialised anew and trained like the dense one"
        ),
    ),
)
