"""The images themselves, with what each model says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import Change
from pruneviz.views import runs as on
from pruneviz.views.comparison import Comparison, class_name, comparison
from pruneviz.views.marks import Boxes, Images, Key, Mark, Picture, Text
from pruneviz.views.samples import Samples
from pruneviz.views.text import elide, percent, plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

ROWS = 10  # images on a page
_HEAD, _ROW, _IMAGE, _NAMES = 44, 60, 52, 150
_FEW, _CELL, _NARROW = 5, 122, 108  # models, and the columns of so few and of more: these fill a page of paper
_LEFT = _IMAGE + 12


def images_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each image: the image, its true class, and each model's prediction with its confidence.

    The selected images, or all of them; first those that most of the models compared see differently than the
    reference. Right and wrong differ by a sign, a colour and the words under the pointer.
    """
    title = "The images"
    c = comparison(tables, state, with_baseline=False)
    if c.why_empty and not (c.reference in c.samples.runs and not c.compared and c.samples.ids):
        return Picture("images", title, empty=c.why_empty, height=320)
    order, rule = by_disagreement(c)
    first = min(state.first_sample, max(len(order) - 1, 0)) // ROWS * ROWS
    page = order[first : first + ROWS]
    samples = c.samples.only(_mask(page, len(c.samples.ids)))
    samples = _in_order(samples, [c.samples.ids[i] for i in page])
    runs = (c.reference, *c.compared, *c.beside)
    width = _LEFT + _NAMES + _cell(runs) * len(runs)
    return Picture(
        "images",
        title,
        subtitle=f"Images {first + 1:,} to {first + len(page):,} of {c.scope}, {rule}.",
        marks=tuple(_marks(c, samples, runs, tables)),
        legend=(Key("✓ right", "area", "right-fill"), Key("✗ wrong", "area", "wrong-fill")),
        width=width,
        height=_HEAD + _ROW * len(page),
    )


def pages(tables: Tables, state: ViewState) -> int:
    """How many images the pages of :func:`images_info` show in all."""
    return len(comparison(tables, state, with_baseline=False).samples.ids)


def by_disagreement(c: Comparison) -> tuple[npt.NDArray[np.intp], str]:
    """Positions of the images, those first that most of the models compared see differently; and the rule in words."""
    if not c.compared:
        return np.argsort(-c.samples.loss[c.reference], kind="stable"), "those with the largest loss first"
    codes = np.array([c.codes(c.reference, r) for r in c.compared])
    flipped = (codes >= Change.RIGHT_TO_WRONG).sum(axis=0)
    worse = np.mean([c.samples.loss[r] for r in c.compared], axis=0) - c.samples.loss[c.reference]
    return np.lexsort((-np.nan_to_num(worse), -flipped)), "those that most models see differently first"


def _mask(page: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.bool_]:
    keep = np.zeros(n, bool)
    keep[page] = True
    return keep


def _in_order(samples: Samples, ids: list[str]) -> Samples:
    at = {s: i for i, s in enumerate(samples.ids)}
    order = np.array([at[i] for i in ids], dtype=np.intp)
    return replace(
        samples,
        ids=tuple(ids),
        labels=samples.labels[order],
        prediction={r: v[order] for r, v in samples.prediction.items()},
        confidence={r: v[order] for r, v in samples.confidence.items()},
    )


def _marks(c: Comparison, samples: Samples, runs: tuple[str, ...], tables: Tables) -> list[Mark]:
    rows = len(samples.ids)
    top = _HEAD + _ROW * np.arange(rows, dtype=float)
    cell = _cell(runs)
    left = _LEFT + _NAMES + cell * np.arange(len(runs), dtype=float)
    names = [class_name(tables.classes, int(k)) for k in samples.labels]
    marks: list[Mark] = [*_pictures(tables, samples.ids, top, names)]
    beside, shown = np.full(rows, float(_LEFT)), [plain(s) for s in samples.ids]
    marks.append(Text(beside, top + 21, names, bold=True, room=_NAMES - 10.0))
    marks.append(Text(beside, top + 38, shown, "soft", size=11, room=_NAMES - 10.0))
    marks += _heads(c, runs, left)
    said = [class_name(tables.classes, int(samples.prediction[r][i])) for i in range(rows) for r in runs]
    right = [bool(samples.prediction[r][i] == samples.labels[i]) for i in range(rows) for r in runs]
    sure = [percent(float(samples.confidence[r][i])) for i in range(rows) for r in runs]
    x, y = np.tile(left, rows), np.repeat(top, len(runs))
    marks.append(
        Boxes(
            x + 2,
            x + cell - 2,
            y + 2,
            y + _ROW - 4,
            ["right-fill" if r else "wrong-fill" for r in right],
            hover={
                "model": [plain(c.labels[r]) for r in runs] * rows,
                "says": said,
                "which is": ["right" if r else "wrong" for r in right],
                "true class": [n for n in names for _ in runs],
                "confidence": sure,
            },
        )
    )
    signs = ["✓ " if r else "✗ " for r in right]
    marks.append(Text(x + 10, y + 21, [s + n for s, n in zip(signs, said, strict=True)], room=cell - 14.0))
    marks.append(Text(x + 10, y + 38, sure, "soft", size=11))
    return marks


def _heads(c: Comparison, runs: tuple[str, ...], left: npt.NDArray[np.float64]) -> list[Mark]:
    """The models' names, in up to two lines each."""
    most = 16 if _cell(runs) == _CELL else 13
    lines = [_two_lines(c.labels[r].removeprefix(on.as_control("")), most) for r in runs]
    lines = [(a, "control") if r in c.beside else (a, b) for r, (a, b) in zip(runs, lines, strict=True)]
    lines[0] = ("★ " + lines[0][0], lines[0][1])
    y, room = np.full(len(runs), 12.0), _cell(runs) - 14.0
    return [
        Text(left + 10, y, [a for a, _ in lines], bold=True, size=11.5, room=room),
        Text(left + 10, y + 17, [b for _, b in lines], "soft", size=11.5, room=room),
        Text(np.array([float(_LEFT)]), np.array([12.0]), ["true class"], "soft", size=11.5),
    ]


def _cell(runs: tuple[str, ...]) -> int:
    """The width of a model's column."""
    return _CELL if len(runs) <= _FEW else _NARROW


def _two_lines(label: str, most: int) -> tuple[str, str]:
    """A label broken where a space allows it, each line short enough for its column: of ``most`` letters."""
    words, first = label.split(" "), ""
    while words and len(first) + len(words[0]) < most - 2:
        first = f"{first} {words.pop(0)}".strip()
    if not first:
        return elide(words[0], most - 1), elide(" ".join(words[1:]), most)
    return first, elide(" ".join(words), most)


def _pictures(tables: Tables, ids: tuple[str, ...], top: npt.NDArray[np.float64], names: list[str]) -> list[Mark]:
    pixels = tables.pictures(ids)
    height, width = pixels.shape[1:3]
    scale = _IMAGE / max(height, width)
    w, h = width * scale, height * scale
    hover = {"image": [plain(s) for s in ids], "true class": names}
    return [Images(pixels, np.full(len(ids), (_IMAGE - w) / 2), top + (_ROW - 2 - h) / 2, w, h, hover)]
