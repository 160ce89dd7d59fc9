"""Which classes pay: each class's accuracy against the reference's, on the same images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import SMALL_CLASS, Flips, count_changes, mcnemar, paired_interval
from pruneviz.measures.statistics import holm
from pruneviz.views.comparison import BEYOND, Comparison, class_name, comparison
from pruneviz.views.marks import Axis, Bars, Cells, Floats, Intervals, Key, Mark, Picture, Points, Rule, Text
from pruneviz.views.text import elide, listed, percent, points, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

SIDE_BY_SIDE = 3  # models whose intervals can be read beside each other; more become a table of cells
ALL_CLASSES = 20  # so many are shown in their own order; of more, those that changed most
MOST_CLASSES = 30
_LABEL = 26
_LEVEL = 0.05
_MARKERS = ("circle", "square", "triangle", "diamond")


@dataclass(frozen=True, eq=False)
class _Changes:
    """Changes of accuracy, all (models, classes), of the classes shown; and the dense pairs' range, (classes,)."""

    runs: tuple[str, ...]  # the models compared, then the controls beside them
    change: Floats
    low: Floats
    high: Floats
    before: Floats
    n: npt.NDArray[np.int64]
    dense_low: Floats
    dense_high: Floats
    names: tuple[str, ...]
    left_out: int


def class_changes_info(tables: Tables, state: ViewState) -> Picture:
    """Change of each class's accuracy, with 95 % intervals paired on the same images.

    Up to three models stand side by side with their intervals; more become a table of cells, in which changes whose
    interval leaves out 0 are bold. Dense models against dense models show what retraining alone does to each class, and
    the random control of each model, hollow or in a column of its own, what removing as much blindly does.
    """
    title = "What became of each class"
    c = comparison(tables, state)
    if c.why_empty:
        return Picture("class_changes", title, empty=c.why_empty, height=240)
    n_classes = max(len(tables.classes), int(c.samples.labels.max()) + 1)
    runs = (*c.compared, *c.beside)
    flips = _count(c, tuple((c.reference, r) for r in runs), n_classes)
    there = np.flatnonzero(flips.n[0] > 0)
    found = _changes(c, runs, flips, there, tables.classes, n_classes)
    notes = []
    if found.left_out:
        notes.append(f"{len(found.names)} of {len(there)} classes shown: those whose accuracy changed most.")
    if (flips.n[0][there] < SMALL_CLASS).any():
        notes.append(f"Classes with fewer than {SMALL_CLASS} images have no interval.")
    beside = len(c.compared) <= SIDE_BY_SIDE and len(runs) <= len(_MARKERS)
    words = (
        f"Accuracy minus that of {c.labels[c.reference]} (the reference), over {c.scope}. 95 % intervals, paired on "
    )
    words += "the same images, each by itself; they speak of other images, not of other models."
    sentences = tuple(_sentences(c, found.runs, flips, there, tables.classes))
    picture = Picture("class_changes", title, subtitle=words, sentences=sentences, notes=tuple(notes))
    return _side_by_side(picture, c, found) if beside else _table(picture, c, found)


def _count(c: Comparison, pairs: tuple[tuple[str, str], ...], n_classes: int) -> Flips:
    codes = np.array([c.codes(*p) for p in pairs], dtype=np.int8).reshape(len(pairs), len(c.samples.ids))
    return count_changes(codes, c.samples.labels, n_classes)


def _changes(
    c: Comparison,
    runs: tuple[str, ...],
    flips: Flips,
    there: npt.NDArray[np.intp],
    classes: tuple[str, ...],
    n_classes: int,
) -> _Changes:
    change = flips.accuracy_difference
    shown = there
    if len(there) > ALL_CLASSES:
        own = change[: len(c.compared)]
        most = np.nanmax(np.abs(own[:, there]), axis=0)
        first = there[np.argsort(-most, kind="stable")[:MOST_CLASSES]]
        shown = first[np.argsort(np.nanmin(own[:, first], axis=0), kind="stable")]
    low, high = paired_interval(flips.right_to_wrong, flips.wrong_to_right, flips.n)
    dense = _count(c, c.baseline, n_classes).accuracy_difference[:, shown] if c.baseline else np.zeros((0, len(shown)))
    nothing = np.full((1, len(shown)), np.nan)
    dense = dense if len(dense) else nothing
    return _Changes(
        runs,
        change[:, shown],
        low[:, shown],
        high[:, shown],
        flips.accuracy_before[:, shown],
        flips.n[:, shown],
        dense.min(axis=0),
        dense.max(axis=0),
        tuple(class_name(classes, int(k)) for k in shown),
        len(there) - len(shown),
    )


