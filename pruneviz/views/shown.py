"""Pictures as notebooks show them: ``pv.views.tradeoff(study)``."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.core.selection import Ids, Selection
from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.views import catalogue
from pruneviz.views.choosing import choose
from pruneviz.views.marks import Picture
from pruneviz.views.pictures import SEVERAL
from pruneviz.views.state import KEYWORDS, State

# About models compared, and next to nothing without: then some are chosen by rule. The others show all that there are.
OF_MODELS = (
    "images",
    "projection",
    "reliability",
    "sample_grid",
    "sample_detail",
    "geometry_classes",
    "geometry_confusion",
    "geometry_sensitivity",
    "geometry_spread",
)
HOW = {"sample_detail": "Or name it: shown_sample='test:0', with an id of the table samples."}


class Shown:
    """A picture of a study: a notebook shows it, and what is brushed in it can be read and set in Python.

    Attributes:
        name: of the picture.
        state: what it shows; pictures of one state show the same models and the same selection.
    """

    def __init__(self, name: str, state: State, own: Mapping[str, Any]) -> None:
        """Use the functions of :mod:`pruneviz.views` instead.

        Args:
            name: a key of the catalogue.
            state: what it shows.
            own: fields that this picture alone has otherwise.

        Raises:
            UsageError: there is no such field, or a value is not allowed.
        """
        self.name, self.state = name, state
        self._own = dict(own)
        self._showings: list[Any] = []
        self._made: tuple[Any, tuple[Picture, ...], ViewState] | None = None
        self.state.laid_over(self._own)  # a mistake is told now
        self.state.listen(self)

    @property
    def info(self) -> Picture:
        """The picture as plain numbers and words; of several the first, all are :attr:`infos`."""
        return self.infos[0]

    @property
    def infos(self) -> tuple[Picture, ...]:
        """The pictures: one, or one for each model compared (``projection``, ``sample_scatter``)."""
        return self._pictures()[0]

    @property
    def view(self) -> ViewState:
        """What it shows as a frozen value, for ``pv.figure(study, NAME, view=...)``; with models chosen by rule."""
        return self._pictures()[1]

    @property
    def selection(self) -> Selection | None:
        """What is selected, as a rule; None for nothing. May be set; see :attr:`pruneviz.views.State.selection`.

        Of test samples; of runs where the points are runs: those are the models compared.
        """
        if self._kind == "samples":
            return self.state.selection
        return Selection("runs", Ids(self.state.models)) if self.state.models else None

    @selection.setter
    def selection(self, selection: Any) -> None:
        self.state.select(selection, self._kind)

    @property
    def selected(self) -> tuple[str, ...]:
        """Ids of the runs or test samples that the selection means."""
        return self.state.selected if self._kind == "samples" else self.state.models

    def save(self, path: str | os.PathLike[str]) -> tuple[Path, ...]:
        """Write it, as the path's ending says: ``.html`` (a page of its own), ``.pdf``, ``.svg`` or ``.png``.

        Sizes and fonts for print are those of :func:`pruneviz.figure`, which takes ``view=``.

        Returns:
            The files: one, or for paper one for each picture, with their numbers in the names.

        Raises:
            UsageError: another ending.
            PrunevizError: there is nothing to draw, and what to do.
        """
        from pruneviz.views.matplotlib_renderer import FORMATS, ONE_COLUMN, TWO_COLUMNS, draw

        target, infos = Path(path), self.infos
        if target.suffix.lower().removeprefix(".") not in (*FORMATS, "html"):
            allowed = ", ".join(f".{k}" for k in (*FORMATS, "html"))
            raise UsageError(f"{self.name}: got {str(path)!r}; allowed endings: {allowed}.")
        if infos[0].empty:
            raise PrunevizError(f"{self.name}: {infos[0].empty}")
        if target.suffix.lower() == ".html":
            from pruneviz.views.inline import page

            target.write_text(page(infos, self.view.theme), encoding="utf-8")
            return (target,)
        numbered = [target.with_stem(f"{target.stem}_{i}") for i in range(1, len(infos) + 1)]
        files, wide = (numbered, ONE_COLUMN) if len(infos) > 1 else ([target], TWO_COLUMNS)
        for file, picture in zip(files, infos, strict=True):
            draw(picture, width=wide, title=True).save(file)
        return tuple(files)

    def show(self) -> None:
        """Bring what notebooks show of it up to date; a state calls this when it has changed."""
        self._showings = [s for s in self._showings if s.alive]
        for showing in self._showings:
            showing.show(self.infos, self.view.theme, self.state.selected)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from pruneviz.views.inline import Showing, in_notebook

        if not in_notebook():
            return {"text/plain": repr(self)}, {}
        showing = Showing(self.infos, self.view.theme, self.state.selected, self)
        found = showing.bundle(include, exclude, repr(self))
        self._showings.append(showing)
        return found

    def __repr__(self) -> str:
        """What it says in words, for where nothing can be drawn."""
        first = self.infos[0]
        words = [first.empty] if first.empty else [*first.sentences, first.subtitle]
        return (
            f"<{self.name} of {self.state.tables.name!r}: {first.title}. {' '.join(w for w in words if w)}".strip()
            + ">"
        )

    @property
    def _kind(self) -> str:
        return "runs" if self.infos[0].selects == "runs" else "samples"

    def _pictures(self) -> tuple[tuple[Picture, ...], ViewState]:
        asked = self.state.view, self.state.said
        if self._made is None or self._made[0] != asked:
            view = self.state.laid_over(self._own)
            infos, notes = self._make(view), []
            if (infos[0].empty or self.name in OF_MODELS) and not view.models:
                choice = choose(self.state.tables, None)
                chosen = replace(view, models=choice.compared, reference=view.reference or choice.reference)
                again = self._make(chosen)
                if not again[0].empty:
                    infos, view, notes = again, chosen, [choice.rule]
            notes += [self.state.said] if self.state.said else []
            first = infos[0]
            if first.empty and self.name in HOW and not view.shown_sample:
                first = replace(first, empty=f"{first.empty} {HOW[self.name]}")
            infos = (replace(first, notes=(*first.notes, *notes)), *infos[1:])
            self._made = asked, infos, view
        return self._made[1], self._made[2]

    def _make(self, view: ViewState) -> tuple[Picture, ...]:
        return catalogue.find_all(self.name, "pv.views")(self.state.tables, view)


def shower(name: str) -> Callable[..., Shown]:
    """The function that shows a picture of the catalogue."""

    def show(study: Tables | State, *, view: ViewState | str = "", **keywords: Any) -> Shown:
        if not isinstance(study, State):
            return Shown(name, State(study, view=view, **keywords), {})
        if view or "selection" in keywords:
            given = "view" if view else "selection"
            remedy = "Set it there (state.selection = …, state.change(…)), or give the study in its place."
            raise UsageError(f"{name}: got {given} beside a State, whose {given} all its pictures share. {remedy}")
        return Shown(name, study, keywords)

    show.__name__ = show.__qualname__ = name
    show.__module__ = "pruneviz.views"
    show.__doc__ = _doc(name)
    first = inspect.Parameter("study", inspect.Parameter.POSITIONAL_ONLY)
    rest = [("view", ""), *((f.name, f.default) for f in KEYWORDS)]
    named = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=default) for n, default in rest]
    show.__dict__["__signature__"] = inspect.Signature([first, *named], return_annotation=Shown)
    return show


def _doc(name: str) -> str:
    about = inspect.getdoc(SEVERAL.get(name) or catalogue.find(name, "pv.views")) or ""
    about = re.sub(r":\w+:`~?(?:[\w.]*\.)?([^`.]+)`", r"\1", about).replace("``", "`")
    options = "\n".join(f"    {f.name}: {f.metadata['doc']}{_choices(f.metadata['choices'])}." for f in KEYWORDS)
    return (
        f"{about}\n\nArgs:\n"
        "    study: as pv.open gives it, or a pv.views.State that several pictures share.\n"
        "    view: what to begin with: a ViewState, a saved view's name, or an address of the explorer.\n"
        f"{options}\n\n"
        "Returns:\n    What a notebook shows; with selection (readable and settable), info and save(path).\n"
    )


def _choices(allowed: tuple[str, ...] | None) -> str:
    return f"; one of {', '.join(allowed)}" if allowed else ""
