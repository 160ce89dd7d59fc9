"""The test images by their features, a scatter for each model, all in one plane and linked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.selection import Column
from pruneviz.core.tables import SAMPLES
from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.comparison import Comparison, class_name, comparison
from pruneviz.views.counting import each, is_counted, told
from pruneviz.views.embedded import ANALYSIS, AXES, Embedded, changes_of, embedded
from pruneviz.views.marks import MARKERS, Axis, Counted, Frame, Key, LinkedPoints, Mark, Picture
from pruneviz.views.neighbourhoods import neighbourhoods
from pruneviz.views.outcomes import OUTCOMES
from pruneviz.views.palette import STEPS
from pruneviz.views.samples import rows_of
from pruneviz.views.text import elide, listed, number, percent, plain, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]

FRAME = "projected"
MOST_POINTS = 10_000  # of one scatter, that several of them repaint quickly
MOST_MODELS = 4  # compared, beside the reference
MOST_DRAWN = 1 + MOST_MODELS + 1  # with the reference and a random control
_FAINT = 0.5  # of a control's points
_MOST_CLASSES = 10  # that have a look of their own
_CHANGE = "change of neighbourhood"


@dataclass(frozen=True)
class _Group:
    """Samples that look the same, and what that means."""

    label: str
    ink: str
    marker: str = "circle"
    filled: bool = True
    size: float = 6.0
    alpha: float = 0.75


@dataclass(frozen=True, eq=False)
class _Coloured:
    """What the colours mean.

    Attributes:
        groups: looks, by code.
        codes: (N,) by run.
        words: what they mean, as sentences.
        value: title of the number under the pointer; empty where the other words there say it.
        numbers: (N,) that number, by run.
        unit: of that number.
        notes: what the colours leave out.
    """

    groups: tuple[_Group, ...]
    codes: Mapping[str, Codes]
    words: str
    value: str = ""
    numbers: Mapping[str, Floats] = field(default_factory=dict)
    unit: str = ""
    notes: tuple[str, ...] = ()

    def text(self, run_id: str, i: int) -> str:
        """The number of one sample in words."""
        value = float(self.numbers[run_id][i])
        return f"{number(value)} {self.unit}".rstrip() if np.isfinite(value) else "–"


def projection_info(tables: Tables, state: ViewState) -> Picture:
    """The reference's scatter; see :func:`projections`."""
    return projections(tables, state)[0]


def projections(tables: Tables, state: ViewState) -> tuple[Picture, ...]:
    """One scatter for the reference and for each of the first four models compared, a point for each image.

    After them stand the random controls of those models, as many as make six scatters in all.
    All show the same frame, keyed by sample id, and the same part of one plane, so that an image is found in the same
    place as far as its features have kept theirs. A line drawn around points is a rule over the model's own places.
    """
    title = "The images by their features"
    c = comparison(tables, state.everything, with_baseline=False)
    asked = (c.reference, *c.drawn(MOST_MODELS)) if c.reference in c.samples.runs else ()
    places = embedded(tables, asked, c.samples.ids) if asked else None
    if places is None:
        nothing = table_of(tables, ANALYSIS, "embeddings_seen") is None
        why = nothing_of(ANALYSIS, "where images lie by their features") if nothing and asked else ""
        empty = why or c.why_empty or "None of the models shown has been looked at. Run the study again."
        return (Picture("projection", title, empty=empty, height=200),)
    rows = rows_of(places.ids, c.samples.ids)
    coloured = _coloured(tables, state, c, places, rows)
    if is_counted(len(rows), state, MOST_POINTS):
        frame = _counted(state, places, coloured)
    else:
        kept = each(np.array([c.codes(c.reference, r)[rows] for r in places.runs]))
        frame = _frame(c, state, tables.classes, places, coloured, rows, kept)
    ends = _ends(places)
    changes = neighbourhoods(tables, places.runs, state)
    return tuple(
        _scatter(c, places, frame, coloured, r, i, len(rows), ends, changes) for i, r in enumerate(places.runs)
    )