def _sentences(
    c: Comparison, runs: tuple[str, ...], flips: Flips, there: npt.NDArray[np.intp], classes: tuple[str, ...]
) -> Iterator[str]:
    judged = [runs.index(r) for r in c.judged]
    every = flips.accuracy_difference[:, there]
    lost, gained, n = (v[judged][:, there] for v in (flips.right_to_wrong, flips.wrong_to_right, flips.n))
    p = holm(mcnemar(lost, gained).reshape(-1)).reshape(lost.shape)
    change = every[judged]
    model, worst = np.unravel_index(int(np.argmin(change)), change.shape)
    name = class_name(classes, int(there[worst]))
    if change[model, worst] < 0:
        low, high = paired_interval(lost[model, worst], gained[model, worst], n[model, worst])
        span = f", {points(float(low))} to {points(float(high))}" if np.isfinite(low) else ""
        who, fall = c.judged[model], points(float(change[model, worst]))
        images = several(int(n[model, worst]), "image")
        control = c.controls.get(who)
        blind = (
            f"; random pruning of as much: {points(float(every[runs.index(control), worst]))} points" if control else ""
        )
        yield f"The largest fall is {name} with {c.labels[who]}: {fall} points{span} ({images}){blind}."
    else:
        yield "No class lost accuracy in any model compared."
    fallen = [class_name(classes, int(there[k])) for k in np.flatnonzero(((p < _LEVEL) & (change < 0)).any(axis=0))]
    tests = f"exact McNemar, Holm-corrected over {p.size} tests"
    if fallen:
        some = [*fallen[:5], f"{len(fallen) - 5} more"] if len(fallen) > 5 else fallen
        yield f"Lower by more than these images let chance explain, in at least one model: {listed(some)} ({tests})."
    else:
        yield f"No single class is lower by more than these images let chance explain ({tests})."


def _side_by_side(picture: Picture, c: Comparison, d: _Changes) -> Picture:
    classes, models = np.arange(len(d.names), dtype=float), len(d.runs)
    marks: list[Mark] = []
    legend: list[Key] = []
    if np.isfinite(d.dense_low).any():
        low, high = 100 * np.minimum(d.dense_low, 0), 100 * np.maximum(d.dense_high, 0)
        shown = [f"{points(a)} to {points(b)} points" for a, b in zip(d.dense_low, d.dense_high, strict=True)]
        marks.append(Bars(classes, low, high, "faint", 0.86, hover={"class": d.names, "dense models differ by": shown}))
        legend.append(Key(f"range of {several(len(c.baseline), 'pair')} of dense models", "area", "faint"))
    marks.append(Rule("x", 0.0, "soft", "solid"))
    for j, run_id in enumerate(d.runs):
        y = classes + _apart(models) * (j - (models - 1) / 2)
        ink, marker, own = c.ink(run_id), _MARKERS[j], run_id in c.compared
        marks.append(Intervals(y, 100 * d.low[j], 100 * d.high[j], ink, 2.0 if own else 1.0))
        marks.append(Points(100 * d.change[j], y, ink, marker, own, size=9 if own else 7, hover=_hover(c, d, j)))
        legend.append(Key(c.labels[run_id], "line", ink, marker, own))
    least, most = _ends(d, models)
    if most - least > BEYOND * float(np.subtract(*_ends(d, len(c.compared))[::-1])):
        least, most = _ends(d, len(c.compared))
        marks += _beyond(c, d, least, most)
    return replace(
        picture,
        x=Axis("change of accuracy (percentage points) · higher is better", low=least, high=most),
        y=Axis(kind="categories", categories=tuple(elide(n, _LABEL) for n in d.names), reverse=True),
        marks=tuple(marks),
        legend=tuple(legend),
        height=110 + max(30, 16 * models) * len(d.names),
    )


