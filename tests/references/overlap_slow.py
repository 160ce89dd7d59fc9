"""What two masks share by chance, by trying every pair of masks with the same counts in each layer."""

from __future__ import annotations

import itertools
import math


def masks(sizes, counts):
    """Every mask that keeps so many of each layer, as a set of (layer, unit)."""
    each = [itertools.combinations(range(n), k) for n, k in zip(sizes, counts, strict=True)]
    return [{(at, i) for at, part in enumerate(chosen) for i in part} for chosen in itertools.product(*each)]


def distribution(sizes, kept, other):
    """How often each number of common units occurs, as a share of all pairs of masks."""
    pairs = [len(a & b) for a in masks(sizes, kept) for b in masks(sizes, other)]
    return {n: pairs.count(n) / len(pairs) for n in sorted(set(pairs))}


def jaccard(sizes, kept, other):
    """Mean and standard deviation of the Jaccard index over those pairs."""
    each = [len(a & b) / len(a | b) for a in masks(sizes, kept) for b in masks(sizes, other)]
    mean = sum(each) / len(each)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in each) / len(each))
