"""Layer densities known before any weight is looked at: Uniform+, ERK+, ratio maps; random and magnitude under them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.errors import SpecError
from pruneviz.core.options import option
from pruneviz.pruning.allocations import Erk, Uniform, by_counts
from pruneviz.pruning.apportion import apportion
from pruneviz.pruning.parts import Allocation, Block
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import Magnitude, Random
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.pruning.smallest import Ranked

_GALE = Reference(
    "Gale, Elsen, Hooker", 2019, "The state of sparsity in deep neural networks", "preprint", "1902.09574"
)
_EVCI = Reference(
    "Evci, Gale, Menick, Castro, Elsen", 2020, "Rigging the lottery: making all tickets winners", "ICML", "1911.11134"
)
_LIU = Reference(
    "Liu, Chen, Chen, Shen, Mocanu, Wang, Pechenizkiy",
    2022,
    "The unreasonable effectiveness of random pruning: return of the most naive baseline for sparse training",
    "ICLR",
    "2202.02643",
)


@dataclass(frozen=True)
class UniformPlus(Allocation):
    """Uniform, but the first convolution stays dense and the last linear layer keeps a fifth (Gale et al. 2019).

    The other layers lose what these do not, by one common fraction. A first layer that is linear is not spared, since
    in a multi-layer perceptron it is most of the network; neither is a last layer that is a convolution.
    """

    name: ClassVar[str] = "uniform-plus"
    summary: ClassVar[str] = "uniform, but the first convolution stays dense and the last linear layer keeps a fifth"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    last: float = option(0.2, "least density of the last linear layer", ge=0, le=1)

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        counts = apportion([b.size for b in blocks], remove, [b.gone for b in blocks], self._most(blocks))
        return by_counts(blocks, ranked, counts)

    def most(self, blocks: Sequence[Block]) -> int:
        """How many units can be removed at most."""
        return sum(self._most(blocks))

    def _most(self, blocks: Sequence[Block]) -> list[int]:
        most = []
        for b in blocks:
            spared = 0
            if b.place == "first" and len(b.dense_shape) > 2:
                spared = b.size
            elif b.place == "last" and len(b.dense_shape) == 2:
                spared = math.ceil(self.last * b.size - 1e-9)
            most.append(max(b.gone, min(b.most, b.size - spared)))
        return most


@dataclass(frozen=True)
class ErkPlus(Erk):
    """ERK with the last linear layer dense, the number of kept weights being the same (Liu et al. 2022, section 3)."""

    name: ClassVar[str] = "erk-plus"
    summary: ClassVar[str] = "ERK, but the last linear layer stays dense"

    def most(self, blocks: Sequence[Block]) -> int:
        """How many units can be removed at most."""
        return sum(self._most(blocks))

    def _most(self, blocks: Sequence[Block]) -> list[int]:
        return [b.gone if b.place == "last" and len(b.dense_shape) == 2 else b.most for b in blocks]


@dataclass(frozen=True)
class RatioMap(Allocation):
    """What is removed of each layer or group, in proportion to given ratios.

    The ratios are multiplied by one common factor, none beyond what can be removed, until the target is met exactly.
    A layer of ratio 0 is never pruned.
    """

    name: ClassVar[str] = "ratio-map"
    summary: ClassVar[str] = "in proportion to ratios given for each layer or group"
    units: ClassVar[tuple[str, ...]] = ("weight", "channel")

    ratios: tuple[float, ...] = option(
        (), "removed fraction of each layer or group in the order they run, up to a common factor; absent: equal", ge=0
    )

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        rates = [r * b.size for r, b in zip(self._of(blocks), blocks, strict=True)]
        counts = apportion(rates, remove, [b.gone for b in blocks], self._most(blocks))
        return by_counts(blocks, ranked, counts)

    def most(self, blocks: Sequence[Block]) -> int:
        """How many units can be removed at most.

        Raises:
            SpecError: there are not as many ratios as blocks.
        """
        return sum(self._most(blocks))

    def _most(self, blocks: Sequence[Block]) -> list[int]:
        return [b.most if r > 0 else b.gone for r, b in zip(self._of(blocks), blocks, strict=True)]

    def _of(self, blocks: Sequence[Block]) -> tuple[float, ...]:
        if not self.ratios:
            return (1.0,) * len(blocks)
        if len(self.ratios) != len(blocks):
            names = ", ".join(b.name for b in blocks)
            raise SpecError("allocation ratio-map: ratios", list(self.ratios), f"{len(blocks)} numbers, for {names}")
        return self.ratios


def _recipe(name: str, allocation: Allocation, summary: str, formula: str, reference: Reference | None) -> Recipe:
    score = Random() if name.startswith("random") else Magnitude()
    return Recipe(
        name=name,
        space=Weights(),
        score=score,
        allocation=allocation,
        schedule=OneShot(),
        summary=summary,
        formula=formula,
        reference=reference,
        untrained=name.startswith("random"),
    )


_ERK = "density_l = ε · Σ_i shape_i / Π_i shape_i, at most 1"
PARTS = (UniformPlus, ErkPlus, RatioMap)
RECIPES = (
    _recipe(
        "random-uniform",
        Uniform(),
        "random weights, the same fraction of every layer",
        "of every layer remove the fraction s at random",
        _LIU,
    ),
    _recipe(
        "random-uniform-plus",
        UniformPlus(),
        "random weights; first convolution dense, last linear layer at least a fifth",
        "d_first = 1, d_last ≥ .2, the other layers alike; within a layer at random",
        _LIU,
    ),
    _recipe(
        "random-erk-plus",
        ErkPlus(),
        "random weights, layer densities by ERK with the last linear layer dense",
        f"{_ERK}, d_last = 1; within a layer at random",
        _LIU,
    ),
    _recipe(
        "magnitude-uniform",
        Uniform(),
        "the smallest weights of every layer, the same fraction of each",
        "of every layer remove the fraction s with the smallest |w|",
        _GALE,
    ),
    _recipe(
        "magnitude-uniform-plus",
        UniformPlus(),
        "the smallest weights of every layer; first convolution dense, last linear layer at least a fifth",
        "d_first = 1, d_last ≥ .2, the other layers alike; within a layer the smallest |w|",
        _GALE,
    ),
    _recipe(
        "magnitude-erk",
        Erk(),
        "the smallest weights of every layer, layer densities by the Erdős-Rényi-Kernel rule",
        f"{_ERK}; within a layer remove the smallest |w|",
        _EVCI,
    ),
    _recipe(
        "magnitude-erk-plus",
        ErkPlus(),
        "the smallest weights of every layer, densities by ERK with the last linear layer dense",
        f"{_ERK}, d_last = 1; within a layer remove the smallest |w|",
        _LIU,
    ),
)
