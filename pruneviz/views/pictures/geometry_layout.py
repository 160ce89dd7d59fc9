"""Which models and which corruptions look alike by their features, with the tree of their true distances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.geometry import correlation_of
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.featured import ANALYSIS, joined, names_at
from pruneviz.views.looks import DENSE_MARKER, REFERENCE_MARKER, method_keys, recovery_keys, recovery_looks
from pruneviz.views.marks import Floats, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, number, percent, plain

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

Indices = npt.NDArray[np.intp]

_NAME = "geometry_layout"
_TITLE = "Which models and which corruptions look alike"
_HEAD, _TALL, _LEFT, _GAP = 34.0, 400.0, 24.0, 56.0
_WIDE = {"models": 520.0, "conditions": 360.0}
_MARGIN = 26.0
_TURNS = 180  # ways of turning a layout, of which the one that fills its place best is taken
_LONG = 60.0  # pixels of an edge that has room for its distance
_WORDS = {"models": "Models, over all conditions", "conditions": "Conditions, random controls aside"}


@dataclass(frozen=True, eq=False)
class _Side:
    """One layout as drawn: its items in the order of their places, in pixels, and the tree's edges."""

    kind: str
    left: float
    tall: float
    items: tuple[str, ...]
    x: Floats
    y: Floats
    table: pd.DataFrame
    edges: list[tuple[int, int, float]]

    @property
    def words(self) -> str:
        """What it is, and by which method."""
        by, stress = str(self.table["by"].iloc[0]), float(self.table["stress"].iloc[0])
        loss = f", stress {percent(stress)}" if stress == stress else ""
        return f"{_WORDS[self.kind]} ({by}{loss})"


def geometry_layout_info(tables: Tables, state: ViewState) -> Picture:
    """Points near each other move the same images alike; axes mean nothing.

    The tree is the least one on the original distances, so that neighbours which the plane only seems to show are
    told from real ones.
    """
    places, tree = (table_of(tables, ANALYSIS, f"feature_geometry_{t}") for t in ("layout", "tree"))
    if table_of(tables, ANALYSIS) is None:
        return Picture(_NAME, _TITLE, empty=nothing_of(ANALYSIS, "where features lie"), height=240)
    if places is None or tree is None:
        empty = "A layout needs three models, or three conditions: name corruptions under [analyses.feature_geometry]."
        return Picture(_NAME, _TITLE, empty=empty, height=240)
    sides = list(_sides(places, tree))
    width = _LEFT + sum(_WIDE[s.kind] + _GAP for s in sides)
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            "Distances: root mean squared differences of angle, norm and margin, each z-scored over the test images: "
            "0 the same, 1.41 unrelated. Lines are the minimum spanning tree of these; directions mean nothing."
        ),
        sentences=tuple(_sentences(tables, sides)),
        marks=tuple(m for s in sides for m in _marks(tables, state, s)),
        legend=_legend(tables, sides),
        selects="runs",
        width=round(width),
        height=round(_HEAD + max(s.tall for s in sides) + 16),
    )


def _sides(places: pd.DataFrame, tree: pd.DataFrame) -> Iterator[_Side]:
    left = _LEFT
    for kind in _WIDE:
        own = places[places["kind"] == kind].reset_index(drop=True)
        if own.empty:
            continue
        items = tuple(str(i) for i in own["item"])
        at = {name: i for i, name in enumerate(items)}
        edges = tree[tree["kind"] == kind]
        found = [
            (at[str(a)], at[str(b)], float(d))
            for a, b, d in zip(edges["first"], edges["second"], edges["distance"], strict=True)
        ]
        x, y, tall = _placed(own["x"].to_numpy(float), own["y"].to_numpy(float), _WIDE[kind])
        yield _Side(kind, left, tall, items, left + x, _HEAD + y, own, found)
        left += _WIDE[kind] + _GAP


def _placed(x: Floats, y: Floats, wide: float) -> tuple[Floats, Floats, float]:
    """Pixels within a place so wide, turned so that they are as large as can be, and how tall that is.

    Directions mean nothing, so any way of turning or mirroring shows the same; one scale serves both, since a stretched
    layout would show other distances. Most items lie on the left, where names have room beside them.
    """
    turn = np.pi * np.arange(_TURNS)[:, None] / _TURNS
    turned = np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y])
    across, down = np.maximum(np.ptp(turned, axis=2), 1e-9)
    scales = np.minimum((wide - 2 * _MARGIN) / across, (_TALL - 2 * _MARGIN) / down)
    best = int(np.argmax(scales))
    at, scale = turned[:, best], float(scales[best])
    tall = scale * float(down[best]) + 2 * _MARGIN
    middle = (at.max(axis=1) + at.min(axis=1)) / 2
    if np.median(at[0]) > middle[0]:
        at[0] = 2 * middle[0] - at[0]
    return wide / 2 + scale * (at[0] - middle[0]), tall / 2 - scale * (at[1] - middle[1]), tall


