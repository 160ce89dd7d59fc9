"""What pictures in a notebook show together: one study, one view of it, one selection, changed in Python or by hand."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from pruneviz.core.errors import PrunevizError, SpecError, UsageError, unknown
from pruneviz.core.rule_reading import rule_from
from pruneviz.core.selection import Ids, Named, Polygon, Rule, Selection
from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import MOST_MODELS, ViewState
from pruneviz.views.choosing import choose, find_run
from pruneviz.views.marks import Picture
from pruneviz.views.once import Once
from pruneviz.views.outlining import rule_of
from pruneviz.views.pictures.projection import FRAME as PROJECTED
from pruneviz.views.selecting import chosen, sample_ids
from pruneviz.views.text import several

if TYPE_CHECKING:
    import pandas as pd

# Pages and their layout are the explorer's; samples follow from the selection.
OF_THE_APP = ("page", "analysis", "method", "samples", "picture", "sidebar", "refining")
KEYWORDS = tuple(f for f in fields(ViewState) if f.name not in OF_THE_APP)
_RUNS = ("focus", "sort_of")  # fields that name one run, beside the reference


class Listener(Protocol):
    """What shows a state."""

    def show(self) -> None:
        """Bring it up to date."""
        ...


class State:
    """What several pictures of one study show together.

    A state sees the study as it was when it was made; runs that land later are seen by a new one. ::

        look = pv.views.State(study, models=["magnitude 90% finetune #0"])
        pv.views.sample_scatter(look)       # in one cell
        pv.views.images(look)               # in another: what is brushed in one is selected in both
        look.selection = "the hard ones"    # and so is what is set here: a saved selection, a rule, ids

    Attributes:
        study: as it was given.
        tables: the same, each table read once.
        view: what is shown, as a frozen value; :meth:`change` changes it.
        said: what the last change by hand left out or could not do, in a sentence; empty for nothing.
    """

    def __init__(self, study: Tables, *, view: ViewState | str = "", **keywords: Any) -> None:
        """Look at a study.

        Args:
            study: as :func:`pruneviz.open` gives it.
            view: what to begin with: a state, a saved view's name, or the address of a page of the explorer.
            keywords: fields of :class:`~pruneviz.core.viewstate.ViewState`; models by name or id, the selection as
                in :attr:`selection`.

        Raises:
            UsageError: there is no such field, run, saved view or selection, or a value is not allowed.
        """
        if not hasattr(study, "runs") or not hasattr(study, "table"):
            remedy = f" Open it first: pv.open({study!r})." if isinstance(study, str) else ""
            raise UsageError(f"pv.views: got {study!r}; allowed: a study, or a pv.views.State of one.{remedy}")
        self.study = study
        self.tables = Once(study)
        self.said = ""
        self._changing = threading.RLock()  # notebooks hear what people do beside the cell that is running
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
        self.view = view_of(study, view)
        self.change(**keywords)

    def change(self, **keywords: Any) -> None:
        """Change fields of the view; every picture of this state follows.

        Args:
            keywords: as when it was made.

        Raises:
            UsageError: there is no such field, run or saved selection, or a value is not allowed.
        """
        with self._changing:
            self._show(self.laid_over(keywords))

    def laid_over(self, keywords: Mapping[str, Any]) -> ViewState:
        """The view with these fields changed; the state stays as it is.

        Raises:
            UsageError: there is no such field, run or saved selection, or a value is not allowed.
        """
        given = dict(keywords)
        names = [f.name for f in KEYWORDS]
        for name in given:
            if name not in names:
                raise unknown("pv.views: keyword", name, names)
        if "selection" in given:
            found = selection_of(given.pop("selection"), self.study)
            given |= self._selected(found, "samples")
        if given.get("models"):
            choice = choose(self.tables, _listed(given["models"], "models"))
            given = {"reference": choice.reference, **given, "models": choice.compared}
        for name in ("reference", *_RUNS):
            if given.get(name):
                given[name] = find_run(self.tables.runs, str(given[name]), name)
        view = self.view.to_plain() | {"samples": list(self.view.samples)}
        return ViewState.from_plain({**view, **given}, "pv.views")

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of the runs compared; may be set to names or ids. Empty: chosen by rule where a picture needs some."""
        return self.view.models

    @models.setter
    def models(self, models: Iterable[str]) -> None:
        self.change(models=list(models))

    @property
    def selection(self) -> Selection | None:
        """The selection of test samples, as a rule; None for none.

        May be set to a :class:`~pruneviz.core.selection.Selection`, a rule or its plain form (runs by name or id), the
        name of a saved selection, ids, a table with a column ``sample_id`` (or ``run_id``, to compare those runs), or
        None. A selection of runs sets the models compared.
        """
        return self.view.selection

    @selection.setter
    def selection(self, selection: Any) -> None:
        self.select(selection)

    @property
    def selected(self) -> tuple[str, ...]:
        """Ids of the test samples that the selection means."""
        return self.view.samples

    def select(self, selection: Any, kind: str = "samples") -> None:
        """Select test samples, or runs to compare; see :attr:`selection`.

        Args:
            selection: as there.
            kind: what a bare rule or bare ids are about.

        Raises:
            UsageError: it names what the study does not have, or more than 16 runs.
        """
        with self._changing:
            self._show(replace(self.view, **self._selected(selection_of(selection, self.study, kind), kind)))

    def listen(self, listener: Listener) -> None:
        """Let it show every change, as long as somebody else holds it."""
        self._listeners.add(listener)

    def brushed(self, what: str, keys: tuple[str, ...]) -> None:
        """Take over what a person has selected in a picture.

        Args:
            what: what the picture's points are keyed by, or the name of its shared frame.
            keys: the keys selected.
        """
        if what in ("samples", PROJECTED):
            if set(keys) != set(self.view.samples):
                self._by_hand(lambda: self.select(Ids(keys) if keys else None))
        elif what == "shown_sample":
            self._by_hand(lambda: self.change(shown_sample=keys[0] if keys else ""))
        elif what == "layer":
            self._by_hand(lambda: self.change(layer=keys[0]))
        elif set(keys) != set(self.view.models):
            runs = tuple(k for k in keys if k != self.view.reference)
            self._by_hand(lambda: self._show(replace(self.view, models=runs[:MOST_MODELS])))
            if len(runs) > MOST_MODELS:
                left = several(len(runs) - MOST_MODELS, "other")
                self._say(f"{MOST_MODELS} models are compared at most: {left} left out.")

    def outlined(self, picture: Picture, corners: Polygon, keys: tuple[str, ...]) -> None:
        """Take over a box, a lasso or a click in a plane of images; a click on one image shows it, too."""
        before = self.view.selection.rule if self.view.selection is not None else None

        def take() -> None:
            rule = rule_of(picture, corners, keys, before, self.view.samples, self.tables)
            if not corners and len(keys) == 1:
                self.view = replace(self.view, shown_sample=keys[0])
            self.select(rule)

        self._by_hand(take)

    def __repr__(self) -> str:
        """The study, what is compared and what is selected."""
        rule = self.view.selection
        return (
            f"<State of {self.tables.name!r}: {several(len(self.view.models), 'model')} compared, "
            f"{several(len(self.view.samples), 'image')} selected{f' ({rule.rule.text})' if rule else ''}>"
        )

    def _by_hand(self, take: Any) -> None:
        """What cannot be done becomes a sentence: there is nobody to catch an error."""
        with self._changing:
            try:
                take()
            except PrunevizError as e:
                self._say(str(e))

    def _say(self, text: str) -> None:
        self.said = text
        self._tell()

    def _show(self, view: ViewState) -> None:
        self.said = ""
        if view != self.view:
            self.view = view
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener.show()

    def _selected(self, found: Selection | None, kind: str) -> dict[str, Any]:
        """The fields that change when this is selected."""
        if (found.kind if found is not None else kind) == "runs":
            runs = meant(found, self.tables, self.study) if found is not None else ()
            return {"models": tuple(r for r in runs if r != self.view.reference)}
        samples = meant(found, self.tables, self.study) if found is not None else ()
        return {"selection": found, "samples": samples, "first_sample": 0}


