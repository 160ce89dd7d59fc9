"""How much two masks have in common, beside what masks that keep as many of each layer have in common by chance.

Methods agree on how much of each layer to keep long before they agree on which weights: where both keep a tenth of one
layer and all of another, masks drawn blindly overlap already. So chance is conditioned on both masks' counts in every
layer; within a layer, what both keep is then hypergeometric, and over layers it is a sum of independent counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NOTHING = 1e-20  # probabilities below it are cut off the ends


@dataclass(frozen=True, eq=False)
class Chance:
    """The distribution of how many units two masks both keep, if they are drawn blindly with these counts.

    Attributes:
        first: the least number that has a probability here.
        probabilities: (K,), of ``first``, ``first`` + 1, …; they sum to 1.
    """

    first: int
    probabilities: Floats

    @property
    def counts(self) -> Floats:
        """(K,), the numbers."""
        return self.first + np.arange(len(self.probabilities), dtype=np.float64)

    def mean_of(self, values: Floats) -> tuple[float, float]:
        """Expectation and standard deviation of what has these values at :attr:`counts`."""
        mean = float(values @ self.probabilities)
        return mean, math.sqrt(max(float((values - mean) ** 2 @ self.probabilities), 0.0))

    def range(self, level: float) -> tuple[float, float]:
        """The numbers between which a share of at least ``level`` lies, the same left out at most on both sides."""
        below = np.cumsum(self.probabilities)
        tail = (1 - level) / 2
        low = int(np.searchsorted(below, tail, side="right"))
        high = int(np.searchsorted(below, 1 - tail, side="left"))
        last = len(below) - 1
        return float(self.first + min(low, last)), float(self.first + min(high, last))

    def p(self, both: int) -> float:
        """Two-sided probability of a number as far out as this, twice that of the nearer tail; exact down to 1e-15."""
        counts = self.counts
        tails = (float(self.probabilities[counts >= both].sum()), float(self.probabilities[counts <= both].sum()))
        return min(1.0, 2 * min(tails))


@dataclass(frozen=True)
class Overlap:
    """Two masks compared.

    Attributes:
        kept, other_kept: units that each keeps.
        both: units that both keep.
        jaccard: of the units that either keeps, the share that both keep; NaN where neither keeps any.
        chance, chance_sd: expectation and standard deviation of that share for masks drawn blindly, given the layers'
            counts; exact.
        low, high: the range of such masks, at a level.
        p: two-sided probability that such masks share as many units.
        excess: (both − expected) / (most − expected), where most is what the counts allow: 0 as by chance, 1 as much
            as can be, negative below chance. NaN where the counts leave no choice.
    """

    kept: int
    other_kept: int
    both: int
    jaccard: float
    chance: float
    chance_sd: float
    low: float
    high: float
    p: float
    excess: float


def chance(sizes: Sequence[int], kept: Sequence[int], other: Sequence[int]) -> Chance:
    """The exact distribution of how many units both masks keep, given each layer's size and both masks' counts.

    Raises:
        ValueError: counts do not fit the sizes, or there is no layer.
    """
    if not len(sizes) == len(kept) == len(other) or not len(sizes):
        raise ValueError("needs a size and two counts for each of at least one layer")
    if any(not (0 <= a <= n and 0 <= b <= n) for n, a, b in zip(sizes, kept, other, strict=True)):
        raise ValueError("a mask keeps between none and all units of a layer")
    first, found = 0, np.ones(1)
    for n, a, b in zip(sizes, kept, other, strict=True):
        start, layer = _hypergeometric(n, a, b)
        cut, found = _trimmed(np.convolve(found, layer))
        first += start + cut
    return Chance(first, found / found.sum())


def overlap(
    sizes: Sequence[int], kept: Sequence[int], other: Sequence[int], both: Sequence[int], level: float = 0.95
) -> Overlap:
    """Compare two masks by their counts in each layer.

    Args:
        sizes: units of each layer.
        kept, other: how many each mask keeps.
        both: how many both keep.
        level: of the range of chance.

    Raises:
        ValueError: the counts contradict each other.
    """
    if any(not max(0, a + b - n) <= i <= min(a, b) for n, a, b, i in zip(sizes, kept, other, both, strict=True)):
        raise ValueError("both masks cannot keep that many units, given how many each keeps")
    drawn = chance(sizes, kept, other)
    total, shared = sum(kept) + sum(other), sum(both)
    if total == 0:
        return Overlap(0, 0, 0, *[math.nan] * 7)
    mean, spread = drawn.mean_of(drawn.counts / (total - drawn.counts))
    low, high = drawn.range(level)
    expected = sum(a * b / n for n, a, b in zip(sizes, kept, other, strict=True) if n)
    room = sum(min(a, b) for a, b in zip(kept, other, strict=True)) - expected
    return Overlap(
        kept=sum(kept),
        other_kept=sum(other),
        both=shared,
        jaccard=shared / (total - shared),
        chance=mean,
        chance_sd=spread,
        low=low / (total - low),
        high=high / (total - high),
        p=drawn.p(shared),
        excess=(shared - expected) / room if room > 1e-9 * total else math.nan,
    )


def _hypergeometric(n: int, a: int, b: int) -> tuple[int, Floats]:
    """The least number of common units, and the probabilities from there on."""
    from scipy.special import gammaln

    first, last = max(0, a + b - n), min(a, b)
    i = np.arange(first, last + 1, dtype=np.float64)

    def choose(total: int | Floats, part: int | Floats) -> Floats:
        found: Floats = gammaln(np.add(total, 1.0)) - gammaln(np.add(part, 1.0)) - gammaln(np.subtract(total, part) + 1)
        return found

    logs = choose(a, i) + choose(n - a, b - i) - choose(n, b)
    cut, found = _trimmed(np.exp(logs))
    return first + cut, found / found.sum()  # the logarithms of large factorials lose some digits


def _trimmed(probabilities: Floats) -> tuple[int, Floats]:
    """Without the ends that are next to nothing, and how many are gone from the beginning."""
    there = np.flatnonzero(probabilities > _NOTHING)
    return int(there[0]), probabilities[there[0] : there[-1] + 1]
