"""Each class's mean angle and norm in one model, and where pruning moves them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.comparison import class_name
from pruneviz.views.featured import CLEAN, Shown, degrees, joined, label_places, shown_in
from pruneviz.views.marks import Axis, Floats, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.text import elide, number, percent, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

Ends = tuple[float, float]

_NAME = "geometry_classes"
_TITLE = "Where the classes' features lie"
_MOST_MODELS = 3
_MOST_NAMED = 20
_ABOUT = (680.0, 460.0)  # pixels of the drawing, as far as names are concerned; it stretches
_COLUMNS = ["angle", "norm", "margin", "accuracy", "samples"]


def geometry_classes_info(tables: Tables, state: ViewState) -> Picture:
    """A point for each class at its mean norm and angle in the reference, with a line to where each model has it.

    Of many classes those that move most, in units of the spread of classes, are named; the others are faint.
    """
    shown = shown_in(tables, state, _NAME, _TITLE, "feature_geometry_classes", _MOST_MODELS)
    if isinstance(shown, Picture):
        return shown
    by = _by_run(shown)
    classes = sorted(set.intersection(*(set(f.index) for f in by.values())))
    if not classes:
        empty = "The models shown have no class whose features have an angle in all of them. Choose others."
        return Picture(_NAME, _TITLE, empty=empty, height=240)
    named = _named(by, classes)
    ends = _ends(by, "norm", classes), _ends(by, "angle", classes)
    n = int(next(iter(by.values())).loc[classes, "samples"].sum())
    notes = list(shown.notes)
    if len(named) < len(classes):
        notes.append(f"{len(named)} of {len(classes):,} classes named: those that move most; the others are faint.")
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"Means over the clean test images of each class ({n:,} in all). Features at a small angle and far out lie "
            "deep in the class; how long is long differs between models."
        ),
        sentences=tuple(_sentences(shown, by, classes, tables.classes)),
        notes=tuple(notes),
        x=Axis("mean norm of the features", low=ends[0][0], high=ends[0][1]),
        y=Axis("mean angle to the true class (°) · lower is better", low=ends[1][0], high=ends[1][1]),
        marks=tuple(_marks(shown, by, classes, named, tables.classes, ends)),
        legend=tuple(
            Key(shown.labels[r], "point" if r == shown.runs[0] else "line", shown.inks[r], shown.markers[r], i > 0)
            for i, r in enumerate(shown.runs)
        ),
        height=520,
    )


def _by_run(shown: Shown) -> dict[str, pd.DataFrame]:
    clean = shown.table[shown.table["condition"] == CLEAN]
    found = {}
    for r in shown.runs:
        own = clean[clean["run_id"] == r]
        found[r] = own.assign(label=own["label"].astype(int)).set_index("label")[_COLUMNS].astype("float64")
        found[r] = found[r].dropna(subset=["angle", "norm"])
    return found


def _ends(by: dict[str, pd.DataFrame], column: str, classes: list[int]) -> Ends:
    """What an axis shows: all classes of all models, with room."""
    values = np.concatenate([f.loc[classes, column].to_numpy(float) for f in by.values()])
    values = degrees(values) if column == "angle" else values
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    return low - room, high + room


def _named(by: dict[str, pd.DataFrame], classes: list[int]) -> list[int]:
    if len(classes) <= _MOST_NAMED:
        return classes
    first, *others = (f.loc[classes, ["angle", "norm"]].to_numpy() for f in by.values())
    if not others:
        return [classes[i] for i in np.argsort(-first[:, 0], kind="stable")[:_MOST_NAMED]]
    moved = np.max([np.linalg.norm((o - first) / first.std(axis=0), axis=1) for o in others], axis=0)
    return [classes[i] for i in np.sort(np.argsort(-moved, kind="stable")[:_MOST_NAMED])]


def _marks(
    shown: Shown,
    by: dict[str, pd.DataFrame],
    classes: list[int],
    named: list[int],
    names: tuple[str, ...],
    ends: tuple[Ends, Ends],
) -> Iterator[Mark]:
    reference, *compared = shown.runs
    faint = [k for k in classes if k not in set(named)]

    def places(run_id: str, of: list[int]) -> tuple[Floats, Floats]:
        own = by[run_id].loc[of]
        return own["norm"].to_numpy(float), degrees(own["angle"])

    for r in (*compared, reference) if faint else ():
        x, y = places(r, faint)
        yield Points(x, y, shown.inks[r], shown.markers[r], r != reference, 3, 0.12)
    x0, y0 = places(reference, named)
    for r in compared:
        x, y = places(r, named)
        yield Line(joined(x0, x), joined(y0, y), shown.inks[r], shown.dashes[r], 1.6, 0.7)
        yield Points(x, y, shown.inks[r], shown.markers[r], True, 9, hover=_hover(shown, by, r, named, names))
    yield Points(x0, y0, "dense", "circle", False, 9, hover=_hover(shown, by, reference, named, names))
    texts = [elide(class_name(names, k), 22) for k in named]
    (left, right), (low, high) = ends
    per_x, per_y = _ABOUT[0] / (right - left), _ABOUT[1] / (high - low)
    at_x, at_y, align = label_places((x0 - left) * per_x, (high - y0) * per_y, texts, *_ABOUT)
    for side in ("left", "right"):
        own = [i for i, a in enumerate(align) if a == side]
        if own:
            yield Text(left + at_x[own] / per_x, high - at_y[own] / per_y, [texts[i] for i in own], align=side)


def _hover(
    shown: Shown, by: dict[str, pd.DataFrame], run_id: str, of: list[int], names: tuple[str, ...]
) -> dict[str, list[str]]:
    own = by[run_id].loc[of]
    return {
        "class": [class_name(names, k) for k in of],
        "model": [shown.labels[run_id]] * len(of),
        "angle": [f"{v:.1f}°" for v in degrees(own["angle"])],
        "norm": [number(v) for v in own["norm"]],
        "margin": [number(v) for v in own["margin"]],
        "accuracy": [percent(v) for v in own["accuracy"]],
        "images": [f"{int(v):,}" for v in own["samples"]],
    }


def _sentences(shown: Shown, by: dict[str, pd.DataFrame], classes: list[int], names: tuple[str, ...]) -> Iterator[str]:
    reference, *compared = shown.runs
    before = degrees(by[reference].loc[classes, "angle"])
    for r in compared:
        after = degrees(by[r].loc[classes, "angle"])
        i = int(np.argmax(np.abs(after - before)))
        images = several(int(by[r].loc[classes, "samples"].to_numpy(float)[i]), "image")
        yield (
            f"{shown.labels[r]}: the angle changes most for {class_name(names, classes[i])}, {before[i]:.1f}° to "
            f"{after[i]:.1f}° ({images}, these two models)."
        )
