"""Which methods differ from a control, once Friedman's test has found that the methods differ at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


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