def _ends(d: _Changes, models: int) -> tuple[float, float]:
    """An axis that holds the first so many models and the dense pairs."""
    own = [v[:models] for v in (d.low, d.high, d.change)]
    ends = np.concatenate([*own, d.dense_low[None], d.dense_high[None]])
    least, most = 100 * float(np.nanmin(np.append(ends, -0.01))), 100 * float(np.nanmax(np.append(ends, 0.01)))
    room = 0.04 * (most - least)
    return least - room, most + room


def _beyond(c: Comparison, d: _Changes, least: float, most: float) -> Iterator[Mark]:
    """Numbers of the controls that lie beyond the axis, at its end."""
    for j in range(len(c.compared), len(d.runs)):
        y = np.arange(len(d.names)) + _apart(len(d.runs)) * (j - (len(d.runs) - 1) / 2)
        low, high = 100 * d.change[j] < least, 100 * d.change[j] > most
        for out, at, align, text in ((low, least, "left", "← {}"), (high, most, "right", "{} →")):
            if out.any():
                numbers = [text.format(points(v)) for v in d.change[j][out]]
                yield Text(np.full(len(numbers), at), y[out], numbers, c.ink(d.runs[j]), align, size=11.0)


def _apart(models: int) -> float:
    """How far models stand apart, in rows."""
    return 0.24 if models <= SIDE_BY_SIDE else 0.2


def _hover(c: Comparison, d: _Changes, j: int) -> dict[str, list[str]]:
    return {
        "class": list(d.names),
        "model": [c.labels[d.runs[j]]] * len(d.names),
        "change": [f"{points(v)} points" for v in d.change[j]],
        "95 % interval": [_span(a, b) for a, b in zip(d.low[j], d.high[j], strict=True)],
        "accuracy": [f"{percent(b)} to {percent(b + v)}" for b, v in zip(d.before[j], d.change[j], strict=True)],
        "images": [str(int(n)) for n in d.n[j]],
    }


def _span(low: float, high: float) -> str:
    return f"{points(low)} to {points(high)}" if np.isfinite(low) else "too few images"


def _table(picture: Picture, c: Comparison, d: _Changes) -> Picture:
    reach = max(0.05, float(np.nanmax(np.abs(d.change))))
    order = [*range(len(c.compared), len(d.runs)), *range(len(c.compared))]  # what they are held to comes first
    columns = [c.labels[d.runs[j]] for j in order]
    change = d.change[order]
    strong = ((d.low > 0) | (d.high < 0))[order]
    hovers = [_hover(c, d, j) for j in order]
    if np.isfinite(d.dense_low).any():
        largest = np.where(-d.dense_low > d.dense_high, d.dense_low, d.dense_high)
        columns.insert(0, f"dense, largest of {several(len(c.baseline), 'pair')}")
        change = np.vstack([largest, change])
        strong = np.vstack([np.zeros(len(d.names), bool), strong])
        blank = [""] * len(d.names)
        dense = {**dict.fromkeys(hovers[0], blank), "class": list(d.names), "model": [columns[0]] * len(d.names)}
        hovers.insert(0, {**dense, "change": [f"{points(v)} points" for v in largest]})
    models, classes = change.shape
    x, y = np.repeat(np.arange(models, dtype=float), classes), np.tile(np.arange(classes, dtype=float), models)
    cells = Cells(
        x,
        y,
        (change.reshape(-1) / reach + 1) / 2,
        "change",
        [points(v, 0 if models > 10 else 1) for v in change.reshape(-1)],
        ((0.0, points(-reach, 0)), (0.5, "0"), (1.0, points(reach, 0))),
        "percentage points",
        [bool(s) for s in strong.reshape(-1)],
        hover={k: [t for h in hovers for t in h[k]] for k in hovers[0]},
    )
    return replace(
        picture,
        x=Axis(kind="categories", categories=tuple(elide(n, 28) for n in columns), upright=True),
        y=Axis(kind="categories", categories=tuple(elide(n, _LABEL) for n in d.names), reverse=True),
        marks=(cells,),
        legend=(Key("bold: the 95 % interval leaves out 0", "note"),),
        height=220 + 28 * classes,
    )
