"""Samples of several models in one plane, by their features, and how far their neighbourhoods have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WINDOW = 3  # models before and after each that AlignedUMAP holds it to: umap-learn's own
_ROWS = 512  # whose distances to all others are held at once


@dataclass(frozen=True, eq=False)
class Scores:
    """Features in the axes of their own principal components: distances between samples are as they were.

    Attributes:
        values: (N, r), centred, the component of the largest variance first; of each the entry that is largest in
            magnitude is positive, the first of equals.
        variance: (r,) shares of the whole variance; zeros where all samples are the same.
    """

    values: Floats
    variance: Floats

    @property
    def size(self) -> float:
        """Frobenius norm: 0 where all samples have the same features."""
        return float(np.linalg.norm(self.values))


def principal_scores(features: npt.ArrayLike) -> Scores:
    """Principal components (Pearson 1901, Philosophical Magazine 2) of features (N, D); of r = min(N, D) directions."""
    x = np.asarray(features, np.float64)
    centred = x - x.mean(axis=0)
    flat = bool((x == x[0]).all())  # rounding of the mean is no spread
    u, s, _ = np.linalg.svd(np.zeros_like(x) if flat else centred, full_matrices=False)
    values = u * s
    top = values[np.argmax(np.abs(values), axis=0), np.arange(values.shape[1])]
    whole = float((s**2).sum())
    return Scores(values * np.where(top < 0, -1.0, 1.0), s**2 / whole if whole > 0 else np.zeros_like(s))


def aligned_places(scores: Scores, anchor: Scores) -> tuple[Floats, float]:
    """The samples in the plane of the anchor's first two components, after turning them onto the anchor's.

    Orthogonal Procrustes (Schönemann 1966, Psychometrika 31): the turn and reflection that brings the features nearest
    to the anchor's in least squares, after both are given the same spread. Spaces of different widths are compared as
    if the narrower one had further directions without any spread.

    Args:
        scores: of N samples.
        anchor: of the same samples in the same order.

    Returns:
        Places (N, 2), and the residual: the share of the anchor's squared spread that the turned features miss, in
        [0, 2]; 0 where the two differ by a turn and a factor alone, 1 where they have nothing in common. NaN
        throughout where either has no spread.
    """
    n = len(anchor.values)
    if not (scores.size > 0 and anchor.size > 0):
        return np.full((n, 2), np.nan), float("nan")
    own = scores.values * (anchor.size / scores.size)
    turn, strength, back = np.linalg.svd(own.T @ anchor.values, full_matrices=False)
    places = np.zeros((n, 2))
    shown = min(2, anchor.values.shape[1])
    places[:, :shown] = own @ turn @ back[:, :shown]
    return places, max(0.0, 2.0 - 2.0 * float(strength.sum()) / anchor.size**2)


def turned_onto(places: npt.ArrayLike, anchor: npt.ArrayLike) -> Floats:
    """Places (N, 2) moved, turned, reflected and scaled onto the anchor's, where the plane has no axes of its own."""
    p, a = np.asarray(places, np.float64), np.asarray(anchor, np.float64)
    centred, target = p - p.mean(axis=0), a - a.mean(axis=0)
    u, s, v = np.linalg.svd(centred.T @ target)
    whole = float((centred**2).sum())
    scale = float(s.sum()) / whole if whole > 0 else 1.0
    return np.asarray(scale * centred @ u @ v + a.mean(axis=0))


def nearest_samples(features: npt.ArrayLike, k: int) -> tuple[Ints, Floats]:
    """The k nearest other samples of each, by Euclidean distance, nearest first; of equals the first.

    Args:
        features: (N, D), finite.
        k: at most N − 1.

    Returns:
        Positions (N, k) and distances (N, k).
    """
    x = np.asarray(features, np.float64)
    n, square = len(x), (x**2).sum(axis=1)
    if not 0 < k < n:
        raise ValueError(f"k must be from 1 to {n - 1}, one fewer than the samples; got {k}")
    found, apart = np.empty((n, k), np.int64), np.empty((n, k))
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n))
        d = np.maximum(square[rows, None] + square - 2 * x[rows] @ x.T, 0.0)
        d[np.arange(len(rows)), rows] = np.inf
        limit = np.partition(d, k - 1, axis=1)[:, k - 1]
        for i, row in enumerate(d):
            near = np.flatnonzero(row <= limit[i])
            best = near[np.argsort(row[near], kind="stable")[:k]]
            found[rows[i]], apart[rows[i]] = best, np.sqrt(row[best])
    return found, apart


