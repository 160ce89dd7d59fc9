"""Lottery tickets: prune what was trained, put the survivors back to an early step, train again, level by level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.quantities import count_removed
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global, by_counts
from pruneviz.pruning.parts import Allocation, Block
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Levels, Rounds
from pruneviz.pruning.scores import Magnitude
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.pruning.smallest import Ranked


@dataclass(frozen=True)
class LayerRates(Allocation):
    """At every level a fraction of what remains of each layer, another one of the layer that makes the logits.

    Frankle & Carbin (2019, section 2) remove 20 % of each layer of LeNet and 10 % of its output layer. How much of the
    whole network that is depends on the layers' sizes, so the levels have numbers and no sparsities of their own.
    """

    name: ClassVar[str] = "layer-rates"
    summary: ClassVar[str] = "a fraction of what remains of each layer at every level, less of the output layer"
    units: ClassVar[tuple[str, ...]] = ("weight",)
    sized: ClassVar[bool] = True

    rate: float = option(0.2, "fraction of a layer's remaining weights removed at each level", gt=0, lt=1)
    output: float = option(0.1, "the same of the layer that makes the logits", ge=0, lt=1)

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """Not asked: the amount is its own."""
        raise TypeError("the allocation 'layer-rates' is not told how much to remove")

    def amount(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked]) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        rates = [self.output if b.place == "last" else self.rate for b in blocks]
        return by_counts(
            blocks, ranked, [b.gone + count_removed(r, b.size - b.gone) for r, b in zip(rates, blocks, strict=True)]
        )


_FRANKLE = Reference(
    "Frankle, Carbin",
    2019,
    "The lottery ticket hypothesis: finding sparse, trainable neural networks",
    "ICLR",
    "1803.03635",
)
_STABLE = Reference(
    "Frankle, Dziugaite, Roy, Carbin", 2019, "Stabilizing the lottery ticket hypothesis", "preprint", "1903.01611"
)
_LEVELS = 15  # .8^15 = 3.5 %, near the 3.6 % at which the paper reports LeNet's ticket

PARTS = (LayerRates,)
RECIPES = (
    Recipe(
        name="lottery-ticket",
        space=Weights(),
        score=Magnitude(),
        allocation=Global(),
        schedule=Rounds(0.2, _LEVELS),
        recovery=Choice("weight-rewind", {"to": 0}),
        summary="at every level a fifth of what remains, the smallest weights; survivors go back to their first values",
        formula="repeat: train; remove the 20 % of the remaining weights with the smallest |w|; reset the others to θ₀",
        reference=_FRANKLE,
    ),
    Recipe(
        name="lottery-ticket-layers",
        space=Weights(),
        score=Magnitude(),
        allocation=LayerRates(),
        schedule=Levels(_LEVELS),
        recovery=Choice("weight-rewind", {"to": 0}),
        summary="the lottery ticket layer by layer, as for LeNet: a fifth of each layer, a tenth of the output layer",
        formula="repeat: train; of each layer remove the 20 % (output: 10 %) with the smallest |w|; reset to θ₀",
        reference=_FRANKLE,
    ),
    Recipe(
        name="stabilised-lottery-ticket",
        space=Weights(),
        score=Magnitude(),
        allocation=Global(),
        schedule=Rounds(0.2, _LEVELS),
        recovery=Choice("weight-rewind", {"to": 50}),
        summary="the lottery ticket whose survivors go back to an early step of training and not to the first",
        formula="repeat: train; remove the 20 % of the remaining weights with the smallest |w|; reset the others to θₖ",
        reference=_STABLE,
        differs="k is step 50 unless a recovery with another is given; the paper: .1 to 7 % of training",
    ),
)
