"""How unevenly weights are spread: PQ index, the weights it says must stay, and Gini's index.

All three look along the last axis, so that one call measures every neuron of a layer, and at unmasked weights alone.
They depend on magnitudes only, and not on their scale.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_WHOLE = 1e-9  # a bound this close above a whole number, relatively, is that number: rounding must not add a weight


def pq_index(weights: npt.NDArray[np.floating], kept: Bools | None = None, *, p: float = 0.5, q: float = 1.0) -> Floats:
    """PQ index, 1 − d^(1/q − 1/p) · ‖w‖_p / ‖w‖_q with d the number of unmasked weights (Diao et al. 2023).

    0 for weights of equal magnitude, 1 − d^(1/q − 1/p) for a single one that is not 0; larger is sparser.

    Args:
        weights: (..., N), finite.
        kept: booleans of that shape, the unmasked weights; None: all of them.
        p, q: the norms, 0 < p < q.

    Returns:
        (...), in [0, 1); 0 where nothing is unmasked, NaN where all that is unmasked is 0 (0/0).

    Raises:
        ValueError: p and q are not 0 < p < q, shapes differ, or weights are not finite.
    """
    _require_norms(p, q)
    size, d = _magnitudes(weights, kept)
    largest = size.max(axis=-1, initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = size / largest[..., None]  # powers neither overflow nor vanish, and the index has no scale
        ratio = ((unit**p).sum(axis=-1) / d) ** (1 / p) / ((unit**q).sum(axis=-1) / d) ** (1 / q)
    return np.where(d == 0, 0.0, np.where(largest == 0, np.nan, np.maximum(1 - ratio, 0.0)))


def retained_bound(
    index: npt.ArrayLike, d: npt.ArrayLike, *, p: float = 0.5, q: float = 1.0, eta: float = 0.0
) -> Floats:
    """Fewest weights that must stay, m = ⌈d · (1 + η)^(−q/(q−p)) · (1 − I)^(pq/(q−p))⌉ (Diao et al. 2023).

    Whatever the m largest weights are: if the others' Σ|w|^p is at most η times theirs, then m is at least this.

    Args:
        index: PQ index I for the same p and q, any shape.
        d: unmasked weights, of a shape that broadcasts with it.
        p, q: the norms, 0 < p < q.
        eta: η ≥ 0, what pruning may remove, as Σ|w|^p of the removed over that of the kept.

    Returns:
        Whole numbers in [0, d]; NaN where the index is.

    Raises:
        ValueError: p and q are not 0 < p < q, or η is negative.
    """
    _require_norms(p, q)
    if not eta >= 0:
        raise ValueError(f"eta must be at least 0, got {eta}")
    i, n = np.asarray(index, np.float64), np.asarray(d, np.float64)
    least = n * (1 + eta) ** (-q / (q - p)) * (1 - i) ** (p * q / (q - p))
    bound: Floats = np.minimum(np.ceil(least * (1 - _WHOLE)), n)
    return bound


def gini(weights: npt.NDArray[np.floating], kept: Bools | None = None) -> Floats:
    """Gini's index of the magnitudes (Hurley & Rickard 2009, Comparing measures of sparsity, table I).

    0 for weights of equal magnitude, 1 − 1/d for a single one that is not 0; larger is sparser.

    Args:
        weights: (..., N), finite.
        kept: booleans of that shape, the unmasked weights; None: all of them.

    Returns:
        (...), in [0, 1); 0 where nothing is unmasked, NaN where all that is unmasked is 0 (0/0).

    Raises:
        ValueError: shapes differ, or weights are not finite.
    """
    size, d = _magnitudes(weights, kept)
    ordered = np.sort(size, axis=-1)  # masked weights come first, as zeros, and add nothing to either sum
    total = ordered.sum(axis=-1)
    rank = np.arange(1, size.shape[-1] + 1) - (size.shape[-1] - d)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        index = ((2 * rank - d[..., None] - 1) * ordered).sum(axis=-1) / (d * total)
    return np.where(d == 0, 0.0, np.where(total == 0, np.nan, np.maximum(index, 0.0)))


def _magnitudes(weights: npt.NDArray[np.floating], kept: Bools | None) -> tuple[Floats, Ints]:
    """Magnitudes with 0 for the masked, and how many are unmasked."""
    size = np.abs(np.asarray(weights, np.float64))
    if kept is not None and kept.shape != size.shape:
        raise ValueError(f"weights {size.shape} and kept {kept.shape} must have the same shape")
    if not np.isfinite(size).all():
        raise ValueError("weights must be finite; NaN or infinite ones have no sparsity")
    if kept is None:
        return size, np.full(size.shape[:-1], size.shape[-1], np.int64)
    return np.where(kept, size, 0.0), np.count_nonzero(kept, axis=-1)


def _require_norms(p: float, q: float) -> None:
    if not 0 < p < q:
        raise ValueError(f"the norms must be 0 < p < q, got p = {p:g} and q = {q:g}")
