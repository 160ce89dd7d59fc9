"""A box, a lasso or a click in a plane of images, as the rule that it means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pruneviz.core.selection import Ids, Inside, Polygon, Rule
from pruneviz.core.tables import Tables
from pruneviz.views.marks import Picture
from pruneviz.views.samples import held
from pruneviz.views.selecting import numbers_of, within

MOST_CORNERS = 40  # of a line that is kept: more do not fit into an address


def rule_of(
    picture: Picture,
    corners: Polygon,
    marked: Sequence[str],
    before: Rule | None,
    selected: Sequence[str],
    tables: Tables,
) -> Rule | None:
    """What is selected after somebody has drawn in a picture.

    The keys that the browser has marked since say whether the line was drawn anew, or to add to the selection (shift),
    to take away from it or to narrow it down: that combination is taken which comes nearest to them.

    Args:
        picture: one with a plane.
        corners: of what was drawn; none for a click.
        marked: the keys that the browser shows as selected since.
        before: the rule before; None for none.
        selected: the samples that it meant.
        tables: the study.

    Returns:
        None where nothing is selected any more.
    """
    if len(corners) < 3 or picture.plane is None:
        return Ids(tuple(marked)) if marked else None
    x, y = picture.plane
    rule = Inside(x, y, simplified(corners))
    keys = picture.frames[0].keys
    drawn = within(numbers_of(tables, x, keys), numbers_of(tables, y, keys), corners)
    if before is None:
        return rule if drawn.any() else None
    shown, had = held(keys, marked), held(keys, selected)
    ways: tuple[tuple[npt.NDArray[np.bool_], Rule], ...] = (
        (drawn, rule),
        (had | drawn, before | rule),
        (had & ~drawn, before & ~rule),
        (had & drawn, before & rule),
    )
    return min(ways, key=lambda way: int((way[0] != shown).sum()))[1]  # of equals the first


def simplified(corners: Polygon, most: int = MOST_CORNERS) -> Polygon:
    """A line of at most ``most`` corners, those dropped that move it least, and rounded to 1/10,000 of its extent.

    Douglas & Peucker 1973 (Cartographica 10), with the least tolerance out of a rising row that is enough.
    """
    points = np.array(corners, np.float64)
    extent = float(np.ptp(points, axis=0).max()) or 1.0
    digits = max(0, 4 - int(np.floor(np.log10(extent))))
    tolerance = extent / 1000
    kept = points
    while len(kept) > most or kept is points:
        kept = points[_needed(points, tolerance)]
        tolerance *= 1.5
    return tuple((round(float(x), digits), round(float(y), digits)) for x, y in kept)


def _needed(points: npt.NDArray[np.float64], tolerance: float) -> npt.NDArray[np.intp]:
    """The corners without which the line would be off by more than the tolerance; three at least."""
    keep = {0, len(points) - 1, len(points) // 2}
    parts = [(0, len(points) // 2), (len(points) // 2, len(points) - 1)]
    while parts:
        a, b = parts.pop()
        if b - a < 2:
            continue
        along, between = points[b] - points[a], points[a + 1 : b] - points[a]
        length = float(np.hypot(*along))
        cross = along[0] * between[:, 1] - along[1] * between[:, 0]
        off = np.abs(cross) / length if length > 0 else np.hypot(between[:, 0], between[:, 1])
        at = int(np.argmax(off))
        if off[at] > tolerance:
            keep.add(a + 1 + at)
            parts += [(a, a + 1 + at), (a + 1 + at, b)]
    return np.array(sorted(keep), np.intp)
