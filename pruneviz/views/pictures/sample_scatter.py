"""Image by image: how sure two models are of the same samples. Selecting in one selects in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import SAMPLES
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import Change
from pruneviz.views.comparison import Comparison, class_name, comparison
from pruneviz.views.marks import Axis, Frame, Line, LinkedPoints, Mark, Picture, Rule
from pruneviz.views.outcomes import OUTCOMES
from pruneviz.views.text import elide, plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

FRAME = "samples"
MOST_POINTS = 20_000  # that a browser's canvas repaints quickly
MOST_SCATTERS = 4
_ALPHA = {Change.STAYED_RIGHT: 0.35, Change.STAYED_WRONG: 0.5}


def sample_scatter_info(tables: Tables, state: ViewState) -> Picture:
    """The first model compared over the reference; see :func:`sample_scatters`."""
    return sample_scatters(tables, state)[0]


def sample_scatters(tables: Tables, state: ViewState) -> tuple[Picture, ...]:
    """One scatter for each of the first four models compared, over the reference, a point for each test sample.

    All of them show the same frame, keyed by sample id. Colour and marker are what became of the prediction. Of more
    samples than a browser repaints quickly, all that flipped are drawn and an even part of the others.
    """
    c = comparison(tables, replace(state, samples=()), with_baseline=False)
    if c.why_empty:
        return (Picture(_name(0), "Image by image", empty=c.why_empty, height=320),)
    shown = c.compared[:MOST_SCATTERS]
    codes = {r: c.codes(c.reference, r) for r in shown}
    kept = thinned(codes)
    frame = _frame(c, state, codes, kept, tables.classes)
    return tuple(_scatter(c, state, frame, r, i, len(kept)) for i, r in enumerate(shown))


def _name(i: int) -> str:
    return f"sample_scatter_{i + 1}"


def thinned(codes: Mapping[str, npt.NDArray[np.int8]], most: int = MOST_POINTS) -> npt.NDArray[np.intp]:
    """Which samples are drawn: all, or those that flipped and an even part of the others."""
    stacked = np.array(list(codes.values()))
    n = stacked.shape[1]
    if n <= most:
        return np.arange(n)
    flipped = np.flatnonzero((stacked >= Change.RIGHT_TO_WRONG).any(axis=0))[:most]
    others = np.setdiff1d(np.arange(n), flipped)
    room = most - len(flipped)
    even = others[np.linspace(0, len(others) - 1, room).astype(np.intp)] if room else others[:0]
    return np.sort(np.concatenate([flipped, even]))


def _frame(
    c: Comparison,
    state: ViewState,
    codes: dict[str, npt.NDArray[np.int8]],
    kept: npt.NDArray[np.intp],
    classes: tuple[str, ...],
) -> Frame:
    said = [c.samples.labels, *(c.samples.prediction[r] for r in (c.reference, *codes))]
    names = [class_name(classes, k) for k in range(max(len(classes), *(int(s.max()) + 1 for s in said)))]
    values = getattr(c.samples, state.sample_metric)
    keys = tuple(c.samples.ids[i] for i in kept)
    columns: dict[str, object] = {
        "sample": [plain(k) for k in keys],
        "label": [names[k] for k in c.samples.labels[kept]],
    }
    for r in (c.reference, *codes):
        columns[f"value {r}"] = values[r][kept]
        columns[f"said {r}"] = [names[k] for k in c.samples.prediction[r][kept]]
    columns.update({f"outcome {r}": code[kept].astype(np.uint8) for r, code in codes.items()})
    return Frame(FRAME, keys, columns, state.samples)


def _scatter(c: Comparison, state: ViewState, frame: Frame, run_id: str, i: int, drawn: int) -> Picture:
    column = SAMPLES[state.sample_metric]
    unit = f" ({column.unit})" if column.unit else ""
    better = {"high": " · higher is better", "low": " · lower is better"}.get(column.better, "")
    label, reference = c.labels[run_id], c.labels[c.reference]
    values = getattr(c.samples, state.sample_metric)
    both = np.concatenate([values[r][np.isfinite(values[r])] for r in (c.reference, run_id)] + [np.zeros(1)])
    ends = np.array([both.min(), both.max()])
    crossing: tuple[Mark, ...] = (Rule("x", 0.0, "soft", "dotted"), Rule("y", 0.0, "soft", "dotted"))
    marks: list[Mark] = [
        *(crossing if state.sample_metric == "margin" else ()),
        Line(ends, ends, "soft", "dashed", 1.2),
    ]
    for outcome in OUTCOMES:
        marks.append(
            LinkedPoints(
                FRAME,
                f"value {c.reference}",
                f"value {run_id}",
                (f"outcome {run_id}", int(outcome.change)),
                outcome.ink,
                outcome.marker,
                outcome.filled,
                5.0 if outcome.change in _ALPHA else 7.0,
                _ALPHA.get(outcome.change, 0.8),
                {
                    "image": "sample",
                    "true class": "label",
                    "reference says": f"said {c.reference}",
                    "model says": f"said {run_id}",
                },
            )
        )
    total = len(c.samples.ids)
    thinned = f"{drawn:,} of {total:,} images drawn: all that flipped, and an even part of the others."
    above = "worse" if column.better == "low" else "higher"
    words = f"{column.name.capitalize()} of {total:,} images: {column.meaning}. "
    return Picture(
        _name(i),
        f"{label} over {reference}",
        subtitle=f"{words}Above the dashed line the model's is {above}." if i == 0 else "",
        notes=(thinned,) if drawn < total else (),
        x=Axis(f"{elide(reference, 40)}\n{column.name}{unit}{better}"),
        y=Axis(f"{elide(label, 40)}\n{column.name}{unit}{better}"),
        marks=tuple(marks),
        legend=tuple(o.key("point") for o in OUTCOMES) if i == 0 else (),
        selects="samples",
        height=380,
        frames=(frame,),
    )
