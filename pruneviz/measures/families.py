"""Comparisons that are told together: what is called found survives their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pruneviz.measures.statistics import Interval, holm

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Judged:
    """What may be said of one comparison among others.

    Attributes:
        sign: 1 or −1 where it is found above or below 0 after Holm's correction; else 0.
        alone: whether its own interval leaves out 0, but it is not found among the others.
        p: Holm's adjusted p-value.
        among: comparisons judged together.
    """

    sign: int
    alone: bool
    p: float
    among: int


def judge(
    intervals: Mapping[Key, Interval], question: Callable[[Key], Hashable] = lambda key: None
) -> dict[Key, Judged]:
    """Hold comparisons against 0 and correct for their number (Holm), so that few are found where there is nothing.

    With a probability of at least the level, nothing is found in a family of comparisons that are all 0, however
    their intervals depend on each other. A reader who looks at the most striking of many intervals has no such
    assurance, which is why sentences choose by this.

    Args:
        intervals: all that the reader is told of, or might have been, by any key; those without ends are left out of
            the result and of the count.
        question: what a key's comparison asks; those that ask the same are a family. One family of all, when absent.
    """
    families: dict[Hashable, dict[Key, Interval]] = {}
    for key, interval in intervals.items():
        if interval.shown:
            families.setdefault(question(key), {})[key] = interval
    found = {}
    for own in families.values():
        for (key, i), p in zip(own.items(), holm(np.array([i.p for i in own.values()])), strict=True):
            outside = i.low > 0 or i.high < 0
            holds = outside and bool(p < 1 - i.level)
            sign = int(math.copysign(1, i.mean)) if holds else 0
            found[key] = Judged(sign, outside and not holds, float(p), len(own))
    return {key: found[key] for key in intervals if key in found}
