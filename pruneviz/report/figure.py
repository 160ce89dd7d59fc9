"""One picture of a study, drawn for paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.core.viewstate import ViewState
from pruneviz.views.catalogue import find_all
from pruneviz.views.choosing import choose
from pruneviz.views.marks import Picture
from pruneviz.views.matplotlib_renderer import INCH, ONE_COLUMN, TWO_COLUMNS, PaperFigure, draw
from pruneviz.views.once import Once
from pruneviz.views.state import view_of

if TYPE_CHECKING:
    from pruneviz.study import Study

DETAIL = "sample_detail"  # of an image that is clicked on screens, and has to be named for paper
SAY_WHICH = "For a figure, name it: --view 'shown_sample=ID' (in Python view=...), with an id of the table samples."
NARROWEST, WIDEST = 20.0, 1000.0  # mm
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+) ?(mm|cm|in|pt)")
_UNITS = {"mm": 1.0, "cm": 10.0, "in": INCH, "pt": INCH / 72}


def figure(
    study: Study,
    name: str,
    *,
    models: Sequence[str] | None = None,
    view: ViewState | str = "",
    columns: int = 1,
    width: float | str | None = None,
    height: float | str | None = None,
    font: str = "",
    title: bool = False,
) -> PaperFigure:
    """Draw a picture of a study for paper.

    Args:
        study: as :func:`pruneviz.open` gives it.
        name: of the picture, such as ``tradeoff``; of ``projection`` and ``sample_scatter``, which are one for each
            model, the first: :func:`figures` gives all.
        models: names or ids of the runs to compare, 16 at most beside the reference; those of the view when absent.
            Where there is no view, or one without models and the picture needs some, they are chosen by rule, without
            looking at the test split.
        view: what is shown: a state, a saved view's name, or the address of a page of the explorer.
        columns: 1 or 2: how many columns of a paper it spans.
        width: instead of that; mm, or a text such as ``"3.3in"``.
        height: likewise; what suits the picture when absent.
        font: a family that is installed; the one that comes with matplotlib when empty.
        title: whether title and subtitle stand above it; else they are in the figure's ``caption``.

    Raises:
        UsageError: there is no such picture, run, view or font, or a size is out of bounds.
        PrunevizError: the study has nothing for this picture; the text says what to do.
    """
    found = _pictures(study, name, models, view)[:1]
    return _drawn(found, columns, width, height, font, title)[0]


def figures(
    study: Study,
    name: str,
    *,
    models: Sequence[str] | None = None,
    view: ViewState | str = "",
    columns: int = 1,
    width: float | str | None = None,
    height: float | str | None = None,
    font: str = "",
    title: bool = False,
) -> tuple[PaperFigure, ...]:
    """Draw all that a picture's name stands for: one for each model of ``projection`` and ``sample_scatter``, else one.

    Arguments and errors are those of :func:`figure`.
    """
    return _drawn(_pictures(study, name, models, view), columns, width, height, font, title)


def _pictures(study: Study, name: str, models: Sequence[str] | None, view: ViewState | str) -> tuple[Picture, ...]:
    make = find_all(name, "figure")
    tables = Once(study)
    state = view_of(study, view)
    found = make(tables, state) if view and models is None else None
    if found is None or (found[0].empty and not state.models):
        choice = choose(tables, models)
        state = replace(state, models=choice.compared, reference=state.reference or choice.reference)
        found = make(tables, state)
    if found[0].empty:
        remedy = "" if state.shown_sample or name != DETAIL else f" {SAY_WHICH}"
        raise PrunevizError(f"{name}: {found[0].empty}{remedy}")
    return found


def _drawn(
    pictures: Sequence[Picture],
    columns: int,
    width: float | str | None,
    height: float | str | None,
    font: str,
    title: bool,
) -> tuple[PaperFigure, ...]:
    if columns not in (1, 2):
        raise UsageError(f"columns: got {columns!r}; allowed: 1 or 2.")
    wide = length(width, "width") if width is not None else (ONE_COLUMN, TWO_COLUMNS)[columns - 1]
    high = length(height, "height") if height is not None else None
    return tuple(draw(picture, width=wide, height=high, font=font, title=title) for picture in pictures)


def length(value: float | str, where: str) -> float:
    """A length in mm.

    Args:
        value: mm, or a text with its unit: mm, cm, in or pt.
        where: for messages.

    Raises:
        UsageError: it is no length, or out of bounds.
    """
    found = _LENGTH.fullmatch(value.strip()) if isinstance(value, str) else None
    mm = float(found[1]) * _UNITS[found[2]] if found else float(value) if not isinstance(value, str) else float("nan")
    if not NARROWEST <= mm <= WIDEST:
        allowed = f"a length from {NARROWEST:g} mm to {WIDEST:g} mm, such as 85mm or 3.3in"
        raise UsageError(f"{where}: got {value!r}; allowed: {allowed}.")
    return mm
