"""What pictures are made of: a few kinds of marks with plain numbers, and the axes they stand on.

A picture decides everything that carries meaning (which numbers, in which unit, in which ink, with which words);
a renderer decides nothing but pixels. Inks are names out of :mod:`pruneviz.views.palette`, so that one picture can
be drawn in any theme. Categories stand at 0, 1, 2, … on their axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.selection import Column

Floats = npt.NDArray[np.float64]
Hover = Mapping[str, Sequence[str]]  # what the pointer shows: a text for each mark, by title
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "star", "cross", "x")


@dataclass(frozen=True)
class Axis:
    """An axis and how its numbers read.

    Attributes:
        title: with unit and direction; empty where the categories speak for themselves.
        kind: ``linear``, ``log`` or ``categories``.
        categories: their names as shown, from position 0.
        low, high: the range shown at first; ``None`` leaves it to the marks.
        ticks: where numbers stand, for logarithmic axes; elsewhere the renderer finds round ones.
        reverse: whether the first category is at the top.
        upright: whether the names stand upright, since they do not fit side by side.
    """

    title: str = ""
    kind: str = "linear"
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    ticks: tuple[float, ...] = ()
    reverse: bool = False
    upright: bool = False


def log_axis(title: str, values: Floats) -> Axis:
    """A logarithmic axis for positive values, with ticks as dense as its decades allow."""
    low, high = math.log10(float(values.min())), math.log10(float(values.max()))
    decades = high - low
    steps = (1, 2, 3, 4, 5, 6, 8) if decades < 0.8 else (1, 2, 5) if decades < 2.7 else (1,)
    powers = range(math.floor(low) - 1, math.ceil(high) + 2)
    return Axis(title, "log", ticks=tuple(float(f"{s}e{p}") for p in powers for s in steps))


@dataclass(frozen=True, eq=False)
class Points:
    """Markers, each with an ink of its own or one for all.

    Attributes:
        keys: ids by which points are selected; empty where they cannot be.
        selected: those of the keys that are selected.
        stands_for: the ids that a click on each selects, where a point stands for several; else it is its key.
        filled: for each or for all; a hollow marker has an outline only.
        size: diameter in pixels.
    """

    x: Floats
    y: Floats
    ink: str | Sequence[str]
    marker: str | Sequence[str] = "circle"
    filled: bool | Sequence[bool] = True
    size: float = 7.0
    alpha: float = 1.0
    keys: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    stands_for: tuple[tuple[str, ...], ...] = ()
    hover: Hover = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Frame:
    """Columns that several pictures share, so that selecting in one selects in all.

    Attributes:
        name: frames of one name are one frame.
        keys: id of each row.
        columns: arrays of numbers or lists of texts, one value a row.
        selected: ids that are selected.
        counted: whether its marks count the rows in cells: a screen is then sent what the cells hold, and no row.
    """

    name: str
    keys: tuple[str, ...]
    columns: Mapping[str, Any]
    selected: tuple[str, ...] = ()
    counted: bool = False


@dataclass(frozen=True, eq=False)
class LinkedPoints:
    """Markers of the rows of a shared frame whose ``where`` column holds a given number.

    Attributes:
        x, y: names of the frame's columns.
        where: a column of whole numbers, and the number it must hold.
        hover: titles with the names of the frame's columns that hold the texts.
        ring: whether these are not drawn, but ringed in every picture of the frame while the pointer is over one.
    """

    frame: str
    x: str
    y: str
    where: tuple[str, int]
    ink: str
    marker: str = "circle"
    filled: bool = True
    size: float = 6.0
    alpha: float = 1.0
    hover: Mapping[str, str] = field(default_factory=dict)
    ring: bool = False


@dataclass(frozen=True, eq=False)
class Counted:
    """The rows of a shared frame counted in equal cells of whatever part of the plane is shown.

    A cell has the ink of the group that most of its rows are of, and is stronger the more there are. While rows are
    selected, their cells stand out before the others. Both axes have ends.

    Attributes:
        x, y: names of the frame's columns.
        group: a column of whole numbers, which of the inks each row has.
        cells: how many across and up.
        hover: title under the pointer of the number of rows in a cell.
    """

    frame: str
    x: str
    y: str
    group: str
    inks: tuple[str, ...]
    cells: tuple[int, int] = (240, 160)
    hover: Mapping[str, str] = field(default_factory=lambda: {"images in this cell": "count"})


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points, in their order."""

    x: Floats
    y: Floats
    ink: str
    dash: str = "solid"
    width: float = 2.0
    alpha: float = 1.0
    hover: Hover = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Band:
    """The area between two lines over the same places."""

    x: Floats
    low: Floats
    high: Floats
    ink: str
    alpha: float = 0.16


@dataclass(frozen=True)
class Rule:
    """A straight line across the whole picture, at a value of its axis (``x`` or ``y``)."""

    axis: str
    at: float
    ink: str = "soft"
    dash: str = "dashed"


