"""Dividing a whole number over layers in proportion, exactly and without paradoxes."""

from __future__ import annotations

import math
from collections.abc import Sequence


def apportion(rates: Sequence[float], total: int, low: Sequence[int], high: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to ``rates``, within bounds, that add up to ``total`` exactly.

    With a common factor f, layer i gets f · rate_i rounded to the nearest whole number (halves upwards) and clipped
    to its bounds; f is solved so that the sum is the total (Webster's method, with bounds). So layers that reach a
    bound stay there while the others share the rest, and, unlike with largest remainders, no layer's number ever
    falls when the total rises. Where one factor fits several layers at once, the first get one more.

    A layer whose rate is 0 stays at its lower bound until all others are at their upper one; such layers then share
    in proportion to what they can still take.

    Raises:
        ValueError: the total is outside the sums of the bounds.
    """
    if not sum(low) <= total <= sum(high):
        raise ValueError(f"{total} is outside {sum(low)} … {sum(high)}")
    reachable = sum(h if r > 0 else lo for r, lo, h in zip(rates, low, high, strict=True))
    if total > reachable:
        spare = [0.0 if r > 0 else float(h - lo) for r, lo, h in zip(rates, low, high, strict=True)]
        floor = [h if r > 0 else lo for r, lo, h in zip(rates, low, high, strict=True)]
        return apportion(spare, total, floor, high)

    def counts(f: float) -> list[int]:
        return [min(max(math.floor(f * r + 0.5), lo), h) for r, lo, h in zip(rates, low, high, strict=True)]

    below, above = 0.0, max((h + 1) / r for r, h in zip(rates, high, strict=True) if r > 0) if any(rates) else 0.0
    while below < (middle := (below + above) / 2) < above:  # until the two are neighbouring floats
        if sum(counts(middle)) <= total:
            below = middle
        else:
            above = middle
    found = counts(below)
    for _ in range(total - sum(found)):  # layers that one factor takes to the next number together
        open_ = [i for i, h in enumerate(high) if found[i] < h and rates[i] > 0]
        found[min(open_, key=lambda i: (found[i] + 0.5) / rates[i])] += 1
    return found