def neighbourhood_change(before: npt.ArrayLike, after: npt.ArrayLike) -> Floats:
    """1 − Jaccard's index of the two sets of neighbours of each sample (Jaccard 1901), in [0, 1].

    Args:
        before, after: (N, k) each, the neighbours of N samples, each once in its row, in any order.

    Returns:
        (N,): 0 where the neighbours are the same, 1 where none is.
    """
    a, b = np.sort(np.asarray(before, np.int64), axis=1), np.asarray(after, np.int64)
    shared = np.zeros(len(a))
    for column in b.T:
        shared += (a == column[:, None]).any(axis=1)
    return np.asarray(1.0 - shared / (a.shape[1] + b.shape[1] - shared))


def change_by_chance(n: int, k: int) -> float:
    """The expected neighbourhood change where neighbours have nothing to do with each other: k of n − 1, twice.

    To the first order, from the expected number k² / (n − 1) that they share.
    """
    shared = k * k / (n - 1)
    return 1.0 - shared / (2 * k - shared)


def umap_places(features: npt.ArrayLike, start: npt.ArrayLike, neighbours: int, seed: int) -> Floats:
    """UMAP into the plane (McInnes, Healy & Melville 2018, arXiv 1802.03426), begun at given places, seeded.

    Needs umap-learn; its first use in a process compiles for 10 to 40 seconds.

    Args:
        features: (N, D), finite.
        start: (N, 2): samples stay near where they begin, as far as their neighbours let them.
        neighbours: how many of the nearest each sample is held to; at most N − 1 are used.
        seed: of the optimisation; with it one thread is used, so that the places are the same again.
    """
    x, begin = np.asarray(features, np.float32), np.asarray(start, np.float64)
    reach = float(np.abs(begin - begin.mean(axis=0)).max()) or 1.0
    with _quiet():
        import umap

        reducer = umap.UMAP(
            n_neighbors=max(2, min(neighbours, len(x) - 1)),
            init=((begin - begin.mean(axis=0)) * (10 / reach)).astype(np.float32),  # the size that UMAP begins with
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(reducer.fit_transform(x), np.float64)


def aligned_umap_places(
    features: Sequence[npt.ArrayLike],
    which: Sequence[Ints],
    start: npt.ArrayLike,
    neighbours: int,
    seed: int,
    hold: float = 0.01,
) -> tuple[Floats, ...]:
    """UMAP of several models at once, each sample held to its places in the others (umap-learn's AlignedUMAP), seeded.

    All are turned alike, so that the first model's places lie as near as may be to ``start``. Needs umap-learn; its
    first use in a process compiles for 20 to 40 seconds.

    Args:
        features: of each model (N, D), finite; the widths may differ.
        which: of each model, which sample each row is, ascending.
        start: (N, 2): of the first model's rows; it decides what is left and right, up and down.
        neighbours: how many of the nearest each sample is held to; at most N − 1 are used.
        seed: of the optimisation.
        hold: how strongly a sample is held to its places in the models before and after; 0.01 is umap-learn's own.

    Returns:
        Places (N, 2) of each model; NaN where a sample is nobody's neighbour.
    """
    least = min(len(w) for w in which)
    relations = []
    for a, b in pairwise(which):
        _, i, j = np.intersect1d(a, b, assume_unique=True, return_indices=True)
        relations.append(dict(zip(i.tolist(), j.tolist(), strict=True)))
    with _quiet():
        import umap

        reducer = umap.AlignedUMAP(
            n_neighbors=max(2, min(neighbours, least - 1)),
            alignment_window_size=WINDOW,
            alignment_regularisation=hold,
            random_state=seed,
            transform_seed=seed,
        )
        rows = [np.asarray(x, np.float32) for x in features]
        found = [np.asarray(p, np.float64) for p in reducer.fit_transform(rows, relations=relations)]
    first, target = found[0], np.asarray(start, np.float64)
    known = np.isfinite(first).all(axis=1)
    middle = first[known].mean(axis=0)
    u, _, v = np.linalg.svd((first[known] - middle).T @ (target[known] - target[known].mean(axis=0)))
    return tuple((p - middle) @ u @ v for p in found)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what umap-learn says of packages that it could use, and of the one thread that a seed means."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        yield
