"""Neighbours and their changes by plain loops, and Procrustes by trying."""

from __future__ import annotations

import math


def distance(a, b):
    return math.sqrt(sum((float(u) - float(v)) ** 2 for u, v in zip(a, b, strict=True)))


def nearest(features, k):
    """The positions of the k nearest others of each, nearest first, of equals the first."""
    out = []
    for i, a in enumerate(features):
        others = sorted((distance(a, b), j) for j, b in enumerate(features) if j != i)
        out.append([j for _, j in others[:k]])
    return out


def change(before, after):
    """1 − Jaccard's index of each row's sets."""
    pairs = zip(before, after, strict=True)
    return [1 - len(set(a) & set(b)) / len(set(a) | set(b)) for a, b in pairs]
