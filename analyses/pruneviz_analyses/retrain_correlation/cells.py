"""Which filters are removed together: the layers of a cell, and their sets of filters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import SpecError, Unsupported, nearest
from pruneviz.core.keys import digest
from pruneviz.core.quantities import count_removed

if TYPE_CHECKING:
    from pruneviz.core.analysis import Seen
    from pruneviz.pruning.channels import ChannelUnits

PLUS = "+"
_EACH = 40  # relabellings for each test, so that the least p there can be stays below 5 % after Holm's correction
LEAST = 3  # sets of filters: with fewer nothing can be ranked

Set = tuple[tuple[int, ...], ...]  # of each layer, the filters removed


def layers_of(name: str) -> tuple[str, ...]:
    """The layers of a cell, as the study writes them: ``conv1``, or ``conv1+conv2`` for both together."""
    return tuple(part.strip() for part in name.split(PLUS))


@dataclass(frozen=True)
class Cell:
    """Layers of one model, and how many filters each loses.

    Attributes:
        groups: names of the layers' channel groups.
        sizes: filters of each.
        counts: filters removed of each.
    """

    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    counts: tuple[int, ...]

    def relabelled(self, removed: Set, seed: int) -> Set:
        """What becomes of a set when the filters of each layer get each other's labels, as the seed has it."""
        rng = np.random.default_rng(seed)
        orders = [rng.permutation(n) for n in self.sizes]
        return tuple(tuple(sorted(order[list(part)].tolist())) for order, part in zip(orders, removed, strict=True))

    @property
    def number(self) -> int:
        """How many sets of filters there are."""
        return math.prod(math.comb(n, k) for n, k in zip(self.sizes, self.counts, strict=True))

    def sets(self, most: int, seed: int) -> list[Set]:
        """All sets where there are no more than ``most``, else as many different ones, drawn evenly."""
        if self.number <= most:
            each = (itertools.combinations(range(n), k) for n, k in zip(self.sizes, self.counts, strict=True))
            return list(itertools.product(*each))
        rng = np.random.default_rng(seed)
        drawn: dict[Set, None] = {}
        while len(drawn) < most:
            sizes = zip(self.sizes, self.counts, strict=True)
            drawn[tuple(tuple(sorted(rng.choice(n, k, replace=False).tolist())) for n, k in sizes)] = None
        return list(drawn)


def cell_of(seen: Seen, units: ChannelUnits, name: str, ratio: float) -> Cell:
    """The cell that a study's layer and ratio mean for a model.

    Raises:
        SpecError: the model has no such layer, or the ratio removes none or all of its filters.
        Unsupported: the layer's filters cannot be removed, or there are fewer than three sets of them.
    """
    where = "[analyses] retrain_correlation"
    groups, sizes, counts = [], [], []
    for layer in layers_of(name):
        found = next((g for g in units.groups if layer in g.makers), None)
        if found is None:
            raise _no_such(seen, units, layer, where)
        if found.name in groups:
            remedy = "Name one of them."
            raise SpecError(f"{where} layers", name, "layers that can lose filters apart from each other", remedy)
        count = count_removed(ratio, found.size)
        if not 0 < count < found.size:
            remedy = f"{layer!r} has {found.size}: {ratio:g} of them are {count}."
            raise SpecError(f"{where} ratios", ratio, "a ratio that removes some filters and keeps some", remedy)
        groups.append(found.name)
        sizes.append(found.size)
        counts.append(count)
    cell = Cell(tuple(groups), tuple(sizes), tuple(counts))
    if cell.number < LEAST:
        raise Unsupported(
            f"retrain_correlation: {name} at {ratio:g} has {cell.number} sets of filters; {LEAST} or more are needed "
            "to rank them. Choose a layer with more filters, or another ratio."
        )
    return cell


def _no_such(seen: Seen, units: ChannelUnits, layer: str, where: str) -> Exception:
    allowed = [m for g in units.groups for m in g.makers]
    known = [info.module for info in seen.info.layers]
    if layer not in known:
        return SpecError(f"{where} layers", layer, ", ".join(allowed), nearest(layer, allowed))
    why = "they are the classes" if layer == seen.info.classifier else "; ".join(units.notes) or "nothing reads them"
    return Unsupported(
        f"retrain_correlation: the filters of {layer} cannot be removed: {why}. Choose of {', '.join(allowed)}."
    )


def text_of(removed: Set) -> str:
    """A set of filters as the tables write it: ``0 3 7``, or ``0 3 + 1`` of two layers."""
    return f" {PLUS} ".join(" ".join(map(str, part)) for part in removed)


def set_of(text: str) -> Set:
    """The set of filters that :func:`text_of` wrote."""
    return tuple(tuple(int(n) for n in part.split()) for part in text.split(PLUS))


def members(sets: Sequence[Set], sizes: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which of all layers' filters each set removes, (sets, filters)."""
    out = np.zeros((len(sets), sum(sizes)), dtype=np.bool_)
    starts = np.cumsum([0, *sizes[:-1]])
    for row, removed in enumerate(sets):
        for start, part in zip(starts, removed, strict=True):
            out[row, [start + i for i in part]] = True
    return out


def seed_of(*parts: Any) -> int:
    """A seed of 31 bits that follows from plain values."""
    return int(digest(list(parts))[:8], 16) & 0x7FFFFFFF


def enough_relabellings(asked: int, tests: int) -> int:
    """Relabellings of which each of so many tests, corrected for each other, can still find something."""
    return max(asked, _EACH * tests)


def fixed_images(count: int, wanted: int, seed: int) -> npt.NDArray[np.int64]:
    """Places of the training images that losses are taken on: the same for all models of a study."""
    order = np.random.default_rng(seed).permutation(count)[:wanted]
    return np.sort(order).astype(np.int64)


def blocks(count: int, size: int) -> Iterator[slice]:
    """Pieces of at most ``size``."""
    return (slice(start, start + size) for start in range(0, count, size))
