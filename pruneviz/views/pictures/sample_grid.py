"""Many images at once, sorted by any number of any model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import SAMPLES
from pruneviz.core.viewstate import ViewState
from pruneviz.views.comparison import Comparison, class_name, comparison
from pruneviz.views.embedded import changes_of
from pruneviz.views.marks import Boxes, Cells, Images, Key, Mark, Picture, Text
from pruneviz.views.pictures.images import by_disagreement
from pruneviz.views.text import elide, number, percent, plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

Floats = npt.NDArray[np.float64]

COLUMNS, ROWS = 7, 6
ON_PAGE = COLUMNS * ROWS
TILE, _HIGH, _IMAGE = 96, 122, 68
_WORDS = TILE - 14.0  # of a tile's width, for words
_TITLE = "The images"


def sample_grid_info(tables: Tables, state: ViewState) -> Picture:
    """The selected images, or all of them, a tile each: the image, its true class, and what one model says of it.

    Sorted by what ``state.sort`` says, of the run ``state.sort_of``; images without that number come last.
    """
    c = comparison(tables, state, with_baseline=False)
    if c.reference not in c.samples.runs or not c.samples.ids:
        return Picture("sample_grid", _TITLE, empty=c.why_empty or "There are no test images.", height=200)
    run = sorted_run(c, state)
    values = _values(tables, state, c, run)
    order, rule = _order(c, state, values, run)
    first = min(state.first_sample, max(len(order) - 1, 0)) // ON_PAGE * ON_PAGE
    page = order[first : first + ON_PAGE]
    rows = -(-len(page) // COLUMNS)
    return Picture(
        "sample_grid",
        _TITLE,
        subtitle=f"Images {first + 1:,} to {first + len(page):,} of {c.scope}, {rule}.",
        hint="Click one to see more of it.",
        marks=tuple(_marks(tables, state, c, run, page, values)),
        legend=(
            Key(f"✓ right, says {elide(plain(c.labels[run]), 40)}", "area", "right-fill"),
            Key("✗ wrong", "area", "wrong-fill"),
        ),
        selects="shown_sample",
        width=COLUMNS * TILE,
        height=rows * _HIGH,
    )


def sorted_run(c: Comparison, state: ViewState) -> str:
    """The run whose numbers the images are sorted by."""
    known = (*c.compared, c.reference)
    return state.sort_of if state.sort_of in known else known[0]


def sorted_ids(tables: Tables, state: ViewState) -> tuple[str, ...]:
    """The ids of the images of the grid, all its pages, in their order."""
    c = comparison(tables, state, with_baseline=False)
    if c.reference not in c.samples.runs:
        return ()
    run = sorted_run(c, state)
    order, _ = _order(c, state, _values(tables, state, c, run), run)
    return tuple(np.array(c.samples.ids, dtype=object)[order])


def _values(tables: Tables, state: ViewState, c: Comparison, run: str) -> Floats | None:
    if state.sort == "disagreement":
        return None
    if state.sort == "change":
        return changes_of(tables, run, c.samples.ids)
    found: Floats = getattr(c.samples, state.sort)[run]
    return found


def _order(c: Comparison, state: ViewState, values: Floats | None, run: str) -> tuple[npt.NDArray[np.intp], str]:
    if values is None:
        order, rule = by_disagreement(c)
        return (order, rule) if state.descending else (order[::-1], rule.replace(" first", " last"))
    known = np.isfinite(values)
    keys = np.where(known, -values if state.descending else values, np.inf)
    of = elide(plain(c.labels[run]), 40)
    rule = f"{'largest' if state.descending else 'smallest'} {word(state.sort)} of {of} first"
    return np.argsort(keys, kind="stable"), rule


def word(sort: str) -> str:
    """What images are sorted by, in words."""
    return {"change": "change of neighbourhood", "disagreement": "disagreement of models"}.get(sort, sort)


def _marks(
    tables: Tables, state: ViewState, c: Comparison, run: str, page: npt.NDArray[np.intp], values: Floats | None
) -> list[Mark]:
    n = len(page)
    left = (np.arange(n) % COLUMNS * TILE).astype(float)
    top = (np.arange(n) // COLUMNS * _HIGH).astype(float)
    ids = tuple(c.samples.ids[i] for i in page)
    names = [class_name(tables.classes, int(c.samples.labels[i])) for i in page]
    said = [class_name(tables.classes, int(c.samples.prediction[run][i])) for i in page]
    right = [bool(c.samples.prediction[run][i] == c.samples.labels[i]) for i in page]
    unit = SAMPLES[state.sort].unit if state.sort in SAMPLES.names else ""
    shown = c.samples.confidence[run][page] if values is None else values[page]
    tail = f" {unit}" if unit == "nats" else ""
    texts = [percent(float(v)) if values is None else f"{number(float(v))}{tail}" for v in shown]
    told = "confidence" if values is None else word(state.sort)
    hover = {
        "image": [plain(s) for s in ids],
        "true class": names,
        "model says": [f"{s}, {'right' if r else 'wrong'}" for s, r in zip(said, right, strict=True)],
        told: texts,
    }
    clicked = Cells(
        left + TILE / 2,
        top + _HIGH / 2,
        np.full(n, np.nan),
        "density",
        [""] * n,
        (),
        "",
        size=(TILE - 4.0, _HIGH - 4.0),
        keys=[(s,) for s in ids],
    )
    inks = ["right-fill" if r else "wrong-fill" for r in right]
    marks: list[Mark] = [
        clicked,
        Boxes(left + 3, left + TILE - 3, top + 3, top + _HIGH - 3, inks, hover=hover),
    ]
    if state.shown_sample in ids:
        i = ids.index(state.shown_sample)
        marks.append(framed(left[i] + 1, top[i] + 1, TILE - 2, _HIGH - 2))
    pixels = tables.pictures(ids)
    scale = _IMAGE / max(pixels.shape[1:3])
    w, h = pixels.shape[2] * scale, pixels.shape[1] * scale
    marks.append(Images(pixels, left + (TILE - w) / 2, top + 8 + (_IMAGE - h) / 2, w, h))
    signs = [f"{'✓' if r else '✗'} {s}" for s, r in zip(said, right, strict=True)]
    marks.append(Text(left + 8, top + 88, names, bold=True, size=11, room=_WORDS))
    marks.append(Text(left + 8, top + 101, signs, size=10.5, room=_WORDS))
    marks.append(Text(left + 8, top + 113, texts, "soft", size=10, room=_WORDS))
    return marks


def framed(left: float, top: float, width: float, height: float) -> Boxes:
    """A frame around what is shown in detail, of four bars."""
    a, z, up, down = left, left + width, top, top + height
    edges = np.array([(a, z, up, up + 3), (a, z, down - 3, down), (a, a + 3, up, down), (z - 3, z, up, down)])
    return Boxes(edges[:, 0], edges[:, 1], edges[:, 2], edges[:, 3], "ink")
