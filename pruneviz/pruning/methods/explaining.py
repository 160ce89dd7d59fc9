"""Pruning by explaining: remove what is least relevant to the true class, by layer-wise relevance propagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.needs import write_need
from pruneviz.pruning.parts import Given, Score, Scores, Units
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.spaces import Channels, Weights

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Relevance(Score):
    """Mean over reference images of the absolute relevance |Σ R| of a filter's outputs, or of what a weight passes on.

    LRP with the z⁺ rule for convolutions and the ε rule (1e-6) for linear layers, batch norm folded; see
    :mod:`pruneviz.pruning.relevance`. The sum runs over positions within an image, the absolute value is taken per
    image. Of coupled layers, each layer's value is added.

    For channels this is what the code of Hatefi et al. (2024) does, who also search for the best rule for each layer.
    For weights, which Yeom et al. (2021) name beside filters, it is the same with the relevance that a single weight
    carries from its outputs to its inputs. Note what follows from the z⁺ rule: a weight that only ever inhibits carries
    no relevance and is among the first to go; with ``convolutions = "epsilon"`` it counts.
    Networks of convolutions, linear layers, batch norm behind these, ReLU, pooling and sums are supported, wired in any
    way; attention, layer norm and GELU are not.
    """

    name: ClassVar[str] = "relevance"
    summary: ClassVar[str] = "absolute relevance to the true class, by layer-wise relevance propagation"
    needs: ClassVar[frozenset[str]] = frozenset({"relevance"})

    references: int = option(10, "training images of each class", unit="images", ge=1)
    start: str = option("one", "relevance of the true class at the start: 1, or its logit", choices=("one", "logit"))
    convolutions: str = option("z-plus", "rule of convolutions", choices=("z-plus", "epsilon"))

    @property
    def wanted(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        options = {"references": self.references, "start": self.start, "convolutions": self.convolutions}
        return frozenset({write_need("relevance", **options)})

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        (need,) = self.wanted
        gathered, key = given.gathered(need), "filter" if given.unit == "channel" else "weight"
        return Scores(
            {n: gathered[f"{key}|{n}"].to(w.device) for n, w in given.weights.items() if f"{key}|{n}" in gathered}
        )

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """Relevance has to find its way through the network."""
        from pruneviz.pruning.relevance import require_relevance

        require_relevance(net, example)


_YEOM = Reference(
    "Yeom, Seegerer, Lapuschkin, Binder, Wiedemann, Müller, Samek",
    2021,
    "Pruning by explaining: a novel criterion for deep neural network pruning",
    "Pattern Recognition",
    "1912.08881",
)
_HATEFI = Reference(
    "Hatefi, Dreyer, Achtibat, Wiegand, Samek, Lapuschkin",
    2024,
    "Pruning by explaining revisited: optimizing attribution methods to prune CNNs and transformers",
    "ECCV workshops",
    "2408.12568",
)

PARTS = (Relevance,)
RECIPES = (
    Recipe(
        name="lrp",
        space=Weights(),
        score=Relevance(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the weights that carry the least relevance to the true class",
        formula="remove the k weights with the smallest mean over references of |Σ_positions a_i w_ij / z_j · R_j|",
        reference=_YEOM,
        differs="a paper-described variant: code is published for filters, heads and neurons, not for single weights",
    ),
    Recipe(
        name="lrp-filter",
        space=Channels(),
        score=Relevance(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the channels of the least relevance to the true class",
        formula="remove the k channels with the smallest mean over references of |Σ_positions R|",
        reference=_HATEFI,
        differs="coupled channels are one unit, with their relevance added; the rules are fixed, not searched",
    ),
)
