"""How far classes lie apart, for how far their own samples spread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import table_of
from pruneviz.views.comparison import class_name
from pruneviz.views.featured import ANALYSIS, CLEAN, Shown, joined, shown_in
from pruneviz.views.marks import Axis, Key, Line, Mark, Picture, Points
from pruneviz.views.text import elide, number, percent

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "geometry_spread"
_TITLE = "How far classes lie apart"
_MOST_MODELS = 3
_ALL_CLASSES = 20  # so many are shown in their own order; of more, those that changed most
_MOST_CLASSES = 30


def geometry_spread_info(tables: Tables, state: ViewState) -> Picture:
    """For each class the distance from its mean to the nearest other class's, over the spread of its own samples.

    Neither depends on how long a model's feature vectors are.
    """
    shown = shown_in(tables, state, _NAME, _TITLE, "feature_geometry_classes", _MOST_MODELS)
    if isinstance(shown, Picture):
        return shown
    clean = shown.table[shown.table["condition"] == CLEAN]
    clean = clean.assign(label=clean["label"].astype(int)).dropna(subset=["apart_over_spread"])
    by = {r: clean[clean["run_id"] == r].set_index("label") for r in shown.runs}
    by = {r: f for r, f in by.items() if len(f)}
    if not by:
        empty = "Within-class spread needs two classes, and two different images of each."
        return Picture(_NAME, _TITLE, empty=empty, height=240)
    classes = sorted(set.intersection(*(set(f.index) for f in by.values())))
    order = _order(by, classes)
    notes = [*shown.notes]
    if gone := [shown.labels[r] for r in shown.runs if r not in by]:
        notes.append(f"No spread, since features do not vary within classes: {', '.join(gone)}.")
    if len(order) < len(classes):
        notes.append(f"{len(order)} of {len(classes):,} classes shown: those that changed most.")
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            "Distance from a class's mean to the nearest other class's, in units of the root mean squared distance of "
            "its own clean test images from that mean. Below 1, its images lie further from each other than from a "
            "neighbour."
        ),
        sentences=tuple(_sentences(tables, shown)),
        notes=tuple(notes),
        x=Axis("distance to the nearest class over own spread · higher is better", low=0.0, high=_end(by, order)),
        y=Axis(
            kind="categories",
            categories=tuple(elide(class_name(tables.classes, k), 26) for k in order),
            reverse=True,
        ),
        marks=tuple(_marks(shown, by, order, tables.classes)),
        legend=tuple(Key(shown.labels[r], "point", shown.inks[r], shown.markers[r], r != shown.runs[0]) for r in by),
        height=110 + 26 * len(order),
    )


def _order(by: dict[str, pd.DataFrame], classes: list[int]) -> list[int]:
    if len(classes) <= _ALL_CLASSES:
        return classes
    values = np.array([f.loc[classes, "apart_over_spread"].to_numpy(float) for f in by.values()])
    key = np.abs(values[1:] - values[0]).max(axis=0) if len(values) > 1 else -values[0]
    return [classes[i] for i in np.argsort(-key, kind="stable")[:_MOST_CLASSES]]


def _end(by: dict[str, pd.DataFrame], order: list[int]) -> float:
    return 1.06 * max(float(f.loc[order, "apart_over_spread"].astype("float64").max()) for f in by.values())


def _marks(shown: Shown, by: dict[str, pd.DataFrame], order: list[int], names: tuple[str, ...]) -> Iterator[Mark]:
    y = np.arange(len(order), dtype=float)
    at = {r: f.loc[order, "apart_over_spread"].to_numpy(float) for r, f in by.items()}
    low, high = np.min(list(at.values()), axis=0), np.max(list(at.values()), axis=0)
    yield Line(joined(low, high), joined(y, y), "faint", width=3.0)
    for r, x in reversed(at.items()):
        own = by[r].loc[order]
        hover = {
            "class": [class_name(names, k) for k in order],
            "model": [shown.labels[r]] * len(order),
            "nearest class": [class_name(names, int(k)) for k in own["nearest"]],
            "distance to it": [number(v) for v in own["apart"].to_numpy(float)],
            "own spread": [number(v) for v in own["spread"].to_numpy(float)],
            "distance over spread": [number(v) for v in x],
            "images": [f"{int(v):,}" for v in own["samples"]],
        }
        yield Points(x, y, shown.inks[r], shown.markers[r], r != shown.runs[0], 9, hover=hover)


def _sentences(tables: Tables, shown: Shown) -> Iterator[str]:
    runs = table_of(tables, ANALYSIS)
    if runs is None:
        return
    clean = runs[runs["condition"] == CLEAN]
    share = dict(zip(clean["run_id"].astype(str), clean["between_share"].to_numpy(float), strict=True))
    told = [f"{percent(share[r])} in {shown.labels[r]}" for r in shown.runs if np.isfinite(share.get(r, np.nan))]
    if told:
        yield f"Of the variance of all features, this lies between classes: {', '.join(told)}."
