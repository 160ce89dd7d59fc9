"""Which models and which corruptions look alike: layouts of geometry vectors, and trees on their distances."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.measures.geometry import vector_distances
from pruneviz.measures.layout import classical_mds, minimum_spanning_tree, umap_layout
from pruneviz_analyses.feature_geometry.looks import Looks
from pruneviz_analyses.feature_geometry.schemas import LAYOUT, TREE

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

MDS_UP_TO = 15  # items: UMAP needs more to make sense
LEAST = 3  # items that a layout can tell anything of


def umap_installed() -> bool:
    """Whether umap-learn is there; it is not imported for that."""
    return importlib.util.find_spec("umap") is not None


def layouts(
    looks: Looks, controls: Collection[str], layout: str, neighbours: int, seed: int
) -> dict[str, pd.DataFrame]:
    """The tables of places and of trees, of models and of conditions.

    Random controls are among the models, but have no say in which conditions are alike: what is left of their geometry
    has little to do with the image, corrupted or not.

    Args:
        looks: what was seen.
        controls: the runs that are random controls of others.
        layout: ``auto`` (MDS up to 15 items; above, UMAP where it is installed), ``mds`` or ``umap``.
        neighbours: of UMAP.
        seed: of UMAP.
    """
    places: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    whole = [r for r, i in looks.row.items() if np.isfinite(looks.vectors[i]).any(axis=(1, 2)).all()]
    vectors = looks.vectors[[looks.row[r] for r in whole]]
    judging = vectors[[r not in controls for r in whole]]
    named = {"models": (whole, vectors), "conditions": (list(looks.conditions), judging.swapaxes(0, 1))}
    for kind, (items, own) in named.items():
        if len(items) < LEAST or not own.size:
            continue
        items, distances = _known(items, vector_distances(own))
        if len(items) >= LEAST:
            places += _places(kind, items, distances, layout, neighbours, seed)
            edges += _edges(kind, items, distances)
    return {LAYOUT.name: LAYOUT.frame(places), TREE.name: TREE.frame(edges)}


def _known(items: list[str], distances: Floats) -> tuple[list[str], Floats]:
    """The items that share samples with all others: the one that lacks most goes first."""
    while len(items) and not np.isfinite(distances).all():
        worst = int(np.argmax((~np.isfinite(distances)).sum(axis=0)))
        items = items[:worst] + items[worst + 1 :]
        distances = np.delete(np.delete(distances, worst, axis=0), worst, axis=1)
    return items, distances


def _places(
    kind: str, items: list[str], distances: Floats, layout: str, neighbours: int, seed: int
) -> list[dict[str, Any]]:
    many = len(items) > MDS_UP_TO and umap_installed()
    by_umap = layout == "umap" or (layout == "auto" and many)
    found = umap_layout(distances, neighbours, seed) if by_umap else classical_mds(distances)
    others = distances + np.diag(np.full(len(items), np.inf))
    nearest = np.argmin(others, axis=1)
    return [
        {
            "kind": kind,
            "item": item,
            "x": found.places[i, 0],
            "y": found.places[i, 1],
            "by": found.by,
            "stress": found.stress if np.isfinite(found.stress) else None,
            "nearest": items[nearest[i]],
            "nearest_distance": others[i, nearest[i]],
        }
        for i, item in enumerate(items)
    ]


def _edges(kind: str, items: list[str], distances: Floats) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "first": items[a], "second": items[b], "distance": distances[a, b]}
        for a, b in minimum_spanning_tree(distances)
    ]