def meant(selection: Selection, tables: Tables, study: Any) -> tuple[str, ...]:
    """The ids that a selection means, all of which must be there.

    Args:
        selection: of runs or of test samples.
        tables: the study.
        study: the same with its workspace, where saved selections are looked up.

    Raises:
        SpecError: it names what the study does not have.
    """
    if isinstance(selection.rule, Ids):
        known = set(sample_ids(tables)) if selection.kind == "samples" else set(tables.runs["run_id"])
        if absent := [i for i in selection.rule.ids if i not in known]:
            allowed = f"ids of the study's {selection.kind}; {len(absent)} of {len(selection.rule.ids)} are not"
            raise SpecError("selection", absent[0], allowed)
    return chosen(selection, tables, saved_selections(study))


def view_of(study: Any, view: ViewState | str) -> ViewState:
    """What a view means now, with the samples that its selection means.

    Args:
        study: with a workspace, where views and selections are looked up by name.
        view: a state, a saved view's name, or the address of a page of the explorer.

    Raises:
        SpecError: there is no saved view of that name, or its selection names what the study does not have.
    """
    if isinstance(view, str) and "=" in view:
        state = ViewState.from_query(view.partition("?")[2] or view)
    elif isinstance(view, str) and view:
        saved = study.workspace.views if hasattr(study, "workspace") else {}
        if view not in saved:
            raise unknown("view", view, saved)
        state = saved[view]
    else:
        state = view if isinstance(view, ViewState) else ViewState()
    if state.selection is not None and state.selection.kind == "samples":
        state = replace(state, samples=chosen(state.selection, study, saved_selections(study)))
    return state


