"""Where a network's features lie, seen from the directions of a linear classifier's classes.

Features X (N, D), class directions W (K, D) and biases b (K,): logits are X Wᵀ + b. Robustness Lottery (Li et al.,
arXiv 2206.07918) reads robustness off the angle between X and W_y, the norm ‖X‖ and the distance to the boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

METRICS = ("angle", "norm", "margin")
_FLAT = 1e-12  # a spread this small beside the values themselves is rounding


def angles(features: npt.ArrayLike, directions: npt.ArrayLike) -> Floats:
    """Angle between each feature vector and each class direction, whatever their lengths.

    Args:
        features: (N, D).
        directions: (K, D).

    Returns:
        (N, K), in [0, π] radians; NaN where one of the two is 0, and where the features are not finite.
    """
    x, w = _rows(features), _rows(directions)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Scaled by the largest entry first: squares of very large or small ones would leave the range of floats.
        x = x / np.abs(x).max(axis=1, keepdims=True, initial=0)
        w = w / np.abs(w).max(axis=1, keepdims=True, initial=0)
        cosine = (x / norms(x)[:, None]) @ (w / norms(w)[:, None]).T
        return np.asarray(np.arccos(np.clip(cosine, -1, 1)))


def norms(features: npt.ArrayLike) -> Floats:
    """(N,) Euclidean lengths of the rows of (N, D)."""
    return np.asarray(np.linalg.norm(_rows(features), axis=1))


@dataclass(frozen=True, eq=False)
class Margins:
    """How far samples are from being classified otherwise.

    Attributes:
        margin: (N,) min over j ≠ y of [(W_y − W_j)·X + b_y − b_j] / ‖W_y − W_j‖: the distance to the nearest
            boundary where the sample is classified right, and minus a lower bound of the distance to its class's
            region where it is not. Two classes of one direction have no boundary: their difference of biases counts
            as ±∞, and as 0 where those are equal as well. NaN where the features are not finite.
        rival: (N,) the class j of that boundary, the first of equals; −1 where the margin is NaN.
    """

    margin: Floats
    rival: Ints


def margins(
    features: npt.ArrayLike, directions: npt.ArrayLike, bias: npt.ArrayLike, labels: npt.NDArray[Any]
) -> Margins:
    """Signed distance to the nearest boundary of the true class; its sign is the classification's correctness.

    Args:
        features: (N, D).
        directions: (K, D), K of at least 2.
        bias: (K,); zeros where the classifier has none.
        labels: (N,) true classes.

    Reference:
        Li et al., Robustness Lottery (arXiv 2206.07918), with the biases taken into account.
    """
    x, w, b, y = _rows(features), _rows(directions), np.asarray(bias, np.float64), np.asarray(labels, np.int64)
    margin, rival = np.full(len(x), np.nan), np.full(len(x), -1, np.int64)
    for k in np.unique(y):
        rows = np.flatnonzero(y == k)
        # Differences first and products after: logits that are nearly equal would lose the digits that decide.
        apart, shift = w[k] - w, b[k] - b
        gap = x[rows] @ apart.T + shift
        length = norms(apart)
        with np.errstate(invalid="ignore", divide="ignore"):
            distance = np.where(length > 0, gap / length, np.where(gap == 0, 0.0, np.sign(gap) * np.inf))
        distance[:, k] = np.inf
        finite = np.isfinite(gap).all(axis=1)
        nearest = np.argmin(np.where(np.isnan(distance), np.inf, distance), axis=1)
        margin[rows] = np.where(finite, distance[np.arange(len(rows)), nearest], np.nan)
        rival[rows] = np.where(finite, nearest, -1)
    return Margins(margin, rival)


@dataclass(frozen=True, eq=False)
class Separation:
    """How close samples keep to their class, and how far classes keep from each other.

    Attributes:
        count: (K,) samples.
        spread: (K,) root of the mean squared distance of a class's samples from its mean; NaN without samples.
        apart: (K,) distance from a class's mean to the nearest other class's; NaN without samples.
        nearest: (K,) that other class; −1 where there is none.
        within, between: roots of the mean over samples of the squared distance from the own class's mean, and of that
            mean from the mean of all.
        share: between² / (within² + between²), in [0, 1]: which part of the features' variance lies between the
            classes; NaN where nothing varies.
    """

    count: Ints
    spread: Floats
    apart: Floats
    nearest: Ints
    within: float
    between: float
    share: float


def separation(features: npt.ArrayLike, labels: npt.NDArray[Any], classes: int) -> Separation:
    """Within-class spread and between-class separation of finite features (N, D); lengths in units of the features.

    ``share`` is the multivariate η² of an analysis of variance.
    """
    x, y = _rows(features), np.asarray(labels, np.int64)
    count = np.bincount(y, minlength=classes)
    sums = np.zeros((classes, x.shape[1]))
    np.add.at(sums, y, x)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / count[:, None]
        squares = np.bincount(y, weights=((x - mean[y]) ** 2).sum(axis=1), minlength=classes)
        spread = np.sqrt(squares / count)
    apart, nearest = np.full(classes, np.nan), np.full(classes, -1, np.int64)
    there = np.flatnonzero(count)
    for k in there if len(there) > 1 else ():
        distance = norms(mean[there] - mean[k])
        distance[there == k] = np.inf
        apart[k], nearest[k] = distance.min(), there[int(np.argmin(distance))]
    within2 = float(squares.sum() / len(x))
    between2 = float((count[there] * ((mean[there] - x.mean(axis=0)) ** 2).sum(axis=1)).sum() / len(x))
    whole = within2 + between2
    moves = whole > (_FLAT * float(np.abs(x).max(initial=0))) ** 2
    share = between2 / whole if moves else float("nan")
    return Separation(count, spread, apart, nearest, within2**0.5, between2**0.5, share)


def constant(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether each column of (N, M) has one value only, or none that is finite; NaN do not count."""
    v = np.asarray(values, np.float64)
    v = np.where(np.isfinite(v), v, np.nan)
    low = np.where(np.isnan(v), np.inf, v).min(axis=0, initial=np.inf)
    high = np.where(np.isnan(v), -np.inf, v).max(axis=0, initial=-np.inf)
    with np.errstate(invalid="ignore"):
        return np.asarray(~(high - low > _FLAT * np.maximum(np.abs(low), np.abs(high))))


