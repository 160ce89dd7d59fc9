"""Which classes' directions the features of each class are close to: the classes that they may be taken for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.comparison import class_name
from pruneviz.views.featured import CLEAN, Shown, degrees, joined, shown_in
from pruneviz.views.marks import Axis, Cells, Floats, Key, Line, Mark, Picture, Points
from pruneviz.views.pictures.geometry_parallel import parallel
from pruneviz.views.text import elide, percent, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "geometry_confusion"
_TITLE = "Which classes are close to being taken for which"
PARALLEL_UP_TO = 12  # classes whose directions find room as axes side by side
MATRIX_UP_TO = 20  # of more classes a ranking is shown
_RANKED = 25
_MOST_MODELS = 3


def geometry_confusion_info(tables: Tables, state: ViewState) -> Picture:
    """Mean angles of each class's features to all classes' directions, in the form that their number allows.

    Up to 12 classes: parallel coordinates, an axis for each direction, with norm and margin. Up to 20: a matrix. More:
    the pairs whose true class is ahead by the smallest angle, ranked.
    """
    most = _MOST_MODELS - 1 if len(tables.classes) <= PARALLEL_UP_TO else _MOST_MODELS
    shown = shown_in(tables, state, _NAME, _TITLE, "feature_geometry_pairs", most)
    if isinstance(shown, Picture):
        return shown
    pairs = shown.table[(shown.table["condition"] == CLEAN) & shown.table["angle"].notna()]
    pairs = pairs.assign(label=pairs["label"].astype(int), run_id=pairs["run_id"].astype(str))
    pairs = pairs.assign(**{"class": pairs["class"].astype(int), "predicted": pairs["predicted"].astype(int)})
    if pairs.empty:
        return Picture(_NAME, _TITLE, empty="No class has features with an angle in the models shown.", height=240)
    pairs = pairs.assign(gap=_gap(pairs))
    classes = max(len(tables.classes), int(pairs["class"].max()) + 1)
    blank = Picture(_NAME, _TITLE, sentences=tuple(_closest(shown, pairs, tables.classes)), notes=shown.notes)
    if classes <= PARALLEL_UP_TO:
        return parallel(blank, tables, state, shown, pairs, classes)
    if classes <= MATRIX_UP_TO:
        return _matrix(blank, tables, shown, pairs, classes)
    return _ranking(blank, tables, shown, pairs)


def _gap(pairs: pd.DataFrame) -> Floats:
    """How much further, in degrees, each direction is than the true class's."""
    own = pairs[pairs["label"] == pairs["class"]].set_index(["run_id", "label"])["angle"].astype("float64")
    keys = list(zip(pairs["run_id"], pairs["label"], strict=True))
    return degrees(pairs["angle"].to_numpy(float) - own.reindex(keys).to_numpy(float))


# -- a matrix


def _matrix(blank: Picture, tables: Tables, shown: Shown, pairs: pd.DataFrame, classes: int) -> Picture:
    """The last model compared, or the reference alone."""
    run_id = shown.runs[min(1, len(shown.runs) - 1)]
    own = pairs[pairs["run_id"] == run_id]
    gap = np.clip(own["gap"].to_numpy(float), 0, 90)
    names = tuple(elide(class_name(tables.classes, k), 18) for k in range(classes))
    same = (own["label"] == own["class"]).to_numpy(bool)
    cells = Cells(
        own["class"].to_numpy(float),
        own["label"].to_numpy(float),
        np.where(same, np.nan, 1 - gap / 90),
        "density",
        ["" if s or not np.isfinite(g) else f"{g:.0f}" for s, g in zip(same, own["gap"], strict=True)],
        ((0.0, "90° and more"), (0.5, "45°"), (1.0, "0° and less")),
        "further than its own class",
        hover=_pair_hover(own, shown, tables.classes),
    )
    only = "" if len(shown.runs) <= 2 else f"{shown.labels[run_id]}, the first model compared. "
    return replace(
        blank,
        subtitle=(
            f"{only}How much further from each class's direction the features of a class are than from their own, in "
            "degrees; dark classes are close to being confused."
        ),
        x=Axis("class it may be taken for", kind="categories", categories=names, upright=True),
        y=Axis("true class", kind="categories", categories=names, reverse=True),
        marks=(cells,),
        height=200 + 26 * classes,
    )