def selection_of(given: Any, study: Any, kind: str = "samples") -> Selection | None:
    """Whatever people set as a selection, as a selection with the runs' ids in it.

    Args:
        given: a selection, a rule or its plain form, the name of a saved one, ids, a table with a column
            ``sample_id`` or ``run_id``, or None.
        study: whose runs and saved selections may be named.
        kind: what a bare rule or bare ids are about.

    Raises:
        UsageError: it is none of these, or names what the study does not have.
    """
    if given is None or isinstance(given, Selection):
        found = given
    elif isinstance(given, Rule):
        found = Selection(kind, given)
    elif isinstance(given, str):
        saved = saved_selections(study)
        if given not in saved:
            remedy = "" if saved else "study.selections['a name'] = ... saves one; ids and rules need no name."
            raise SpecError("selection", given, ", ".join(saved) or "no name: none is saved yet", remedy)
        found = Selection(saved[given].kind, Named(given))
    elif isinstance(given, Mapping):
        found = Selection.from_plain(given) if "of" in given else Selection(kind, rule_from(given))
    elif hasattr(given, "columns"):
        found = _of_table(given)
    else:
        found = Selection(kind, Ids(tuple(dict.fromkeys(_listed(given, "selection")))))
    if found is None:
        return None
    ids = {run: find_run(study.runs, run, "selection: run") for run in found.rule.runs}
    return replace(found, rule=found.rule.carried(ids)) if any(k != v for k, v in ids.items()) else found


def saved_selections(study: Any) -> Mapping[str, Selection]:
    """The selections that are saved with a study; none where it keeps none."""
    found: Mapping[str, Selection] = study.workspace.selections if hasattr(study, "workspace") else {}
    return found


def _listed(value: Any, where: str) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise SpecError(f"pv.views: {where}", value, "a list of names or ids", f"Write [{value!r}].")
    return [str(v) for v in value]


def _of_table(table: pd.DataFrame) -> Selection:
    """A selection frozen to the samples, or else the runs, that a table is about."""
    for column, kind in (("sample_id", "samples"), ("run_id", "runs")):
        if column in table.columns:
            return Selection(kind, Ids(tuple(dict.fromkeys(str(v) for v in table[column]))))
    have = ", ".join(map(str, table.columns))
    raise SpecError("selection", f"a table of {have}", "a table with a column sample_id or run_id")
