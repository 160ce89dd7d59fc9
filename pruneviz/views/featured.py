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
_ROUNDS, _FAR = 3, 44  # pixels that a name may stand above or below its point
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
    points = [(u - 6, v - 6, u + 6, v + 6) for u, v in zip(x, y, strict=True)]
    names: dict[int, _Name] = {}
    for _ in range(_ROUNDS):  # each again once the others have their places
        for i, text in enumerate(texts):
            others = [*points, *(n.box for k, n in names.items() if k != i)]
            ways = [
                _Name.beside(x[i], y[i], 6.6 * len(text), side, float(down))
                for down in sorted(range(-_FAR, _FAR + 1, 4), key=abs)
                for side in ("left", "right")
            ]
            names[i] = min(ways, key=lambda w: abs(w.y - y[i]) + (w.align == "right") + w.cost(others, width, height))
    own = [names[i] for i in range(len(texts))]
    return np.array([n.x for n in own]), np.array([n.y for n in own]), [n.align for n in own]


@dataclass(frozen=True)
class _Name:
    """A name as it might stand: where it begins or ends, and the room that it takes."""

    x: float
    y: float
    align: str
    box: tuple[float, ...]

    @classmethod
    def beside(cls, x: float, y: float, long: float, align: str, down: float) -> _Name:
        """On the right of a point (aligned left) or on its left, and so far down."""
        left = x + 10 if align == "left" else x - 10 - long
        at = x + 10 if align == "left" else x - 10
        return cls(at, y + down, align, (left, y + down - 7, left + long, y + down + 7))

    def cost(self, others: Sequence[tuple[float, ...]], width: float, height: float) -> float:
        """How much of it is outside the drawing, or over something else."""
        left, top, right, bottom = self.box
        outside = max(0.0, -left) + max(0.0, right - width) + max(0.0, -top) + max(0.0, bottom - height)
        return 40 * outside + sum(_shared(self.box, b) for b in others)


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
