"""Kendall's τ-b between what is known before and what comes after, over subsets that share their members.

Subsets of one set of filters are no independent draws, so the usual p-value of τ is far too small. What can be
exchanged are the filters' labels: the test here relabels the filters in one of the two quantities only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CEILING_LEAST = 0.3  # a noise ceiling below it says that nothing can be measured
WEAK = 0.2  # |τ| up to which Feng, Tao & Wang 2024 call a correlation weak
CLOSE = 1e-9  # statistics this close are equal: their last digits depend on the order of summing

_BLOCK = 1 << 22  # signs held at a time
_EXACT = 5040  # 7!: up to so many relabellings all are tried


def kendall(x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
    """Kendall's τ-b (Kendall 1945, Biometrika 33) of each of some rankings with each of some others.

    τ-b = (C − D) / √((P − T_x)(P − T_y)) with C concordant and D discordant of P pairs, T_x and T_y those tied.

    Args:
        x: (A, n) or (n,).
        y: (B, n) or (n,).

    Returns:
        (A, B), in [−1, 1]; NaN where either ranking is constant, has fewer than 2 values or is not finite.
    """
    a, b = np.atleast_2d(np.asarray(x, np.float64)), np.atleast_2d(np.asarray(y, np.float64))
    n = a.shape[1]
    if b.shape[1] != n:
        raise ValueError(f"rankings of {n} and {b.shape[1]} values cannot be compared")
    first, second = np.triu_indices(n, 1)
    out = np.full((len(a), len(b)), np.nan)
    if not len(first):
        return out
    right = np.sign(b[:, first] - b[:, second])
    step = max(1, _BLOCK // len(first))
    for start in range(0, len(a), step):
        block = a[start : start + step]
        left = np.sign(block[:, first] - block[:, second])
        untied = np.sqrt(np.outer((left != 0).sum(axis=1), (right != 0).sum(axis=1)))
        with np.errstate(invalid="ignore", divide="ignore"):
            out[start : start + step] = (left @ right.T) / untied
    out[~np.isfinite(a).all(axis=1)] = np.nan
    out[:, ~np.isfinite(b).all(axis=1)] = np.nan
    return out


def tau(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """:func:`kendall` of two rankings, each (n,)."""
    return float(kendall(x, y)[0, 0])


def published_p(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """The p-value that is published with τ: SciPy's, which takes subsets for independent draws.

    They are not, so it is shown 'as published' and nothing is concluded from it.
    """
    from scipy.stats import kendalltau

    return float(kendalltau(np.asarray(x, np.float64), np.asarray(y, np.float64)).pvalue)


def relabelled(
    members: Bools, chosen: npt.ArrayLike, sizes: Sequence[int], permutations: int, seed: int
) -> npt.NDArray[np.int64]:
    """Where the chosen subsets go when the filters get each other's labels.

    Args:
        members: (S, n), which of the n filters each of all subsets removes; every subset that a relabelling can
            give must be among them.
        chosen: (D,), rows of ``members``.
        sizes: how many of the n filters belong to each layer, in order; labels are exchanged within layers.
        permutations: P, draws.
        seed: of the draws.

    Returns:
        (P, D) rows of ``members``.

    Raises:
        ValueError: a relabelled subset is not among them.
    """
    rng = np.random.default_rng(seed)
    n = members.shape[1]
    # A subset's number is the sum of its filters', modulo 2⁶⁴.
    weights = np.frombuffer(rng.bytes(8 * n), np.uint64)
    numbers: npt.NDArray[np.uint64] = members.astype(np.uint64) @ weights
    order = np.argsort(numbers)
    ends = np.cumsum(sizes)
    if sum(sizes) != n or len(np.unique(numbers)) < len(numbers):
        raise ValueError("the layers' sizes do not add up to the filters, or two subsets are the same")
    taken = members[np.asarray(chosen, np.int64)].astype(np.uint64)
    shuffled = np.empty((permutations, n), np.uint64)
    for start, stop in zip(ends - np.asarray(sizes), ends, strict=True):
        shuffled[:, start:stop] = rng.permuted(np.tile(weights[start:stop], (permutations, 1)), axis=1)
    wanted = shuffled @ taken.T
    at = np.minimum(np.searchsorted(numbers, wanted, sorter=order), len(numbers) - 1)
    rows = order[at]
    if (numbers[rows] != wanted).any():
        raise ValueError("the subsets are not all subsets of their size, so filters cannot be relabelled")
    return rows


def relabelling_p(before: npt.ArrayLike, relabelled: npt.ArrayLike, after: npt.ArrayLike) -> Floats:
    """Two-sided p-values of τ between a quantity of some subsets before and others after.

    Under the hypothesis that what comes after has nothing to do with what is known before, any relabelling of the
    filters in the one is as likely as any other: p = (1 + #{|τ of a relabelling| ≥ |τ|}) / (1 + relabellings).
    Exact where the choice of subsets does not depend on ``before``; where it is stratified by it, of all subsets or of
    some that were drawn, simulated at its level (``tests/measures/test_rank_correlation.py``).

    Args:
        before: (D,), of the subsets, finite.
        relabelled: (P, D), of what each relabelling makes of them, finite.
        after: (K, D), of the subsets; rows that are not finite or constant get NaN.

    Returns:
        (K,).
    """
    y = np.atleast_2d(np.asarray(after, np.float64))
    seen = np.abs(kendall(before, y)[0])
    drawn = np.abs(kendall(relabelled, y))
    p = (1 + np.count_nonzero(drawn >= seen - CLOSE, axis=0)) / (1 + len(drawn))
    return np.where(np.isfinite(seen), p, np.nan)


def noise_ceiling(repeats: npt.ArrayLike) -> float:
    """Mean τ between independent repeats of the same subsets: how far an outcome repeats.

    It is the agreement of single repeats. Their mean is steadier, and can be predicted better than one repeat by
    another: where two repeats agree by .39, what they have in common has a τ of about .65 with their mean.

    Args:
        repeats: (R, D); pairs of repeats in which one is constant or not finite do not count.

    Returns:
        In [−1, 1]; NaN with fewer than two repeats.
    """
    values = np.atleast_2d(np.asarray(repeats, np.float64))
    pairs = kendall(values, values)[np.triu_indices(len(values), 1)]
    pairs = pairs[np.isfinite(pairs)]
    return float(pairs.mean()) if len(pairs) else math.nan


def anomaly_ratio(before: npt.ArrayLike, after: npt.ArrayLike, better: str) -> float:
    """Share of subsets that end strictly better than the one with the least loss before (the first of equals).

    Args:
        before: (D,), losses before retraining.
        after: (D,), results after it.
        better: ``high`` or ``low``: which results are the better ones.

    Returns:
        In [0, 1): of all D subsets, the least one among them, as published.
    """
    y = np.asarray(after, np.float64)
    least = y[int(np.argmin(np.asarray(before, np.float64)))]
    return float(np.mean(y > least if better == "high" else y < least))


def shared_label_p(before: npt.ArrayLike, after: npt.ArrayLike, permutations: int, seed: int) -> float:
    """Two-sided p-value of the mean τ over several blocks that rank the same things.

    The labels of the things are exchanged in ``before``, in all blocks alike: the blocks (dense models) say how
    well each ranking is known, the things (methods) are what could have been others. All k! exchanges are tried
    where they are few, else some are drawn.

    Args:
        before: (B, k).
        after: (B, k).
        permutations: draws, where k! is more than 5,040.
        seed: of the draws.

    Returns:
        NaN where no block has a τ.
    """
    x, y = np.asarray(before, np.float64), np.asarray(after, np.float64)
    own = np.diagonal(kendall(x, y))
    use = np.isfinite(own)
    if not use.any():
        return math.nan
    seen = abs(float(own[use].mean()))
    orders = np.array(list(_orders(x.shape[1], permutations, seed)))
    drawn = np.mean([kendall(a[orders], b)[:, 0] for a, b in zip(x[use], y[use], strict=True)], axis=0)
    exact = math.factorial(x.shape[1]) <= _EXACT
    hits = int(np.count_nonzero(np.abs(drawn) >= seen - CLOSE))
    return hits / len(orders) if exact else (1 + hits) / (1 + len(orders))


def _orders(k: int, permutations: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    if math.factorial(k) <= _EXACT:
        yield from (np.array(order) for order in itertools.permutations(range(k)))
        return
    rng = np.random.default_rng(seed)
    yield from (rng.permutation(k) for _ in range(permutations))


def stratified_order(values: npt.ArrayLike, strata: int, seed: int) -> npt.NDArray[np.int64]:
    """An order of all things in which every beginning is spread over the values: the least, then by strata in turn.

    Things are cut into strata of (nearly) equal size by rank; the order takes one of each in turn, at random within
    them. So more can be looked at later without another choice.

    Args:
        values: (n,); what is not finite is left out.
        strata: how many.
        seed: of the draws.

    Returns:
        Places in ``values``.
    """
    v = np.asarray(values, np.float64)
    finite = np.flatnonzero(np.isfinite(v))
    if not len(finite):
        return finite
    ranked = finite[np.argsort(v[finite], kind="stable")]
    rng = np.random.default_rng(seed)
    piles = [list(rng.permutation(pile)) for pile in np.array_split(ranked, strata)]
    piles[0].remove(ranked[0])
    turns = itertools.chain.from_iterable(itertools.zip_longest(*[[ranked[0], *piles[0]], *piles[1:]]))
    return np.array([place for place in turns if place is not None], np.int64)
