"""In which pattern the weights of a layer were removed, as far as the mask shows it."""

from __future__ import annotations

import numpy as np

from pruneviz.core.masks import BoolArray

NM = ((2, 4), (1, 4), (4, 8), (2, 8), (1, 2))  # kept of so many beside each other, the likeliest first
_LEAST = 8  # groups, fewer of which could keep N of M by chance


def pattern_of(kept: BoolArray) -> str:
    """``2:4`` and the like, ``whole filters``, ``whole inputs``, ``single weights``; empty where nothing is removed.

    N:M means that of every M weights beside each other along a filter's inputs exactly N are kept. For convolutions
    the inputs are tried before the kernel (as hardware reads them) and flattened (as other libraries do).

    Args:
        kept: mask of one weight, first axis the outputs.
    """
    if kept.all():
        return ""
    rows = kept.reshape(kept.shape[0], -1)
    if _all_or_none(rows):
        return "whole filters"
    if kept.ndim > 1 and _all_or_none(np.moveaxis(kept, 1, 0).reshape(kept.shape[1], -1)):
        return "whole inputs"
    orders = [rows] if kept.ndim < 3 else [np.moveaxis(kept, 1, -1).reshape(-1, kept.shape[1]), rows]
    for n, m in NM:
        for of in orders:
            if of.shape[1] % m == 0 and of.size // m >= _LEAST and (of.reshape(-1, m).sum(axis=1) == n).all():
                return f"{n}:{m}"
    return "single weights"


def _all_or_none(rows: BoolArray) -> bool:
    return bool((rows.all(axis=1) | ~rows.any(axis=1)).all())