# -- a ranking


def _ranking(blank: Picture, tables: Tables, shown: Shown, pairs: pd.DataFrame) -> Picture:
    others = pairs[pairs["label"] != pairs["class"]]
    least = others.groupby(["label", "class"])["gap"].min().sort_values(kind="stable")
    order = [(int(a), int(b)) for a, b in least.index[:_RANKED]]
    marks: list[Mark] = []
    at: dict[str, Floats] = {}
    frames = {}
    for r in shown.runs:
        own = others[others["run_id"] == r].set_index(["label", "class"]).reindex(order)
        at[r], frames[r] = own["gap"].to_numpy(float), own.reset_index()
    y = np.arange(len(order), dtype=float)
    stacked = np.array(list(at.values()))
    low, high = np.nanmin(stacked, axis=0), np.nanmax(stacked, axis=0)
    marks.append(Line(joined(low, high), joined(y, y), "faint", width=3.0))
    for r in reversed(shown.runs):
        here = np.isfinite(at[r])
        hover = _pair_hover(frames[r][here], shown, tables.classes)
        marks.append(Points(at[r][here], y[here], shown.inks[r], shown.markers[r], r != shown.runs[0], 9, hover=hover))
    names = [f"{_short(tables, a)} → {_short(tables, b)}" for a, b in order]
    kept = "of each class only the nearest others are kept, so a point may be missing"
    return replace(
        blank,
        subtitle=(
            f"The {len(order)} pairs of {len(tables.classes):,} classes in which the features of a class (left) are "
            "least further from another's direction (right) than from their own; below 0 they are closer to it."
        ),
        notes=(*blank.notes, f"{several(len(others), 'pair')} known; {kept}."),
        x=Axis("mean angle to the other class minus that to its own (°) · higher is better"),
        y=Axis(kind="categories", categories=tuple(names), reverse=True),
        marks=tuple(marks),
        legend=tuple(
            Key(shown.labels[r], "point", shown.inks[r], shown.markers[r], r != shown.runs[0]) for r in shown.runs
        ),
        height=120 + 24 * len(order),
    )


def _short(tables: Tables, label: int) -> str:
    return elide(class_name(tables.classes, label), 18)


def _pair_hover(own: pd.DataFrame, shown: Shown, names: tuple[str, ...]) -> dict[str, list[str]]:
    taken = [f"{int(p):,} of {int(n):,}" for p, n in zip(own["predicted"], own["samples"], strict=True)]
    return {
        "model": [shown.labels[r] for r in own["run_id"]],
        "true class": [class_name(names, int(k)) for k in own["label"]],
        "may be taken for": [class_name(names, int(k)) for k in own["class"]],
        "angle to that": [_degrees(v) for v in degrees(own["angle"])],
        "further than its own by": [_degrees(v) for v in own["gap"].to_numpy(float)],
        "taken for it": taken,
    }


def _degrees(value: float) -> str:
    return f"{value:.1f}°" if np.isfinite(value) else "not measured"


def _closest(shown: Shown, pairs: pd.DataFrame, names: tuple[str, ...]) -> Iterator[str]:
    """The closest pair of each model, and how often it is taken so."""
    for r in shown.runs:
        own = pairs[(pairs["run_id"] == r) & (pairs["label"] != pairs["class"])].reset_index(drop=True)
        if own.empty:
            continue
        row = own.loc[int(own["gap"].to_numpy(float).argmin())].to_dict()
        share = percent(int(row["predicted"]) / int(row["samples"]))
        gap = float(row["gap"])
        how = f"{abs(gap):.1f}° {'further' if gap >= 0 else 'closer'} than to itself"
        yield (
            f"{shown.labels[r]}: {class_name(names, int(row['label']))} is closest to "
            f"{class_name(names, int(row['class']))}, {how}; {share} of its {int(row['samples']):,} images are taken "
            "for it."
        )
