"""Angles to all classes' directions as parallel coordinates, with norm and margin: for few classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import table_of
from pruneviz.views.comparison import class_name
from pruneviz.views.featured import ANALYSIS, CLEAN, Shown, degrees
from pruneviz.views.marks import Floats, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.panels import Panel, Scale
from pruneviz.views.text import elide, number, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_WIDE, _TALL, _LEFT, _HEAD, _FOOT = 940.0, 210.0, 64.0, 38.0, 34.0
_BESIDE = 2  # axes besides the classes': norm and margin
_DASHES = ("solid", "dashed")


@dataclass(frozen=True, eq=False)
class _Axes:
    """The axes of one model: their places, and where values of each stand."""

    panel: Panel
    classes: int
    norm: Scale
    margin: Scale

    @property
    def x(self) -> Floats:
        """Pixels of the axes: classes, then norm and margin a little apart."""
        at = np.arange(self.classes + _BESIDE)
        step = self.panel.width / (len(at) + 0.4)
        return np.asarray(self.panel.left + step * (at + 0.4 * (at >= self.classes)))

    def y(self, angles: Floats, norm: float, margin: float) -> Floats:
        """Pixels of one polyline."""
        inner = replace(self.panel, y=self.norm).down(np.array([norm]))
        outer = replace(self.panel, y=self.margin).down(np.array([margin]))
        return np.concatenate([self.panel.down(angles), inner, outer])


def parallel(
    blank: Picture, tables: Tables, state: ViewState, shown: Shown, pairs: pd.DataFrame, classes: int
) -> Picture:
    """A drawing for each model, below each other, on one scale of angles.

    Args:
        blank: the picture, with what it says already.
        tables: the study.
        state: its selected images are drawn as lines of their own; else those traced that are wrong.
        shown: the models.
        pairs: their rows of the table of pairs, clean.
        classes: K.
    """
    by_class = table_of(tables, ANALYSIS, "feature_geometry_classes")
    traced = table_of(tables, ANALYSIS, "feature_geometry_angles")
    samples = table_of(tables, ANALYSIS, "feature_geometry_samples")
    wanted = set(state.samples)
    lines = _traced(traced, samples, shown, wanted)
    ends = degrees(pairs["angle"])
    if len(lines):
        ends = np.concatenate([ends, degrees(lines["angle"])])
    marks: list[Mark] = []
    for i, r in enumerate(shown.runs):
        own = pairs[pairs["run_id"] == r]
        norms = _norms(by_class, r)
        beside = lines[lines["run_id"] == r] if len(lines) else lines
        scales = [
            Scale.around(np.array([*(v[k] for v in norms.values()), *(beside[c] if len(beside) else ())], float))
            for k, c in enumerate(("norm", "margin"))
        ]
        panel = Panel(
            _LEFT, _HEAD + i * (_TALL + _HEAD + _FOOT), _WIDE - _LEFT, _TALL, Scale(0, 1, ()), Scale.around(ends)
        )
        axes = _Axes(panel, classes, *scales)
        marks += _frame(axes, shown.labels[r], tables.classes)
        marks += _samples(axes, beside, bool(wanted))
        marks += _means(axes, own, norms, tables.classes, shown.labels[r])
    notes = list(blank.notes)
    if wanted and not len(lines):
        notes.append("None of the selected images is among those whose angles to all classes were kept.")
    count = lines["sample_id"].nunique() if len(lines) else 0
    thin = (
        f" Thin lines: {several(count, 'selected image')}." if wanted else " Thin lines: traced images that are wrong."
    )
    labels = sorted(set(pairs["label"]))
    return replace(
        blank,
        subtitle=(
            "A line is a class: the mean angle of its clean test images' features to each class's direction, their "
            "mean norm and margin. Where it is low beside its own class, it may be taken for that."
            f"{thin if count else ''}"
        ),
        notes=tuple(notes),
        marks=tuple(marks),
        legend=(
            Key("True class", "heading"),
            *(Key(class_name(tables.classes, k), "line", _ink(k), "", False, _dash(k)) for k in labels),
            *(
                (Key("selected image" if wanted else "wrong image", "line", "ink" if wanted else "lost", ""),)
                if count
                else ()
            ),
        ),
        width=round(_WIDE + 16),
        height=round(len(shown.runs) * (_TALL + _HEAD + _FOOT)),
    )


def _ink(label: int) -> str:
    return f"hue-{label % 8}"


def _dash(label: int) -> str:
    return _DASHES[label // 8 % len(_DASHES)]


def _norms(by_class: pd.DataFrame | None, run_id: str) -> dict[int, tuple[float, float]]:
    if by_class is None:
        return {}
    own = by_class[(by_class["run_id"] == run_id) & (by_class["condition"] == CLEAN)]
    columns = (own[c].to_numpy(float) for c in ("norm", "margin"))
    return {int(k): (n, m) for k, n, m in zip(own["label"], *columns, strict=True)}


def _traced(angles: pd.DataFrame | None, samples: pd.DataFrame | None, shown: Shown, wanted: set[str]) -> pd.DataFrame:
    """Angles of traced images with their norm and margin: the selected ones, or those that a model has wrong."""
    import pandas as pd

    if angles is None or samples is None:
        return pd.DataFrame()
    keys = ["run_id", "sample_id"]
    mine = angles["run_id"].isin(list(shown.runs))
    some = angles[mine & (angles["sample_id"].isin(list(wanted)) if wanted else True)]
    clean = samples[(samples["condition"] == CLEAN) & samples["run_id"].isin(list(shown.runs))]
    if not wanted:
        clean = clean[clean["prediction"] != clean["label"]]
    left = some.assign(**{k: some[k].astype(str) for k in keys})
    right = clean.assign(**{k: clean[k].astype(str) for k in keys})[[*keys, "norm", "margin"]]
    return left.merge(right.dropna(), on=keys)


def _frame(axes: _Axes, label: str, names: Sequence[str]) -> Iterator[Mark]:
    p = axes.panel
    bottom = p.top + p.height
    yield Text(np.array([8.0]), np.array([p.top - 24.0]), [elide(label, 70)], bold=True, size=13)
    for x in axes.x:
        yield Line(np.array([x, x]), np.array([p.top, bottom]), "faint", width=1.5)
    ticks = np.array(p.y.ticks)
    yield Text(np.full(len(ticks), axes.x[0] - 10), p.down(ticks), [f"{t:g}°" for t in ticks], "soft", "right", size=11)
    heads = [elide(class_name(tuple(names), k), 11) for k in range(axes.classes)]
    at = axes.x
    yield Text(at, np.full(len(at), bottom + 14), [*heads, "norm", "margin"], "ink", "center", size=11)
    for x, scale in zip(at[-_BESIDE:], (axes.norm, axes.margin), strict=True):
        inner = np.array([scale.ticks[0], scale.ticks[-1]]) if scale.ticks else np.zeros(0)
        y = replace(p, y=scale).down(inner)
        yield Text(np.full(len(y), x + 6), y, [number(v, 2) for v in inner], "soft", size=10.5)


def _samples(axes: _Axes, lines: pd.DataFrame, chosen: bool) -> Iterator[Mark]:
    if lines.empty:
        return
    xs, ys = [], []
    for _, own in lines.groupby("sample_id", observed=True, sort=True):
        if len(own) < axes.classes:
            continue
        angles = degrees(own.sort_values("class")["angle"])
        ys.append(np.append(axes.y(angles, float(own["norm"].iloc[0]), float(own["margin"].iloc[0])), np.nan))
        xs.append(np.append(axes.x, np.nan))
    if xs:
        look = ("ink", 1.6, 0.75) if chosen else ("lost", 1.0, 0.22)
        yield Line(np.concatenate(xs), np.concatenate(ys), look[0], "solid", look[1], look[2])


def _means(
    axes: _Axes, own: pd.DataFrame, norms: Mapping[int, tuple[float, float]], names: tuple[str, ...], model: str
) -> Iterator[Mark]:
    for k, rows in own.groupby("label", sort=True):
        label = int(str(k))
        rows = rows.sort_values("class")
        if len(rows) < axes.classes or label not in norms:
            continue
        norm, margin = norms[label]
        y = axes.y(degrees(rows["angle"]), norm, margin)
        yield Line(axes.x, y, _ink(label), _dash(label), 2.0, 0.9)
        hover = {
            "model": [model] * len(y),
            "true class": [class_name(names, label)] * len(y),
            "axis": [*(f"angle to {class_name(names, int(j))}" for j in rows["class"]), "norm", "margin"],
            "mean": [*(f"{v:.1f}°" for v in degrees(rows["angle"])), number(norm), number(margin)],
            "taken for it": [
                *(f"{p:,} of {n:,}" for p, n in zip(rows["predicted"], rows["samples"], strict=True)),
                "",
                "",
            ],
        }
        filled = [bool(j == label) for j in rows["class"]] + [False, False]
        yield Points(axes.x, y, _ink(label), "circle", filled, 6, hover=hover)
