"""Whose features a picture of feature geometry shows, and what all those pictures share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import Floats, Picture, Text
from pruneviz.views.metrics import measured

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

ANALYSIS = "feature_geometry"
CLEAN = "clean"
CHOOSE = "Choose models to compare to see what changes."
_MARKERS = ("circle", "square", "triangle", "inverted_triangle")
_DASHES = ("solid", "dashed", "dotted", "dotdash")


@dataclass(frozen=True, eq=False)
class Shown:
    """The models of one picture.

    Attributes:
        runs: the reference, then those compared, of which there is something to show.
        table: the table that was asked for, of these runs.
        labels, inks, markers, dashes: by run.
        left_out: how many more are compared.
    """

    runs: tuple[str, ...]
    table: pd.DataFrame
    labels: Mapping[str, str]
    inks: Mapping[str, str]
    markers: Mapping[str, str]
    dashes: Mapping[str, str]
    left_out: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not shown, and how to see more."""
        if self.left_out:
            return (
                f"The first {len(self.runs) - 1} of {len(self.runs) - 1 + self.left_out} models compared are shown.",
            )
        return () if len(self.runs) > 1 else (CHOOSE,)


def shown_in(tables: Tables, state: ViewState, name: str, title: str, table: str, most: int) -> Shown | Picture:
    """The reference and the first of the models compared, or the picture that says why there is none.

    Args:
        tables: the study.
        state: what is looked at.
        name, title: of the picture.
        table: whose rows it needs.
        most: models compared that find room.
    """
    found = table_of(tables, ANALYSIS, table)
    if found is None:
        return Picture(name, title, empty=nothing_of(ANALYSIS, "where features lie"), height=240)
    done = measured(tables)
    have = set(found["run_id"].astype(str))
    compared = [r for r in on.compared(done, state) if r in have]
    runs = [r for r in (on.reference(done, state), *compared[:most]) if r in have]
    if not runs:
        empty = "None of the models shown has been looked at for its features. Run the study again, or choose others."
        return Picture(name, title, empty=empty, height=240)
    methods, inks = done.set_index("run_id")["method"], on.inks(tables.runs)
    return Shown(
        tuple(runs),
        found[found["run_id"].astype(str).isin(runs)],
        on.labels(done, runs),
        {r: inks[str(methods[r])] for r in runs},
        dict(zip(runs, _turns(_MARKERS, len(runs)), strict=True)),
        dict(zip(runs, _turns(_DASHES, len(runs)), strict=True)),
        max(0, len(compared) - most),
    )


def joined(*ends: Floats) -> Floats:
    """One line's coordinates for many separate pieces: each piece's ends, then a gap."""
    gap = np.full(len(ends[0]), np.nan)
    return np.stack([*ends, gap], axis=1).reshape(-1)


def label_places(
    x: Floats, y: Floats, texts: Sequence[str], width: float, height: float
) -> tuple[Floats, Floats, list[str]]:
    """Where names of points stand, beside, above or below them, with as little overlap as a greedy search finds.

    Args:
        x, y: the points, in pixels from the top left.
        texts: their names.
        width, height: of the drawing, in pixels; names are kept inside.

    Returns:
        Places of the names, and how each is aligned.
    """
    boxes = [(u - 6, v - 6, u + 6, v + 6) for u, v in zip(x, y, strict=True)]
    out_x, out_y, align = np.empty(len(x)), np.empty(len(y)), []
    for i, text in enumerate(texts):
        long = 6.6 * len(text)
        best: tuple[float, ...] | None = None
        for rank, (side, down) in enumerate((s, d) for d in (0.0, 15.0, -15.0, 30.0, -30.0) for s in ("left", "right")):
            left = x[i] + 10 if side == "left" else x[i] - 10 - long
            box = (left, y[i] + down - 8, left + long, y[i] + down + 8)
            outside = max(0.0, -box[0]) + max(0.0, box[2] - width) + max(0.0, -box[1]) + max(0.0, box[3] - height)
            cost = 40 * outside + sum(_shared(box, b) for b in boxes) + rank
            if best is None or cost < best[0]:
                best = (cost, rank % 2, down, *box)
        assert best is not None
        out_x[i] = x[i] + (10 if best[1] == 0 else -10)
        out_y[i] = y[i] + best[2]
        align.append("left" if best[1] == 0 else "right")
        boxes.append((best[3], best[4], best[5], best[6]))
    return out_x, out_y, align


def _shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Pixels that two boxes (left, top, right, bottom) share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def names_at(
    x: Floats, y: Floats, texts: Sequence[str], width: float, height: float, left: float = 0.0
) -> Iterator[Text]:
    """Names beside points of a picture of fixed width; see :func:`label_places`."""
    at_x, at_y, align = label_places(x - left, y, texts, width, height)
    for side in ("left", "right"):
        own = [i for i, a in enumerate(align) if a == side]
        if own:
            yield Text(left + at_x[own], at_y[own], [texts[i] for i in own], align=side, size=11.5)


def degrees(values: npt.ArrayLike) -> Floats:
    """Radians in degrees."""
    return np.asarray(np.degrees(np.asarray(values, np.float64)))


def _turns(names: Sequence[str], n: int) -> list[str]:
    return [names[i % len(names)] for i in range(n)]
