"""What corruption costs a classifier: errors relative to a reference, and which corruptions say the same.

Definitions of the errors: Hendrycks & Dietterich 2019, Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations (ICLR), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST = 0.01  # a denominator below a point of accuracy divides noise
SURE = 5.0  # it must also be so many of its standard errors: its share of chance then moves the ratio by 4 % or less


def steady(denominator: Floats, draws: Floats, least: float = LEAST) -> npt.NDArray[np.bool_]:
    """Whether something may be divided by each denominator: large, and large beside its own standard error.

    Args:
        denominator: (...,) in [−1, 1].
        draws: (..., B) the same over draws of the images.
        least: the smallest one.
    """
    error = draws.std(axis=-1, ddof=1)
    found: npt.NDArray[np.bool_] = (denominator >= least) & (denominator >= SURE * error)
    return found


def ratio(numerator: Floats, denominator: Floats, allowed: npt.NDArray[np.bool_]) -> Floats:
    """Numerator over denominator where that is allowed, else NaN; ``allowed`` broadcasts."""
    top, below, keep = np.broadcast_arrays(numerator, denominator, allowed)
    out = np.full(top.shape, np.nan)
    # Draws of a denominator that is steady are not 0, but for luck in a million.
    np.divide(top, below, out=out, where=keep & (below != 0))
    return out


def correlation(values: Floats) -> Floats:
    """Pearson's correlations between the rows, (C, C); NaN for a row that does not vary, or with fewer than 3 columns.

    Args:
        values: (C, n), finite.
    """
    rows, n = values.shape
    out = np.full((rows, rows), np.nan)
    if n < 3:
        return out
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1))
    varies = length > 1e-12 * np.maximum(1.0, np.abs(values).max(axis=1, initial=0.0)) * np.sqrt(n)
    unit = centred[varies] / length[varies, None]
    out[np.ix_(varies, varies)] = np.clip(unit @ unit.T, -1.0, 1.0)
    out[varies, varies] = 1.0
    return out


def rank_correlation(values: Floats) -> Floats:
    """Spearman's correlations between the rows, (C, C), ties given their mean rank; NaN as for :func:`correlation`."""
    from scipy.stats import rankdata

    return correlation(np.asarray(rankdata(values, axis=1), np.float64) if values.size else values)


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which things say the same.

    Attributes:
        order: (C,) an order in which those that are alike stand together.
        cluster: (C,) the group of each, numbered from 0 along that order.
    """

    order: Ints
    cluster: Ints


def grouped(similarity: Floats, least: float) -> Grouping:
    """Groups whose members correlate by ``least`` or more on average: average linkage on 1 − r, cut at 1 − ``least``.

    A pair whose correlation is unknown counts as not correlated.

    Args:
        similarity: (C, C), symmetric, in [−1, 1]; NaN where unknown.
        least: in [−1, 1].
    """
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage

    count = len(similarity)
    if count < 2:
        return Grouping(np.arange(count), np.zeros(count, np.int64))
    first, second = np.triu_indices(count, 1)
    distance = 1.0 - np.nan_to_num(similarity[first, second], nan=0.0)
    tree = linkage(np.maximum(distance, 0.0), "average")
    order = leaves_list(tree).astype(np.int64)
    raw = fcluster(tree, 1.0 - least, "distance")
    number = {label: i for i, label in enumerate(dict.fromkeys(raw[order].tolist()))}
    return Grouping(order, np.array([number[k] for k in raw.tolist()], np.int64))


def mean_of(correlations: Sequence[Floats]) -> Floats:
    """Mean of correlation matrices, entry by entry over those that know it; NaN where none does."""
    stacked = np.stack([np.asarray(c, np.float64) for c in correlations])
    known = np.isfinite(stacked)
    count = known.sum(axis=0)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    out = np.full(total.shape, np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out
