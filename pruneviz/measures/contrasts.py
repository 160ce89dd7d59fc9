"""Which methods differ from a control, once a test finds that they differ at all, and which cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
PLAIN_MAGNITUDE = {"weight": "magnitude", "nm": "nm-magnitude", "channel": "l1-filter"}
"""By what is removed, the method that others are compared with beside the random control."""


def rank_contrasts(mean_ranks: npt.ArrayLike, n: int, pairs: Sequence[tuple[int, int]]) -> Floats:
    """Two-sided p-values that two methods have the same mean rank, not yet corrected for their number.

    z = (R_i − R_j) / √(k (k + 1) / (6 n)), normal (Demšar 2006, Journal of Machine Learning Research 7, section
    3.2.2). The variance is that of ranks without ties, which is the largest, so ties make the test cautious.

    Args:
        mean_ranks: (k,), each method's mean rank over the paired replicates.
        n: paired replicates.
        pairs: the methods compared, by their places.

    Raises:
        ValueError: fewer than 2 methods or 1 replicate.
    """
    from scipy.special import ndtr

    ranks = np.asarray(mean_ranks, np.float64)
    k = len(ranks)
    if k < 2 or n < 1:
        raise ValueError(f"contrasts need at least 2 methods and 1 replicate, got {k} and {n}")
    error = math.sqrt(k * (k + 1) / (6 * n))
    z = np.array([(ranks[i] - ranks[j]) / error for i, j in pairs], dtype=np.float64)
    found: Floats = 2 * ndtr(-np.abs(z))
    return found


def tiers(values: npt.ArrayLike, level: float = 0.95) -> tuple[int, ...]:
    """Groups of methods that cannot be told apart from the best of their group, 1 the highest.

    In the order of their means, a method opens a new tier where the paired t interval of its difference to the tier's
    first excludes 0. Intervals are simultaneous over all pairs (Bonferroni), whichever come first by chance: where
    methods are alike, more than one tier is found with a probability of at most 1 − level.

    Args:
        values: (n, k), a row per paired replicate, a column per method; higher is better.
        level: in (0, 1).

    Raises:
        ValueError: fewer than 2 replicates, no method, or values that are not finite.
    """
    from scipy.special import stdtrit

    v = np.asarray(values, np.float64)
    if v.ndim != 2 or v.shape[0] < 2 or not v.shape[1] or not np.isfinite(v).all():
        raise ValueError(f"tiers need finite values of at least 2 replicates and 1 method, got shape {v.shape}")
    n, k = v.shape
    wide = float(stdtrit(n - 1, 1 - (1 - level) / max(k * (k - 1), 1)))
    found, first, tier = [0] * k, -1, 0
    for i in np.argsort(-v.mean(axis=0), kind="stable"):
        if first >= 0:
            behind = v[:, first] - v[:, i]
            opens = float(behind.mean()) > wide * float(behind.std(ddof=1)) / math.sqrt(n)
        if first < 0 or opens:
            first, tier = int(i), tier + 1
        found[int(i)] = tier
    return tuple(found)