def _marks(tables: Tables, state: ViewState, s: _Side) -> Iterator[Mark]:
    yield Text(np.array([s.left]), np.array([14.0]), [s.words], bold=True, size=13)
    a, b = (np.array([e[i] for e in s.edges], np.intp) for i in (0, 1))
    yield Line(joined(s.x[a], s.x[b]), joined(s.y[a], s.y[b]), "soft", width=1.3, alpha=0.6)
    yield from _models(tables, state, s) if s.kind == "models" else _conditions(s, a, b)


def _conditions(s: _Side, a: Indices, b: Indices) -> Iterator[Mark]:
    long = np.flatnonzero(np.hypot(s.x[a] - s.x[b], s.y[a] - s.y[b]) > _LONG)
    if len(long):
        texts = [number(s.edges[i][2], 2) for i in long]
        a, b = a[long], b[long]
        yield Text((s.x[a] + s.x[b]) / 2, (s.y[a] + s.y[b]) / 2 - 8, texts, "soft", "center", size=10.5)
    yield Points(s.x, s.y, "ink", ["star" if i == "clean" else "circle" for i in s.items], True, 9, hover=_hover(s, {}))
    yield from names_at(s.x, s.y, [plain(i) for i in s.items], _WIDE[s.kind], _HEAD + s.tall, s.left)


def _models(tables: Tables, state: ViewState, s: _Side) -> Iterator[Mark]:
    done = measured(tables)
    rows = done.set_index("run_id")
    inks, looks = on.inks(tables.runs), recovery_looks(on.unique(tables.runs["recovery"]))
    known = [r for r in s.items if r in rows.index]
    labels = on.labels(done, known)
    at = [s.items.index(r) for r in known]
    methods, recoveries = ([str(rows.loc[r, c]) for r in known] for c in ("method", "recovery"))
    reference = on.reference(done, state)
    markers, filled = [], []
    for r, method, recovery in zip(known, methods, recoveries, strict=True):
        original = method == on.DENSE and recovery == "none"
        markers.append(REFERENCE_MARKER if r == reference else DENSE_MARKER if original else looks[recovery].marker)
        filled.append(r == reference or original or looks[recovery].filled)
    hover = _hover(s, labels)
    hover = {k: [v[i] for i in at] for k, v in hover.items()}
    chosen = (reference, *on.compared(done, state))
    yield Points(
        s.x[at],
        s.y[at],
        [inks[m] for m in methods],
        markers,
        filled,
        9,
        0.85,
        keys=tuple(known),
        selected=tuple(r for r in chosen if r in known) if len(chosen) > 1 else (),
        hover=hover,
    )
    named = [i for i, r in zip(at, known, strict=True) if r in chosen]
    if len(named) > 1:
        texts = [elide(labels[s.items[i]], 26) for i in named]
        yield from names_at(s.x[named], s.y[named], texts, _WIDE[s.kind], _HEAD + s.tall, s.left)


def _hover(s: _Side, labels: dict[str, str]) -> dict[str, list[str]]:
    nearest = [str(n) for n in s.table["nearest"]]
    distance = s.table["nearest_distance"].to_numpy(float)
    return {
        s.kind.removesuffix("s"): [labels.get(i, plain(i)) for i in s.items],
        "nearest": [labels.get(i, plain(i)) for i in nearest],
        "distance": [number(d) for d in distance],
        "correlation": [f"{correlation_of(d):.2f}" for d in distance],
    }


def _sentences(tables: Tables, sides: list[_Side]) -> Iterator[str]:
    for s in sides:
        labels = on.labels(measured(tables), s.items) if s.kind == "models" else {}
        a, b, d = max(s.edges, key=lambda e: e[2])
        first, second = (labels.get(s.items[i], plain(s.items[i])) for i in (a, b))
        yield (
            f"{s.kind.capitalize()}: the longest edge of the tree joins {first} and {second} (distance {number(d, 2)}, "
            f"correlation {correlation_of(d):.2f})."
        )


def _legend(tables: Tables, sides: list[_Side]) -> tuple[Key, ...]:
    if sides[0].kind != "models":
        return ()
    rows = measured(tables).set_index("run_id").reindex(list(sides[0].items))
    recoveries = on.unique(rows.loc[rows["method"] != on.DENSE, "recovery"])
    looks = recovery_looks(on.unique(tables.runs["recovery"]))
    return (
        *method_keys(on.inks(tables.runs), set(on.unique(rows["method"]))),
        *recovery_keys(looks, recoveries),
        Key("Dense", "heading"),
        Key("reference", "point", "dense", REFERENCE_MARKER),
        Key("dense model", "point", "dense", DENSE_MARKER),
    )
