"""Image by image: how sure two models are of the same samples. Selecting in one selects in all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.selection import Column
from pruneviz.core.tables import SAMPLES
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import Change, Codes
from pruneviz.views.comparison import Comparison, class_name, comparison
from pruneviz.views.counting import each, is_counted, told
from pruneviz.views.marks import Axis, Counted, Frame, Key, Line, LinkedPoints, Mark, Picture, Rule
from pruneviz.views.outcomes import OUTCOMES
from pruneviz.views.text import elide, plain, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

FRAME = "samples"
_REFERENCE = "reference"
MOST_POINTS = 20_000  # that a browser's canvas repaints quickly
MOST_SCATTERS = 4  # of models compared
MOST_DRAWN = MOST_SCATTERS + 1  # with their random controls
_FAINT = 0.5  # of a control's points
_ALPHA = {Change.STAYED_RIGHT: 0.35, Change.STAYED_WRONG: 0.5}


def sample_scatter_info(tables: Tables, state: ViewState) -> Picture:
    """The first model compared over the reference; see :func:`sample_scatters`."""
    return sample_scatters(tables, state)[0]


def sample_scatters(tables: Tables, state: ViewState) -> tuple[Picture, ...]:
    """One scatter for each of the first four models compared, over the reference, a point for each test sample.

    After them, fainter, stand their random controls, as many as make five scatters in all.
    All of them show the same frame, keyed by sample id. Colour and marker are what became of the prediction. Samples
    that are too many to be repainted quickly are counted in cells, unless each is asked for.
    """
    c = comparison(tables, state.everything, with_baseline=False)
    if c.why_empty:
        return (Picture(_name(0), "Image by image", empty=c.why_empty, height=320),)
    shown = c.drawn(MOST_SCATTERS)
    codes = {r: c.codes(c.reference, r) for r in shown}
    if is_counted(len(c.samples.ids), state, MOST_POINTS):
        frame = _counted(c, state, codes)
    else:
        frame = _frame(c, state, codes, each(np.array(list(codes.values()))), tables.classes)
    return tuple(_scatter(c, state, frame, r, i) for i, r in enumerate(shown))


def _name(i: int) -> str:
    return f"sample_scatter_{i + 1}"


def _counted(c: Comparison, state: ViewState, codes: Mapping[str, Codes]) -> Frame:
    values = getattr(c.samples, state.sample_metric)
    columns = {f"value {_of(c, r)}": values[r] for r in (c.reference, *codes)}
    columns |= {f"outcome {r}": code for r, code in codes.items()}
    return Frame(FRAME, c.samples.ids, columns, state.samples, counted=True)


def _frame(
    c: Comparison,
    state: ViewState,
    codes: Mapping[str, Codes],
    kept: npt.NDArray[np.intp],
    classes: tuple[str, ...],
) -> Frame:
    known = [c.samples.labels, *(c.samples.prediction[r] for r in (c.reference, *codes))]
    names = [class_name(classes, k) for k in range(max(len(classes), *(int(s.max()) + 1 for s in known)))]
    values = getattr(c.samples, state.sample_metric)
    keys = tuple(c.samples.ids[i] for i in kept)
    columns: dict[str, object] = {
        "sample": [plain(k) for k in keys],
        "label": [names[k] for k in c.samples.labels[kept]],
    }
    for r in (c.reference, *codes):
        columns[f"value {_of(c, r)}"] = values[r][kept]
        columns[f"said {_of(c, r)}"] = [names[k] for k in c.samples.prediction[r][kept]]
    columns.update({f"outcome {r}": code[kept].astype(np.uint8) for r, code in codes.items()})
    return Frame(FRAME, keys, columns, state.samples)


def _of(c: Comparison, run_id: str) -> str:
    """Whose a column is: another reference changes what is in it and not its name, which marks go by."""
    return _REFERENCE if run_id == c.reference else run_id


def _scatter(c: Comparison, state: ViewState, frame: Frame, run_id: str, i: int) -> Picture:
    column = SAMPLES[state.sample_metric]
    unit = f" ({column.unit})" if column.unit else ""
    better = {"high": " · higher is better", "low": " · lower is better"}.get(column.better, "")
    label, reference = c.labels[run_id], c.labels[c.reference]
    values = getattr(c.samples, state.sample_metric)
    known = np.isfinite(values[c.reference]) & np.isfinite(values[run_id])
    both = np.concatenate([values[r][known] for r in (c.reference, run_id)] + [np.zeros(1)])
    ends = np.array([both.min(), both.max()])
    room = 0.04 * float(np.ptp(ends)) or 0.5
    shown = (float(ends[0]) - room, float(ends[1]) + room) if frame.counted else (None, None)
    crossing: tuple[Mark, ...] = (Rule("x", 0.0, "soft", "dotted"), Rule("y", 0.0, "soft", "dotted"))
    line = Line(ends, ends, "soft", "dashed", 1.2)
    marks = (*_points(c, frame, run_id), line) if frame.counted else (line, *_points(c, frame, run_id))
    total = len(c.samples.ids)
    above = "worse" if column.better == "low" else "higher"
    words = f"{column.name.capitalize()} of {total:,} images: {column.meaning}. "
    cells = next((k.cells for k in marks if isinstance(k, Counted)), None)
    lacking = total - int(known.sum())
    notes = (
        told(len(frame.keys), total, cells),
        f"{several(lacking, 'image')} without a place: the {column.name} is not finite." if lacking else "",
    )
    return Picture(
        _name(i),
        f"{label} over {reference}",
        subtitle=f"{words}Above the dashed line the model's is {above}." if i == 0 else "",
        notes=tuple(n for n in notes if n),
        x=Axis(f"{elide(reference, 40)}\n{column.name}{unit}{better}", low=shown[0], high=shown[1]),
        y=Axis(f"{elide(label, 40)}\n{column.name}{unit}{better}", low=shown[0], high=shown[1]),
        marks=(*(crossing if state.sample_metric == "margin" else ()), *marks),
        legend=tuple(Key(o.label, "area", o.ink) if frame.counted else o.key("point") for o in OUTCOMES)
        if i == 0
        else (),
        selects="samples",
        height=380,
        frames=(frame,),
        plane=(Column(column.name, c.reference), Column(column.name, run_id)),
    )


def _points(c: Comparison, frame: Frame, run_id: str) -> tuple[Mark, ...]:
    """A point for each image, in groups by what became of it; or cells that count them."""
    x, y, outcome = f"value {_REFERENCE}", f"value {run_id}", f"outcome {run_id}"
    if frame.counted:
        inks = {int(o.change): o.ink for o in OUTCOMES}
        return (Counted(FRAME, x, y, outcome, tuple(inks[k] for k in sorted(inks))),)
    hover = {
        "image": "sample",
        "true class": "label",
        "reference says": f"said {_REFERENCE}",
        "model says": f"said {run_id}",
    }
    return tuple(
        LinkedPoints(
            FRAME,
            x,
            y,
            (outcome, int(o.change)),
            o.ink,
            o.marker,
            o.filled,
            5.0 if o.change in _ALPHA else 7.0,
            _ALPHA.get(o.change, 0.8) * (1.0 if run_id in c.compared else _FAINT),
            hover,
        )
        for o in OUTCOMES
    )