def zscored(values: npt.ArrayLike) -> Floats:
    """Values (N,) with mean 0 and standard deviation 1 over those that are finite; the others stay NaN.

    Raises:
        ValueError: they are constant, and have no z-scores.
    """
    v = np.asarray(values, np.float64)
    if constant(v[:, None])[0]:
        raise ValueError("constant values have no z-scores")
    known = np.isfinite(v)
    out = np.full(v.shape, np.nan)
    out[known] = (v[known] - v[known].mean()) / v[known].std()
    return out


def geometry_vector(angle: npt.ArrayLike, norm: npt.ArrayLike, margin: npt.ArrayLike) -> Floats:
    """(3, N): the three metrics over all samples, each z-scored over them; scales of features and of logits drop out.

    Raises:
        ValueError: one of them is constant.
    """
    return np.stack([zscored(v) for v in (angle, norm, margin)])


def vector_distances(vectors: npt.ArrayLike) -> Floats:
    """Root mean squared difference between every two geometry vectors, over the entries that both have.

    0 where they agree, √2 where they have nothing in common, 2 where they are opposite: with nothing missing
    d² = 2 (1 − r), r the mean over the three metrics of Pearson's correlation over the samples.

    Args:
        vectors: (R, …), NaN where missing.

    Returns:
        (R, R), symmetric with zeros on the diagonal; NaN where two have no entry in common.
    """
    v = np.asarray(vectors, np.float64)
    v = v.reshape(len(v), -1)
    known = np.isfinite(v)
    filled, have = np.where(known, v, 0.0), known.astype(np.float64)
    squares = (filled**2) @ have.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (squares + squares.T - 2 * filled @ filled.T) / (have @ have.T)
    out = np.sqrt(np.maximum(mean, 0.0))
    np.fill_diagonal(out, 0.0)
    return np.asarray((out + out.T) / 2)


def correlation_of(distance: float) -> float:
    """Pearson's correlation, averaged over the metrics, of two geometry vectors so far apart."""
    return 1 - distance**2 / 2


def _rows(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, np.float64)
