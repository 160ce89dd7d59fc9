"""What one browser tab knows: the study, the view's state, what it was before, and who wants to hear of changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pruneviz.core.errors import PrunevizError, unknown
from pruneviz.core.selection import Ids, Named, Not, Polygon, Rule, Selection, walk
from pruneviz.core.viewstate import MOST_MODELS, ViewState
from pruneviz.study.workspace import checked_name
from pruneviz.views import runs as on
from pruneviz.views.bokeh_renderer import Sources
from pruneviz.views.marks import Picture
from pruneviz.views.metrics import measured
from pruneviz.views.outlining import rule_of
from pruneviz.views.pictures.projection import FRAME as PROJECTED
from pruneviz.views.selecting import chosen, undecided
from pruneviz.views.text import elide, listed, plain, several
from pruneviz_apps.explorer.live import CachedTables

log = logging.getLogger(__name__)

UNDOABLE = ("models", "reference", "samples", "selection", "filters")
MOST_STEPS = 200  # that can be undone
LONGEST = 160  # characters of a rule in a line


class Session:
    """One state, changed in one place; everything that shows it hears of each change.

    Attributes:
        tables: the study, shared with other sessions.
        state: what is looked at.
        sources: the data sources that this session's pictures share.
        notice: the sentence shown above the page; empty for none.
        view: the name of the saved view that was opened or saved last; empty for none.
    """

    def __init__(self, tables: CachedTables, state: ViewState) -> None:
        self.tables = tables
        self.state = state
        self.sources = Sources(on_select=self._brushed, on_outline=self._outlined)
        self.notice = ""
        self.view = ""
        self._kept = state  # what that view is
        self._listeners: list[Callable[[], None]] = []
        self._show_notice: Callable[[str], None] = lambda text: None
        self._held: Callable[[Callable[[], None]], None] = lambda tell: tell()
        self._past: list[dict[str, Any]] = []
        self._future: list[dict[str, Any]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call it after every change of the state, the notice or the study."""
        self._listeners.append(listener)

    def on_notice(self, show: Callable[[str], None]) -> None:
        """Call it with the notice after every change, also where showing something else has failed."""
        self._show_notice = show

    def batch(self, held: Callable[[Callable[[], None]], None]) -> None:
        """Use ``held`` to run what tells the listeners, so that one change reaches the browser as one message."""
        self._held = held

    def change(self, **fields: Any) -> None:
        """Change some fields of the state; what is not allowed becomes a sentence in the page."""
        try:
            state = replace(self.state, **fields)
        except PrunevizError as e:
            self.say(str(e))
            return
        if state != self.state:
            if any(getattr(state, f) != getattr(self.state, f) for f in UNDOABLE):
                self._past = [*self._past, self._undoable()][-MOST_STEPS:]
                self._future = []
            self.state, self.notice = state, ""
            self.tell()

    @property
    def can_undo(self) -> bool:
        """Whether there is a selection, filter or comparison to go back to."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether something was undone."""
        return bool(self._future)

    def undo(self) -> None:
        """Go back to the selection, filters and comparison before the last change of them."""
        if self._past:
            self._future.append(self._undoable())
            self._return_to(self._past.pop())

    def redo(self) -> None:
        """Take the last undoing back."""
        if self._future:
            self._past.append(self._undoable())
            self._return_to(self._future.pop())

    def _undoable(self) -> dict[str, Any]:
        return {f: getattr(self.state, f) for f in UNDOABLE}

    def _return_to(self, fields: dict[str, Any]) -> None:
        self.notice = ""
        # A saved selection may mean others since: its images are found anew.
        self.state = self.known(replace(self.state, **fields, first_sample=0))
        self.tell()

    def go(self, query: str) -> None:
        """Look at what an address asks for; where it asks for nonsense, at the default, with a sentence."""
        try:
            asked, self.notice = ViewState.from_query(query), ""
            name = dict(parse_qsl(query.removeprefix("?"))).get("view", "")
            self._begin(replace(self._saved(name), theme=asked.theme) if name else asked, name)
        except PrunevizError as e:
            self._begin(ViewState(), "")
            self.notice = f"The address could not be understood: {e}"

    @property
    def address(self) -> str:
        """The query of an address that shows the same: a saved view's name while it is as it was saved."""
        theme = {"theme": self.state.theme} if self.state.theme != ViewState.theme else {}
        if self._as_saved:
            return f"?{urlencode({'view': self.view, **theme})}"
        return self.state.to_query()

    @property
    def outgrown(self) -> bool:
        """Whether the address lacks the selection, which is too long for it."""
        return not self._as_saved and not self.state.fits()

    @property
    def _as_saved(self) -> bool:
        return bool(self.view) and self.state == replace(self._kept, theme=self.state.theme)

    def save_view(self, name: str) -> None:
        """Keep what is looked at under a name.

        Raises:
            SpecError: the name is empty or too long.
            StoreError: the store cannot be written.
        """
        self.tables.workspace.save_view(name, self.state)
        self.view, self._kept = checked_name(name), self.state
        self.tell()

    def open_view(self, name: str) -> None:
        """Look at what was kept under a name; selection, filters and comparison can be brought back by undoing."""
        try:
            saved = replace(self._saved(name), theme=self.state.theme)
        except PrunevizError as e:
            self.say(str(e))
            return
        self.notice = ""
        state = self.known(saved)
        dropped = self.notice
        self.view, self._kept = name, state
        self.change(**{f.name: getattr(state, f.name) for f in fields(state)})
        self.say(dropped)

    def delete_view(self, name: str) -> None:
        """Delete a saved view; what is looked at stays.

        Raises:
            SpecError: there is none of that name.
            StoreError: the store cannot be written.
        """
        self.tables.workspace.delete_view(name)
        self.view = "" if self.view == name else self.view
        self.tell()

    def save_selection(self, name: str) -> None:
        """Keep the selection under a name, and select by that name; an older one of that name is replaced.

        Raises:
            SpecError: the name is empty or too long, or the selection would refer to itself.
            StoreError: the store cannot be written.
        """
        if self.state.selection is not None:
            before = self.tables.workspace.selections.get(checked_name(name))
            self.tables.workspace.save_selection(name, self.state.selection)
            self._spell_out(checked_name(name), before)
            self.change(selection=Selection("samples", Named(checked_name(name))))

    def delete_selection(self, name: str) -> None:
        """Delete a saved selection; the images that are selected by it stay so.

        Raises:
            SpecError: there is none of that name, or others refer to it.
            StoreError: the store cannot be written.
        """
        before = self.tables.workspace.selections.get(name)
        self.tables.workspace.delete_selection(name)
        self._spell_out(name, before)
        self.tell()

    def _spell_out(self, name: str, meant: Selection | None) -> None:
        """Let what is selected, and what undoing brings back, mean what it did before the name meant something else."""
        saved = {name: meant} if meant is not None else {}

        def spelt(step: dict[str, Any]) -> dict[str, Any]:
            was: Selection | None = step["selection"]
            return step if was is None else {**step, "selection": replace(was, rule=was.rule.spelt_out(saved))}

        self._past, self._future = [spelt(s) for s in self._past], [spelt(s) for s in self._future]
        self.state = replace(self.state, **spelt(self._undoable()))

    def words(self, rule: Rule) -> str:
        """A rule in words, with the models' names in place of their ids."""
        done = measured(self.tables)
        known = set(done["run_id"])
        seen = (self.reference, *on.compared(done, self.state), *(r for r in rule.runs if r in known))
        return plain(rule.carried(on.labels(done, list(dict.fromkeys(r for r in seen if r)))).text)

    def _saved(self, name: str) -> ViewState:
        views = self.tables.workspace.views
        if name not in views:
            raise unknown("view", name, views)
        return views[name]

    def _begin(self, state: ViewState, name: str) -> None:
        self.state = self._kept = self.known(state)
        self.view = name

    def select(self, rule: Rule | None) -> None:
        """Select the test samples for which a rule holds; none for no selection. What it cannot mean here is said."""
        if rule is None:
            self.change(selection=None, samples=(), first_sample=0)
            return
        selection = Selection("samples", rule)
        try:
            samples = chosen(selection, self.tables, self.tables.workspace.selections)
        except PrunevizError as e:
            self.say(str(e))
            return
        self.change(selection=selection, samples=samples, first_sample=0)
        if not samples:
            self.say(f"No image of the test split is selected by: {elide(self.words(rule), LONGEST)}.")

    @property
    def undecided(self) -> int:
        """How many images are neither in the selection nor in its inverse, where it says what is not in it."""
        rule = self.state.selection.rule if self.state.selection is not None else Ids(())
        if rule.names:
            rule = rule.spelt_out(self.tables.workspace.selections)
        if not any(isinstance(r, Not) for r in walk(rule)):
            return 0
        return self.tables.once(("undecided", rule), lambda: undecided(Selection("samples", rule), self.tables))

    def say(self, text: str) -> None:
        """Show a sentence above the page."""
        self.notice = text
        self.tell()

    def tell(self) -> None:
        """Let every listener show the state."""

        def all_of_them() -> None:
            for listener in self._listeners:
                try:
                    listener()
                except Exception as e:  # one part that fails must not take the others with it
                    log.exception("a part of the page could not be shown")
                    self.notice = f"A part of this page could not be shown: {type(e).__name__}: {e}"
            self._show_notice(self.notice)

        self._held(all_of_them)

    def compare(self, run_ids: tuple[str, ...]) -> None:
        """Compare these runs; of more than fit, the first, and say so."""
        wanted = tuple(dict.fromkeys(run_ids))
        kept = tuple(r for r in wanted if r != self.reference)[:MOST_MODELS]
        left = len([r for r in wanted if r != self.reference]) - len(kept)
        self.change(models=kept, first_sample=0)
        if left:
            self.say(f"{MOST_MODELS} models are compared at most: {several(left, 'other')} left out.")

    @property
    def reference(self) -> str:
        """The id of the run that is the reference now, chosen or not; empty where there is none."""
        return on.reference(measured(self.tables), self.state)

    def known(self, state: ViewState) -> ViewState:
        """The state without what is not here, its selection made; says what was dropped."""
        from pruneviz_apps.explorer.sidebar import PAGES

        said = []
        if state.page not in {p for p, _, _ in PAGES}:
            said.append(f"There is no page {state.page!r}; this is the overview.")
            state = replace(state, page="overview")
        ids = set(self.tables.runs["run_id"])
        models = tuple(m for m in state.models if m in ids)
        reference = state.reference if state.reference in ids else ""
        dropped = len(state.models) - len(models) + (state.reference != reference)
        if dropped:
            said.append(f"{several(dropped, 'model')} asked for {'is' if dropped == 1 else 'are'} not here.")
        state = replace(state, models=models, reference=reference)
        for column, values in state.filters:
            there = set(on.unique(self.tables.runs[column])) if column in self.tables.runs else set()
            if absent := [v for v in values if v not in there]:
                asked = elide(plain(f"{column} {listed(map(repr, absent), 'or')}"), LONGEST)
                said.append(f"No run has the {asked}: it is left out of the filters.")
                state = state.with_filter(column, tuple(v for v in values if v in there))
        if state.selection is not None:
            try:
                samples = chosen(state.selection, self.tables, self.tables.workspace.selections)
                state = replace(state, samples=samples)
            except PrunevizError as e:
                said.append(f"The selection asked for could not be made: {e}")
                state = replace(state, selection=None, samples=())
        self.notice = " ".join(said) or self.notice
        return state

    def _brushed(self, what: str, keys: tuple[str, ...]) -> None:
        """A selection made in a picture: runs become the models compared, samples the selected images."""
        if what in ("samples", PROJECTED):
            if set(keys) != set(self.state.samples):
                self.select(Ids(tuple(keys)) if keys else None)
        elif what == "shown_sample":
            self.change(shown_sample=keys[0] if keys else "")
        elif what == "layer":
            self.change(layer=keys[0])
        elif keys and set(keys) != set(self.state.models):
            self.compare(keys)
        elif not keys and self.state.models:
            self.tell()  # an empty click in the chart does not throw a comparison away: mark it again

    def _outlined(self, picture: Picture, corners: Polygon, keys: tuple[str, ...]) -> None:
        """A box, a lasso or a click in a plane of images; a click on one image shows it, too."""
        before = self.state.selection.rule if self.state.selection is not None else None
        try:
            rule = rule_of(picture, corners, keys, before, self.state.samples, self.tables)
        except PrunevizError as e:
            self.say(str(e))
            return
        if not corners and len(keys) == 1:
            self.state = replace(self.state, shown_sample=keys[0])
        self.select(rule)
