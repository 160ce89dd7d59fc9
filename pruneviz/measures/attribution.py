"""How alike two attribution maps are, and whether they add up to what they explain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The ways of attributing that there are, with their names as people write them.
ATTRIBUTIONS = {
    "gradcam": "GradCAM",
    "integrated_gradients": "integrated gradients",
    "occlusion": "occlusion",
    "lrp": "LRP",
}
SIMILARITIES = {"rank": "rank correlation", "cosine": "cosine"}


def cosine(one: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    """Cosine of the angle between maps, place by place: 1 for maps that differ by a positive factor alone.

    Args:
        one, other: (n, places) each, finite; any unit, since a factor does not matter.

    Returns:
        (n,) in [−1, 1]; NaN where a map is 0 everywhere and has no direction.
    """
    a, b = _unit(np.asarray(one, np.float64)), _unit(np.asarray(other, np.float64))
    return np.asarray(np.clip((a * b).sum(axis=1), -1.0, 1.0))


def rank_correlation(one: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    """Spearman's rank correlation of maps, place by place: 1 where they order the places alike.

    Equal values share their mean rank. (Spearman 1904; for maps: Adebayo et al. 2018, NeurIPS, section 3.)

    Args:
        one, other: (n, places) each, finite.

    Returns:
        (n,) in [−1, 1]; NaN where a map has one value everywhere and orders nothing.
    """
    return centred_cosine(ranks(one), ranks(other))


def ranks(maps: npt.ArrayLike) -> Floats:
    """The places' ranks within each map, from 1, equal values sharing their mean rank; (n, places)."""
    from scipy.stats import rankdata

    found: Floats = rankdata(np.asarray(maps, np.float64), axis=1)
    return found


def centred_cosine(one: Floats, other: Floats) -> Floats:
    """Cosine of maps whose means are taken off: Pearson's correlation; of :func:`ranks`, Spearman's."""
    return cosine(one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True))


def flat(maps: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which maps have one value everywhere, so that they explain nothing; (n,)."""
    values = np.asarray(maps)
    return np.asarray(values.min(axis=1) == values.max(axis=1))


def relative_gap(total: npt.ArrayLike, expected: npt.ArrayLike) -> Floats:
    """By how much sums of maps miss what they should add up to, as a fraction of that; NaN where that is 0."""
    t, e = np.asarray(total, np.float64), np.asarray(expected, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(e == 0, np.nan, np.abs(t - e) / np.abs(e))


def _unit(maps: Floats) -> Floats:
    """Maps of length 1; NaN where there is no length."""
    scaled = maps / np.maximum(np.abs(maps).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)  # no underflow
    length = np.sqrt((scaled**2).sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore"):
        return np.where(length > 0, scaled / np.where(length > 0, length, 1.0), np.nan)
