"""One image: what every model says of it, and which images are its neighbours there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import table_of
from pruneviz.views.comparison import Comparison, class_name, comparison
from pruneviz.views.embedded import ANALYSIS, changes_of, neighbours_of
from pruneviz.views.marks import Boxes, Images, Key, Mark, Picture, Text
from pruneviz.views.text import number, percent, plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

MOST_NEIGHBOURS = 8
WIDE, _HEAD, _LARGE = 392, 128, 112
_WORDS, _SMALL, _GAP = 44, 44, 14  # lines of words, thumbnails, and what is left below them
_TITLE = "One image"


def sample_detail_info(tables: Tables, state: ViewState) -> Picture:
    """The image ``state.shown_sample`` with its true class; for each model its prediction and its nearest images.

    Nearest by all features that the classifier reads. Neighbours of the true class and of others differ in the tint
    behind them; the pointer tells their classes.
    """
    c = comparison(tables, state.everything, with_baseline=False)
    if not state.shown_sample:
        return Picture("sample_detail", _TITLE, empty="Choose an image to see what every model says of it.", height=200)
    if state.shown_sample not in c.samples.ids:
        empty = f"There is no test image {plain(state.shown_sample)} that these models have seen."
        return Picture("sample_detail", _TITLE, empty=empty, height=200)
    runs = (c.reference, *c.compared, *c.beside)
    near = {r: neighbours_of(tables, r, state.shown_sample)[:MOST_NEIGHBOURS] for r in runs}
    known = any(near.values())
    marks = _image(tables, c, state.shown_sample)
    top = float(_HEAD)
    for r in runs:
        marks += _model(tables, c, state.shown_sample, r, near[r], top)
        top += _WORDS + (_SMALL if near[r] else 0) + _GAP
    same = (Key("nearest images: of its class", "area", "right-fill"), Key("of another", "area", "wrong-fill"))
    how = (
        "Neighbours are not known: add embeddings = {} under [analyses] of the study's file and run it again."
        if table_of(tables, ANALYSIS, "embeddings_seen") is None
        else f"This image was not looked at, so its neighbours are not known; samples under [analyses.{ANALYSIS}] "
        "changes that."
    )
    return Picture(
        "sample_detail",
        _TITLE,
        notes=() if known else (how,),
        marks=tuple(marks),
        legend=same if known else (),
        width=WIDE,
        height=int(top),
    )


def _image(tables: Tables, c: Comparison, sample: str) -> list[Mark]:
    label = class_name(tables.classes, int(c.samples.labels[c.samples.ids.index(sample)]))
    at = np.array([_LARGE + 18.0])
    return [
        *_pictures(tables, (sample,), np.array([0.0]), np.array([0.0]), _LARGE, [label]),
        Text(at, np.array([20.0]), ["true class"], "soft", size=11.5),
        Text(at, np.array([40.0]), [label], bold=True, size=15.0, room=WIDE - at[0]),
        Text(at, np.array([62.0]), [plain(sample)], "soft", size=11.5, room=WIDE - at[0]),
    ]


def _model(tables: Tables, c: Comparison, sample: str, run: str, near: tuple[str, ...], top: float) -> list[Mark]:
    i = c.samples.ids.index(sample)
    s = c.samples
    label, said = int(s.labels[i]), int(s.prediction[run][i])
    right = said == label
    change = float(changes_of(tables, run, (sample,))[0])
    parts = [
        f"{percent(float(s.confidence[run][i]))} sure",
        f"margin {number(float(s.margin[run][i]))}",
        f"loss {number(float(s.loss[run][i]))}",
    ]
    parts += [f"neighbours changed {change:.2f}"] if np.isfinite(change) else []
    star = "★ " if run == c.reference else ""
    sign = f"{'✓' if right else '✗'} {class_name(tables.classes, said)}"

    def at(x: float, y: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return np.array([x]), np.array([top + y])

    hover = {
        "model": [plain(c.labels[run])],
        "says": [class_name(tables.classes, said)],
        "which is": ["right" if right else "wrong"],
    }
    marks: list[Mark] = [
        Boxes(
            *(np.array([0.0]), np.array([float(WIDE)]), np.array([top]), np.array([top + _WORDS - 4])),
            ["right-fill" if right else "wrong-fill"],
            hover=hover,
        ),
        Text(*at(8, 12), [star + plain(c.labels[run])], bold=True, size=11.5, room=0.6 * WIDE - 16),
        Text(*at(WIDE - 8, 12), [sign], align="right", size=12.0, room=0.4 * WIDE - 16),
        Text(*at(8, 29), [" · ".join(parts)], "soft", size=10.5),
    ]
    if near:
        where = {k: j for j, k in enumerate(s.ids)}
        classes = [int(s.labels[where[k]]) if k in where else -1 for k in near]
        left = np.array([j * (_SMALL + 5.0) for j in range(len(near))])
        y = np.full(len(near), top + _WORDS)
        inks = ["right-fill" if k == label else "wrong-fill" for k in classes]
        names = [class_name(tables.classes, k) for k in classes]
        marks.append(Boxes(left, left + _SMALL, y, y + _SMALL, inks))
        marks += _pictures(tables, near, left + 4, y + 4, _SMALL - 8, names)
    return marks


def _pictures(
    tables: Tables,
    ids: tuple[str, ...],
    left: npt.NDArray[np.float64],
    top: npt.NDArray[np.float64],
    side: int,
    names: list[str],
) -> list[Mark]:
    pixels = tables.pictures(ids)
    scale = side / max(pixels.shape[1:3])
    w, h = pixels.shape[2] * scale, pixels.shape[1] * scale
    hover = {"image": [plain(s) for s in ids], "true class": names}
    return [Images(pixels, left + (side - w) / 2, top + (side - h) / 2, w, h, hover)]
