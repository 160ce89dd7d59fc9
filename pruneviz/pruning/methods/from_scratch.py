"""What an architecture is worth without the weights that it inherits, and large-sparse beside small-dense networks."""

from __future__ import annotations

from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Uniform
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Gradual, OneShot
from pruneviz.pruning.scores import FilterNorm, Magnitude, Random
from pruneviz.pruning.spaces import Channels, Weights

_LIU = Reference(
    "Liu, Sun, Zhou, Huang, Darrell", 2019, "Rethinking the value of network pruning", "ICLR", "1810.05270"
)
_ZHU = Reference(
    "Zhu, Gupta",
    2017,
    "To prune, or not to prune: exploring the efficacy of pruning for model compression",
    "ICLR workshop",
    "1710.01878",
)


def _scratch(mode: str, cost: str) -> Recipe:
    return Recipe(
        name=f"scratch-{mode.lower()}",
        space=Channels(),
        score=FilterNorm(1),
        allocation=Uniform(),
        schedule=OneShot(),
        recovery=Choice("scratch", {"mode": mode}),
        summary=f"the architecture that l1-filter leaves, initialised anew and trained {cost}",
        formula="per group remove the channels with the smallest Σ|w|; draw new weights; train",
        reference=_LIU,
    )


PARTS = ()
RECIPES = (
    _scratch("E", "for as many epochs as the dense one"),
    _scratch("B", "for as many multiply-adds as the dense one"),
    Recipe(
        name="large-sparse",
        space=Weights(),
        score=Magnitude(),
        allocation=Uniform(),
        schedule=Gradual(),
        recovery=Choice("lr-rewind", {}),
        at=0,
        summary="the whole network pruned along a cubic curve while it is trained from its initial weights",
        formula="s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(nΔt))³; per layer remove the smallest |w|",
        reference=_ZHU,
    ),
    Recipe(
        name="small-dense",
        space=Channels(),
        score=Random(),
        allocation=Uniform(),
        schedule=OneShot(),
        recovery=Choice("scratch", {"mode": "E"}),
        at=0,
        untrained=True,
        summary="a narrower dense network: what large-sparse is compared with at equal parameters",
        formula="keep the same fraction of every group's channels; draw new weights; train",
        reference=_ZHU,
        differs="widths are scaled as far as channels can go together; ask for {parameters = …} to have equal counts",
    ),
)