def _coloured(
    tables: Tables, state: ViewState, c: Comparison, places: Embedded, rows: npt.NDArray[np.intp]
) -> _Coloured:
    if state.colour == "outcome":
        codes = {r: np.asarray(c.codes(c.reference, r)[rows]) for r in places.runs}
        looks = {int(o.change): _Group(o.label, o.ink, o.marker, o.filled) for o in OUTCOMES}
        groups = tuple(looks[k] for k in sorted(looks))
        return _Coloured(groups, codes, "Colour: what became of the reference's prediction.")
    if state.colour == "class":
        labels = dict.fromkeys(places.runs, c.samples.labels[rows])
        return _by_class(tables.classes, labels, "Colour: true class.")
    if state.colour == "prediction":
        said = {r: c.samples.prediction[r][rows] for r in places.runs}
        return _by_class(tables.classes, said, "Colour: the class that the model says.")
    if state.colour == "change":
        values = {r: changes_of(tables, r, places.ids) for r in places.runs}
        words = "Colour: share of an image's neighbourhood that is another one than in its dense model"
        return _by_number(values, _CHANGE, words, "not known")
    column = SAMPLES[state.colour]
    values = {r: getattr(c.samples, state.colour)[r][rows] for r in places.runs}
    return _by_number(values, column.name, f"Colour: {column.name}, {column.meaning}", "not finite", column.unit)


def _by_class(classes: tuple[str, ...], of: Mapping[str, npt.NDArray[np.int64]], words: str) -> _Coloured:
    """Each class has a look; of many, the most frequent. The same for all models."""
    found, counts = np.unique(np.concatenate(list(of.values())), return_counts=True)
    frequent = found[np.argsort(-counts, kind="stable")] if len(found) > _MOST_CLASSES else found
    own = [int(k) for k in frequent[:_MOST_CLASSES]]
    groups = [_Group(class_name(classes, k), f"hue-{i}", MARKERS[i % len(MARKERS[:6])]) for i, k in enumerate(own)]
    codes = {r: np.full(len(labels), len(own), np.uint8) for r, labels in of.items()}
    for r, labels in of.items():
        for i, k in enumerate(own):
            codes[r][labels == k] = i
    left = len(found) - len(own)
    notes = (f"{len(own)} of {len(found):,} classes have a colour: the most frequent.",) if left else ()
    groups += [_Group("other classes", "soft", alpha=0.3)] if left else []
    return _Coloured(tuple(groups), codes, words, notes=notes)


def _by_number(values: Mapping[str, Floats], name: str, words: str, missing: str, unit: str = "") -> _Coloured:
    """Steps with as many images each as ties allow, the same for all models, so that colours can be compared."""
    known = np.concatenate([v[np.isfinite(v)] for v in values.values()])
    inner = np.unique(np.quantile(known, np.arange(1, STEPS) / STEPS)) if len(known) else np.zeros(0)
    edges = inner[(inner > known.min()) & (inner <= known.max())] if len(known) else inner
    ends = [float(known.min()), *map(float, edges), float(known.max())] if len(known) else []
    inks = np.linspace(0, STEPS - 1, max(len(ends) - 1, 1)).round().astype(int)
    tail = f" {unit}" if unit else ""
    groups = [
        _Group((f"{number(a, 2)} to {number(b, 2)}" if a < b else number(a, 2)) + tail, f"step-{k}")
        for a, b, k in zip(ends[:-1], ends[1:], inks, strict=False)
    ]
    codes = {r: np.searchsorted(edges, v, side="right").astype(np.uint8) for r, v in values.items()}
    if any(not np.isfinite(v).all() for v in values.values()):
        for r, v in values.items():
            codes[r][~np.isfinite(v)] = len(groups)
        groups.append(_Group(missing, "soft", "cross", False, alpha=0.4))
    more = " In five steps with equally many images." if len(edges) == STEPS - 1 else ""
    return _Coloured(tuple(groups), codes, f"{words}.{more}", name, values, unit)


def _counted(state: ViewState, places: Embedded, coloured: _Coloured) -> Frame:
    columns: dict[str, object] = {}
    for r in places.runs:
        columns |= {f"x {r}": places.x[r], f"y {r}": places.y[r], f"group {r}": coloured.codes[r]}
    return Frame(FRAME, places.ids, columns, state.samples, counted=True)


