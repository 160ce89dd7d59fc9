"""Which pictures there are: ours, and those of other installed packages (entry points ``pruneviz.views``).

Another package's picture is a function of the study's tables and the view's state that returns a
:class:`pruneviz.views.marks.Picture`, as ours are. Its name says whose tables it shows: that of an analysis, or one
that begins with it and an underscore, as tables are named. Whatever it does wrong is told where it would stand, with
the package's name, and nothing else suffers.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from pruneviz.core.errors import PrunevizError, unknown
from pruneviz.views.marks import Mark, Picture
from pruneviz.views.pictures import OF_ANALYSIS, PICTURES, SEVERAL
from pruneviz.views.text import plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables
    from pruneviz.core.viewstate import ViewState

GROUP = "pruneviz.views"
ANALYSES = "pruneviz.analyses"

log = logging.getLogger(__name__)

Make = Callable[["Tables", "ViewState"], Picture]


def names() -> tuple[str, ...]:
    """The pictures there are, ours first."""
    return (*PICTURES, *sorted(_installed(GROUP)))


def find(name: str, where: str) -> Make:
    """What makes a picture.

    Args:
        name: the picture's.
        where: the place that names it, for messages.

    Raises:
        SpecError: there is none of that name.
    """
    if name in PICTURES:
        return PICTURES[name]
    if (points := _installed(GROUP).get(name)) is None:
        raise unknown(where, name, names())
    made = partial(_made, name, tuple(points))
    made.__doc__ = f"A picture of {_packages(points)}."
    return made


def find_all(name: str, where: str) -> Callable[[Tables, ViewState], tuple[Picture, ...]]:
    """What makes all that a picture's name stands for: one picture, or one for each model.

    Raises:
        SpecError: there is none of that name.
    """
    if name in SEVERAL:
        return SEVERAL[name]
    make = find(name, where)
    return lambda tables, state: (make(tables, state),)


def of_analysis(analysis: str) -> tuple[str, ...]:
    """The names of the pictures that show an analysis's tables, ours first; none for one that is shown as tables."""
    known = {*OF_ANALYSIS, *_installed(ANALYSES), analysis}
    own = [p for p in sorted(_installed(GROUP)) if _whose(p, known) == analysis]
    return (*OF_ANALYSIS.get(analysis, ()), *own)


def _whose(picture: str, analyses: set[str]) -> str:
    """The analysis that a picture's name names, of several the longest; empty where it names none."""
    return max((a for a in analyses if picture == a or picture.startswith(f"{a}_")), key=len, default="")


def _installed(group: str) -> dict[str, list[EntryPoint]]:
    return _announced(group, tuple(sys.path))


@lru_cache(maxsize=8)
def _announced(group: str, path: Sequence[str]) -> dict[str, list[EntryPoint]]:
    """What the packages on the path announce: asked at every change of a page, and looked up in files."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        # The same package may be seen twice, installed and from its checkout: equal targets count once.
        if all(point.value != other.value for other in found.setdefault(point.name, [])):
            found[point.name].append(point)
    for name in PICTURES if group == GROUP else ():
        for point in found.pop(name, ()):
            log.warning(
                "%s announces a picture %s, which is the name of one of pruneviz's; it is not used.", point, name
            )
    return found


def _packages(points: Sequence[EntryPoint]) -> str:
    return " and ".join(p.dist.name if p.dist is not None else p.value for p in points)


def _made(name: str, points: Sequence[EntryPoint], tables: Tables, state: ViewState) -> Picture:
    """Another package's picture, or one that says what is wrong with it."""
    packages = _packages(points)
    try:
        if len(points) > 1:
            raise PrunevizError("they share this name")
        picture = _held(points[0].load()(tables, state))
    except Exception as e:  # another package's code may fail in any way
        log.exception("the picture %s of %s cannot be shown", name, packages)
        reason = str(e) if isinstance(e, PrunevizError) else f"{type(e).__name__}: {e}"
        why = (
            f"The picture {name!r} of the installed package {packages} cannot be shown: {plain(reason)}. Update or "
            "uninstall that package; its tables are there all the same."
        )
        return Picture(name, name.replace("_", " "), empty=why, failed=True, height=240)
    return replace(picture, name=name)


def _held(picture: Any) -> Picture:
    """The picture, held to what the renderers rely on.

    Raises:
        PrunevizError: it is no picture, or holds what is no mark, or a mark whose values do not belong together.
        Exception: whatever drawing it raises.
    """
    from pruneviz.views.bokeh_renderer import draw

    if not isinstance(picture, Picture):
        raise PrunevizError(f"it gave {type(picture).__name__}, which is no Picture")
    for mark in picture.marks:
        kind = type(mark).__name__
        if not isinstance(mark, get_args(Mark)):
            raise PrunevizError(f"its mark {kind} is none of pruneviz.views.marks")
        if len(sizes := _sizes(mark)) > 1:
            raise PrunevizError(f"the columns of its mark {kind} have {' and '.join(map(str, sorted(sizes)))} values")
    draw(picture)
    return picture


def _sizes(mark: Any) -> set[int]:
    """How many values the columns of a mark have: one number, where they belong together."""
    values = {f.name: getattr(mark, f.name) for f in fields(mark)}
    columns = [v for v in values.values() if isinstance(v, (np.ndarray, list))]
    hover = values.get("hover") or {}
    return {len(c) for c in (*columns, *hover.values()) if not isinstance(c, str)}
