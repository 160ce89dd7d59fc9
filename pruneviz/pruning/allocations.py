"""Allocations: how the amount to remove is divided over the layers or groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.apportion import apportion
from pruneviz.pruning.parts import Allocation, Block

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.pruning.smallest import Ranked


@dataclass(frozen=True)
class Global(Allocation):
    """One ranking over all blocks; of a channel group, the highest-ranked channel always stays."""

    name: ClassVar[str] = "global"
    summary: ClassVar[str] = "one ranking over all layers"
    units: ClassVar[tuple[str, ...]] = ("weight", "channel", "block")

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        from pruneviz.pruning.smallest import smallest

        return smallest({b.name: _keeping(b, ranked[b.name]) for b in blocks}, remove)


@dataclass(frozen=True)
class Uniform(Allocation):
    """The same fraction of every block, as near as whole numbers allow."""

    name: ClassVar[str] = "uniform"
    summary: ClassVar[str] = "the same fraction of every layer"
    units: ClassVar[tuple[str, ...]] = ("weight", "channel")

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        counts = apportion([b.size for b in blocks], remove, [b.gone for b in blocks], [b.most for b in blocks])
        return by_counts(blocks, ranked, counts)


@dataclass(frozen=True)
class GlobalFloor(Allocation):
    """Global, with a floor of kept weights in every layer (Gupta et al. 2022, "Global MP with MT").

    With MT = int(fraction · prunable weights): layers of fewer than MT weights stay dense. The sparsities that the
    global ranking gives the others are multiplied by one common factor until the target is met, none of them beyond
    what leaves MT weights. Within a layer its smallest scores go.
    """

    name: ClassVar[str] = "global-floor"
    summary: ClassVar[str] = "one ranking over all layers, but every layer keeps a least number of weights"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    fraction: float = option(0.0005, "least number kept in a layer, as a fraction of all weights", ge=0, le=0.5)

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        chosen = Global()(blocks, ranked, remove)
        counts = [int(chosen[b.name].sum()) for b in blocks]
        most = self._most(blocks)
        if all(n <= m for n, m in zip(counts, most, strict=True)):
            return chosen
        return by_counts(blocks, ranked, apportion(counts, remove, [b.gone for b in blocks], most))

    def most(self, blocks: Sequence[Block]) -> int:
        """How many units can be removed at most."""
        return sum(self._most(blocks))

    def _most(self, blocks: Sequence[Block]) -> list[int]:
        floor = int(self.fraction * sum(b.size for b in blocks))
        return [max(b.gone, min(b.most, b.size - floor)) if b.size >= floor else b.gone for b in blocks]


@dataclass(frozen=True)
class Erk(Allocation):
    """Erdős–Rényi-Kernel densities (Evci et al. 2020, RigL, after Mocanu et al. 2018).

    A layer keeps the fraction ε · Σ_i shape_i / Π_i shape_i of its weights. Layers whose fraction exceeds 1 stay
    dense and ε is solved again for the others, until the total is met.
    """

    name: ClassVar[str] = "erk"
    summary: ClassVar[str] = "denser the smaller a layer is: density ∝ Σ shape / Π shape"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        # density · weights = ε · Σ shape_i: what a layer keeps is in proportion to Σ shape_i, at most all of it.
        rates = [sum(b.dense_shape) * b.size / math.prod(b.dense_shape) for b in blocks]
        keep = sum(b.size for b in blocks) - remove
        least = [b.size - m for b, m in zip(blocks, self._most(blocks), strict=True)]
        kept = apportion(rates, keep, least, [b.size - b.gone for b in blocks])
        return by_counts(blocks, ranked, [b.size - n for b, n in zip(blocks, kept, strict=True)])

    def _most(self, blocks: Sequence[Block]) -> list[int]:
        return [b.most for b in blocks]


@dataclass(frozen=True)
class Pattern(Allocation):
    """The same number in every group of the N:M pattern; it belongs to that unit and has no choice."""

    name: ClassVar[str] = "pattern"
    summary: ClassVar[str] = "the same number in every group of M"
    units: ClassVar[tuple[str, ...]] = ("nm",)

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`; blocks are (groups, M), and every group loses as many."""
        from pruneviz.pruning.smallest import smallest_per_row

        groups = sum(b.shape[0] for b in blocks)
        return {b.name: smallest_per_row(ranked[b.name].scores, remove // groups, b.name) for b in blocks}


def by_counts(blocks: Sequence[Block], ranked: Mapping[str, Ranked], counts: Sequence[int]) -> dict[str, Tensor]:
    """The smallest scores of each block, so many of each."""
    from pruneviz.pruning.smallest import smallest

    marked: dict[str, Tensor] = {}
    for block, count in zip(blocks, counts, strict=True):
        marked |= smallest({block.name: ranked[block.name]}, count)
    return marked


def _keeping(block: Block, ranked: Ranked) -> Ranked:
    """The same ranking with the units that must stay put last, so that no count up to ``most`` reaches them."""
    from pruneviz.pruning.smallest import Ranked, smallest

    if not block.least:
        return ranked
    removable = smallest({block.name: ranked}, block.most)[block.name]
    return Ranked(ranked.scores.masked_fill(~removable, float("inf")))


ALLOCATIONS: dict[str, type[Allocation]] = {p.name: p for p in (Global, Uniform, GlobalFloor, Erk, Pattern)}
