"""Many points as cells that count them: which cell has how many, and of which group most of those are.

The counting is plain NumPy: a million points take some 15 ms, which is little beside what a browser takes to draw
them. It is done anew for the part of the plane that is shown, so that zooming in always shows as many cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import Change
from pruneviz.views.marks import Counted, Frame, Picture
from pruneviz.views.palette import ink
from pruneviz.views.text import several

MOST_EACH = 100_000  # points of their own that a browser still draws, if slowly
FAINTEST = 0.35  # opacity of a cell with one point, beside others with many
FADED = 0.25  # of all cells, while some rows are selected
CODES = 256  # of a byte: one for each look of a cell

Window = tuple[float, float, float, float]  # left, right, low, high
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Counts:
    """What lies in equal cells of a part of the plane; the lowest row of cells first.

    Attributes:
        number: (rows, columns) how many points.
        group: (rows, columns) the group that most of them are of; of equals the first.
    """

    number: npt.NDArray[np.uint32]
    group: npt.NDArray[np.uint8]


def window_of(picture: Picture) -> Window:
    """The part of the plane that a picture shows at first: its axes have ends."""
    left, right, low, high = (
        end for axis in (picture.x, picture.y) for end in (axis.low, axis.high) if end is not None
    )
    return left, right, low, high


def counts(frame: Frame, mark: Counted, window: Window, among: Bools | None = None) -> Counts:
    """Count the rows of a frame in the cells of a window.

    Args:
        frame: with the columns that the mark names, (N,) each. Places that are not finite lie in no cell.
        mark: which columns, how many groups and cells.
        window: the part of the plane; its left and low edges belong to it, the others do not.
        among: (N,) the rows that count; None for all.
    """
    columns, rows = mark.cells
    left, right, low, high = window
    across = (np.asarray(frame.columns[mark.x]) - left) * (columns / (right - left))
    up = (np.asarray(frame.columns[mark.y]) - low) * (rows / (high - low))
    inside = (across >= 0) & (across < columns) & (up >= 0) & (up < rows)
    if among is not None:
        inside &= among
    groups = len(mark.inks)
    place = up[inside].astype(np.int32) * columns + across[inside].astype(np.int32)
    place = place * groups + np.asarray(frame.columns[mark.group])[inside]
    found = np.bincount(place, minlength=rows * columns * groups).reshape(rows, columns, groups)
    return Counts(found.sum(axis=2).astype(np.uint32), found.argmax(axis=2).astype(np.uint8))


def levels(groups: int) -> int:
    """How many strengths each of so many groups can have, with a byte for a cell."""
    return (CODES - 1) // groups


def looks(found: Counts, groups: int, most: int) -> npt.NDArray[np.uint8]:
    """(rows, columns) a number for each cell's look out of :func:`colours`; 0 for cells without points.

    Args:
        found: what lies in the cells.
        groups: how many there are.
        most: the number of points that is shown as strong as can be; strength goes with the logarithm.
    """
    steps = levels(groups)
    strength = np.log1p(found.number) / np.log1p(max(most, 1))
    step = np.minimum((strength * steps).astype(np.int64), steps - 1)
    return np.where(found.number > 0, 1 + found.group * steps + step, 0).astype(np.uint8)


def colours(inks: tuple[str, ...], theme: str) -> list[str]:
    """A colour with opacity, ``#rrggbbaa``, for each of the numbers of :func:`looks`."""
    steps = levels(len(inks))
    opacity = np.linspace(FAINTEST, 1.0, steps)
    made = [f"{ink(name, theme)}{round(255 * o):02x}" for name in inks for o in opacity]
    return ["#00000000", *made, *["#00000000"] * (CODES - 1 - len(made))]


def is_counted(count: int, state: ViewState, most: int) -> bool:
    """Whether so many points are counted in cells, and not drawn one by one."""
    return count > most and not state.all_points


def each(codes: npt.NDArray[np.int8], most: int = MOST_EACH) -> npt.NDArray[np.intp]:
    """Which samples are drawn one by one: all, or those that flipped and an even part of the others.

    Args:
        codes: (models, N) what became of each sample's prediction.
        most: how many are drawn.
    """
    n = codes.shape[1]
    if n <= most:
        return np.arange(n)
    flipped = np.flatnonzero((codes >= Change.RIGHT_TO_WRONG).any(axis=0))[:most]
    others = np.setdiff1d(np.arange(n), flipped)
    room = most - len(flipped)
    even = others[np.linspace(0, len(others) - 1, room).astype(np.intp)] if room else others[:0]
    return np.sort(np.concatenate([flipped, even]))


def told(drawn: int, whole: int, cells: tuple[int, int] | None) -> str:
    """How many of how many are shown, and by what rule; empty where each is drawn.

    Args:
        drawn: how many are drawn one by one.
        whole: how many there are.
        cells: how many across and up count them, where they are counted.
    """
    if cells is not None:
        return (
            f"{several(whole, 'image')}, counted in cells, {cells[0]} by {cells[1]} of whatever part is shown: a cell "
            "has the colour of most of its images, and is stronger the more there are."
        )
    return f"{drawn:,} of {whole:,} images drawn: all that flipped, and an even part of the others." * (drawn < whole)