@dataclass(frozen=True, eq=False)
class Cells:
    """Rectangles of one size, on two category axes one unit by one unit.

    Attributes:
        x, y: their positions.
        value: in [0, 1], a place on the ramp; NaN where there is nothing.
        ramp: a ramp's name out of the palette.
        text: what stands in each; empty texts where there is no room.
        strong: whether the text of each is set in bold.
        ticks: places on the ramp with the texts that explain it; none where the picture explains it itself.
        title: what the colour means.
        size: their width and height.
        keys: the ids behind each, which a click selects; empty where they cannot be.
    """

    x: Floats
    y: Floats
    value: Floats
    ramp: str
    text: Sequence[str]
    ticks: tuple[tuple[float, str], ...]
    title: str
    strong: Sequence[bool] = ()
    size: tuple[float, float] = (1.0, 1.0)
    keys: Sequence[tuple[str, ...]] = ()
    hover: Hover = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Bars:
    """Horizontal bars from ``left`` to ``right``, ``height`` category widths high.

    Attributes:
        hatch: pattern by which the bar is known without its colour: empty, ``/``, ``.`` or ``x``.
    """

    y: Floats
    left: Floats
    right: Floats
    ink: str | Sequence[str]
    height: float = 0.62
    hatch: str = ""
    alpha: float = 1.0
    hover: Hover = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Intervals:
    """Horizontal intervals: whiskers from ``low`` to ``high``."""

    y: Floats
    low: Floats
    high: Floats
    ink: str | Sequence[str]
    width: float = 2.0


@dataclass(frozen=True, eq=False)
class Boxes:
    """Rectangles by their edges, e.g. the cells of a table."""

    left: Floats
    right: Floats
    top: Floats
    bottom: Floats
    ink: str | Sequence[str]
    alpha: float = 1.0
    hover: Hover = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Images:
    """Pictures, uint8 (n, h, w, 1 or 3), by their left and top edges; all of one size, where y grows downwards."""

    pixels: npt.NDArray[np.uint8]
    left: Floats
    top: Floats
    width: float
    height: float
    hover: Hover = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Maps:
    """Small maps of numbers as colours, by their left and top edges; all of one size, where y grows downwards.

    Attributes:
        places: uint8 (n, h, w), the top row first: 0 is the ramp's beginning, 255 its end.
        ramp: a ramp's name out of the palette.
    """

    places: npt.NDArray[np.uint8]
    ramp: str
    left: Floats
    top: Floats
    width: float
    height: float
    hover: Hover = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Text:
    """Words at places.

    Attributes:
        room: how wide each may be, in units of an x axis that has ends; longer ones are shortened in their middle.
    """

    x: Floats
    y: Floats
    text: Sequence[str]
    ink: str | Sequence[str] = "ink"
    align: str = "left"
    bold: bool = False
    size: float = 12.0
    slant: float = 0.0
    room: float | None = None


Mark = Points | LinkedPoints | Counted | Line | Band | Rule | Cells | Bars | Intervals | Boxes | Images | Maps | Text


@dataclass(frozen=True)
class Key:
    """A line of the legend: what one look means.

    Attributes:
        kind: ``line``, ``point``, ``area``, ``heading`` (which begins a group) or ``note`` (words alone).
    """

    label: str
    kind: str
    ink: str = "soft"
    marker: str = "circle"
    filled: bool = True
    dash: str = "solid"
    hatch: str = ""
    alpha: float = 1.0


@dataclass(frozen=True, eq=False)
class Picture:
    """Everything about a picture but its pixels.

    Attributes:
        name: stable name, also the key of the picture in the catalogue.
        title: what it shows.
        subtitle: what varied, how many, and what intervals mean.
        hint: what a click in it does; said only where somebody hears of clicks.
        sentences: what was found, with numbers.
        notes: what was left out, and by what rule.
        empty: why there is nothing to draw, and what to do; nothing else matters then.
        failed: whether it is empty through a fault of what makes it, which is told where others are left out.
        selects: what its points are keyed by: ``runs``, ``samples``, ``shown_sample``, ``layer`` or nothing.
        height: of the drawing, in pixels.
        width: in pixels where it is fixed (then marks stand at pixels from the top left), else 0.
        frames: shared columns that its marks refer to.
        plane: the columns of samples along its axes, where a line drawn in it is a rule over them.
    """

    name: str
    title: str
    subtitle: str = ""
    hint: str = ""
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    empty: str = ""
    failed: bool = False
    x: Axis = Axis()
    y: Axis = Axis()
    marks: tuple[Mark, ...] = ()
    legend: tuple[Key, ...] = ()
    selects: str = ""
    height: int = 420
    width: int = 0
    frames: tuple[Frame, ...] = ()
    plane: tuple[Column, Column] | None = None