def _frame(
    c: Comparison,
    state: ViewState,
    classes: tuple[str, ...],
    places: Embedded,
    coloured: _Coloured,
    rows: npt.NDArray[np.intp],
    kept: npt.NDArray[np.intp],
) -> Frame:
    keys = tuple(places.ids[i] for i in kept)
    at = rows[kept]
    said = [c.samples.labels, *(c.samples.prediction[r] for r in places.runs)]
    names = [class_name(classes, k) for k in range(max(len(classes), *(int(s.max()) + 1 for s in said)))]
    columns: dict[str, object] = {
        "sample": [plain(k) for k in keys],
        "label": [names[k] for k in c.samples.labels[at]],
        "every": np.ones(len(keys), np.uint8),
    }
    for r in places.runs:
        columns[f"x {r}"], columns[f"y {r}"] = places.x[r][kept], places.y[r][kept]
        sure = c.samples.confidence[r][at]
        columns[f"said {r}"] = [
            f"{names[k]}, {percent(float(p))} sure" for k, p in zip(c.samples.prediction[r][at], sure, strict=True)
        ]
        columns[f"group {r}"] = np.asarray(coloured.codes[r][kept], np.uint8)
        if coloured.value:
            columns[f"value {r}"] = [coloured.text(r, i) for i in kept]
    return Frame(FRAME, keys, columns, state.samples)


def _ends(places: Embedded) -> tuple[tuple[float, float], tuple[float, float]]:
    """The part of the plane that holds all images of all models, with a margin."""

    def of(values: Mapping[str, Floats]) -> tuple[float, float]:
        known = np.concatenate([v[np.isfinite(v)] for v in values.values()])
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        margin = 0.04 * (high - low) or 0.5
        return low - margin, high + margin

    return of(places.x), of(places.y)


def _scatter(
    c: Comparison,
    places: Embedded,
    frame: Frame,
    coloured: _Coloured,
    run_id: str,
    i: int,
    whole: int,
    ends: tuple[tuple[float, float], tuple[float, float]],
    changes: Mapping[str, str],
) -> Picture:
    first = i == 0
    marks = _points(frame, coloured, run_id, _FAINT if run_id in c.beside else 1.0)
    nowhere = int((~np.isfinite(places.x[run_id])).sum())
    notes = [f"{several(nowhere, 'image')} without a place: features that are not finite or all the same."]
    notes = notes if nowhere else []
    if first:
        cells = next((k.cells for k in marks if isinstance(k, Counted)), None)
        notes += [text for text in (told(len(frame.keys), whole, cells),) if text]
        if whole < len(c.samples.ids):
            notes.append(
                f"{whole:,} of {len(c.samples.ids):,} test images were looked at; samples under "
                f"[analyses.{ANALYSIS}] changes that."
            )
        lacking = [c.labels[r] for r in (c.reference, *c.drawn(MOST_MODELS)) if r not in places.runs]
        notes += [f"Not looked at yet: {listed(map(plain, lacking))}."] if lacking else []
        notes += coloured.notes
    keys = tuple(
        Key(g.label, "area", g.ink)
        if frame.counted
        else Key(g.label, "point", g.ink, g.marker, g.filled, alpha=g.alpha)
        for g in coloured.groups
    )
    axes = ("first component", "second component") if places.by == "PCA" else ("UMAP, first axis", "UMAP, second axis")
    star = "★ " if run_id == c.reference else ""
    return Picture(
        f"projection_{i + 1}",
        f"{star}{plain(c.labels[run_id])}",
        subtitle=f"{several(whole, 'image')} in one plane by {places.by}. {coloured.words}" if first else "",
        sentences=(changes[run_id],) if run_id in changes else (),
        notes=tuple(notes),
        x=Axis(f"{axes[0]} · {elide(plain(c.labels[run_id]), 30)}", low=ends[0][0], high=ends[0][1]),
        y=Axis(axes[1], low=ends[1][0], high=ends[1][1]),
        marks=marks,
        legend=keys if first else (),
        selects="samples",
        height=340,
        frames=(frame,),
        plane=(Column(AXES[0], run_id, places.planes[run_id]), Column(AXES[1], run_id, places.planes[run_id])),
    )


def _points(frame: Frame, coloured: _Coloured, run_id: str, alpha: float) -> tuple[Mark, ...]:
    """A point for each image, in groups that look the same, and a ring around the one pointed at; or cells."""
    x, y, where = f"x {run_id}", f"y {run_id}", f"group {run_id}"
    if frame.counted:
        return (Counted(FRAME, x, y, where, tuple(g.ink for g in coloured.groups)),)
    hover = {"image": "sample", "true class": "label", "model says": f"said {run_id}"}
    if coloured.value:
        hover[coloured.value] = f"value {run_id}"
    return (
        *(
            LinkedPoints(FRAME, x, y, (where, k), g.ink, g.marker, g.filled, g.size, alpha * g.alpha)
            for k, g in enumerate(coloured.groups)
        ),
        LinkedPoints(FRAME, x, y, ("every", 1), "ink", size=7.0, hover=hover, ring=True),
    )
