"""Laying out items whose distances are known, and the tree that shows which of them are really close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Places in the plane.

    Attributes:
        places: (n, 2); directions and, for UMAP, sizes mean nothing, only who is near whom.
        by: how they were found: ``MDS`` or ``UMAP``.
        stress: √(Σ (d − δ)² / Σ δ²) over pairs, δ the distances given and d those in the plane: 0 where the plane
            shows them as they are. NaN for UMAP, which does not try to, and where all are 0.
    """

    places: Floats
    by: str
    stress: float


def classical_mds(distances: npt.ArrayLike) -> Layout:
    """Classical multidimensional scaling into the plane (Torgerson 1952, Psychometrika 17).

    Args:
        distances: (n, n), finite, symmetric, zeros on the diagonal.

    Returns:
        Centred places, the axis of the largest variance first; of each axis the entry that is largest in magnitude
        is positive, the first of equals, so that the same distances give the same picture.
    """
    d = np.asarray(distances, np.float64)
    n = len(d)
    centring = np.eye(n) - 1.0 / n if n else np.zeros((0, 0))
    values, vectors = np.linalg.eigh(-0.5 * centring @ d**2 @ centring) if n else (np.zeros(0), np.zeros((0, 0)))
    places = np.zeros((n, 2))
    for axis, i in enumerate(range(n - 1, max(n - 3, -1), -1)):
        column = vectors[:, i] * np.sqrt(max(values[i], 0.0))
        places[:, axis] = column * (np.sign(column[int(np.argmax(np.abs(column)))]) or 1.0)
    return Layout(places, "MDS", stress(d, places))


def umap_layout(distances: npt.ArrayLike, neighbours: int, seed: int) -> Layout:
    """UMAP into the plane (McInnes, Healy & Melville 2018, arXiv 1802.03426) from given distances, seeded.

    Needs umap-learn; its first use in a process compiles for 10 to 40 seconds.

    Args:
        distances: (n, n), finite, symmetric.
        neighbours: how many of the nearest items each item is held to; at most n − 1 are used.
        seed: of the optimisation; with it one thread is used, so that the places are the same again.
    """
    import warnings

    d = np.asarray(distances, np.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        warnings.filterwarnings("ignore", message="using precomputed metric")
        import umap

        reducer = umap.UMAP(
            n_neighbors=max(2, min(neighbours, len(d) - 1)),
            min_dist=0.5,  # tens of items: they are to be told apart, not to show density
            metric="precomputed",
            init=classical_mds(d).places.astype(np.float32) * 10,
            random_state=seed,
            n_jobs=1,
        )
        found = np.asarray(reducer.fit_transform(d), np.float64)
    return Layout(found - found.mean(axis=0), "UMAP", float("nan"))


def stress(distances: Floats, places: Floats) -> float:
    """Kruskal's stress of places against distances; see :class:`Layout`."""
    upper = np.triu_indices(len(distances), 1)
    given = distances[upper]
    shown = np.linalg.norm(places[upper[0]] - places[upper[1]], axis=1)
    whole = float((given**2).sum())
    return float(np.sqrt(((shown - given) ** 2).sum() / whole)) if whole > 0 else float("nan")


def minimum_spanning_tree(distances: npt.ArrayLike) -> Ints:
    """The edges of the tree of least total length that joins all items (Prim 1957, Bell System Technical Journal 36).

    Zero distances are edges like others; of equal ones the item that comes first is joined first.

    Args:
        distances: (n, n), finite and symmetric.

    Returns:
        (n − 1, 2), each with the smaller index first, in the order in which items are joined.
    """
    d = np.asarray(distances, np.float64)
    n = len(d)
    edges: list[tuple[int, int]] = []
    joined = np.zeros(n, bool)
    best, via = np.full(n, np.inf), np.zeros(n, np.int64)
    at = 0
    for _ in range(n - 1):
        joined[at] = True
        nearer = ~joined & (d[at] < best)
        best[nearer], via[nearer] = d[at][nearer], at
        at = int(np.argmin(np.where(joined, np.inf, best)))
        edges.append((min(at, int(via[at])), max(at, int(via[at]))))
    return np.array(edges, np.int64).reshape(-1, 2)
