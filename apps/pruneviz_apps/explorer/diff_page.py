"""One model against the reference: every difference in sentences, those first that retraining explains least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruneviz.views import runs as on
from pruneviz.views.differences import ORDER, Differences, differences, focus
from pruneviz.views.metrics import measured
from pruneviz.views.pictures import PICTURES
from pruneviz.views.text import elide, plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.compare_page import suggested
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.selection_bar import SelectionLine
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from pruneviz.core.tables import Tables
    from pruneviz.core.viewstate import ViewState
    from pruneviz.views.marks import Picture

_NEEDS = ("models", "reference", "focus", "samples", "narrowed")
LEAD = "One model against the reference: what differs most comes first."
_KINDS = (
    ("beyond", "Differs by more than retraining alone changes here"),
    ("alone", "Differs; what retraining alone changes is not known"),
    ("within", "Does not differ, or not so that it can be told from retraining alone"),
)


class DiffPage:
    """Sentences, and below them the pictures that show what they say."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self._filling = False
        self._seen: tuple[Any, ...] = ()
        self._shown: dict[str, PicturePane] = {}
        small = {"size": "small", "margin": 0}
        self.model = pmui.Select(label="Model", options={}, width=360, **small)
        self.model.param.watch(self._chosen, "value")
        self.suggest = pmui.Button(variant="contained", margin=0, on_click=lambda e: self._suggested())
        self.head, self.words, self.missing = html(), html(), html()
        self.selected = SelectionLine(session)
        self.picture = pmui.Select(label="Picture", options={}, width=360, **small)
        self.picture.param.watch(lambda e: self._choose(e.new), "value")
        self.body = stack(gap=0)
        self.pictures = stack(html(fragments.section("Pictures")), self.picture, self.body)
        self.panel: Viewable = stack(
            html(fragments.heading("Diff", LEAD)),
            *(self.model, self.selected.panel, self.head, self.suggest, self.words, self.pictures, self.missing),
            gap=20,
        )

    def show(self) -> None:
        """Bring the page up to date."""
        s = self.session
        self.selected.show()
        seen = (s.tables.version, *(getattr(s.state, n) for n in _NEEDS))
        if seen != self._seen:
            self._seen = seen
            self._write(differences(s.tables, s.state))
        self._pictured()

    def _write(self, d: Differences) -> None:
        s = self.session
        compared = on.compared(measured(s.tables), s.state)
        labels = on.labels(measured(s.tables), [r for r in (s.reference, *compared) if r])
        names = list(dict.fromkeys(p for one in d.said for p in one.pictures))
        self._filling = True
        try:
            self.model.options = {elide(labels[r], 60): r for r in compared}
            self.model.value = focus(s.state) if focus(s.state) in compared else None
            self.model.visible = len(compared) > 1
            if list(self.picture.options) != [title(n) for n in names]:
                self.picture.options = {title(n): n for n in names}
            self.pictures.visible = bool(names)
        finally:
            self._filling = False
        head = fragments.section(d.title) + fragments.lead(f"{d.scope} {ORDER}")
        self.head.object = fragments.notice(d.why_empty) if d.why_empty else head
        suggestion, label = suggested(s.tables, s.state) if not compared else ((), "")
        self.suggest.visible, self.suggest.label = bool(suggestion), label
        self.words.object = said(d)
        self.missing.object = unsaid(d, s.tables.unfit())

    def _choose(self, name: str | None) -> None:
        if not self._filling and name:
            self.session.change(picture=name)

    def _pictured(self) -> None:
        """Show the picture chosen; it is made when it is first asked for."""
        names, wanted = list(self.picture.options.values()), self.session.state.picture
        name = wanted if wanted in names else next(iter(names), None)
        self._filling = True
        try:
            self.picture.value = name
        finally:
            self._filling = False
        if name is None:
            return
        if name not in self._shown:
            self._shown[name] = PicturePane(self.session, of_one(name), _NEEDS)
        one = self._shown[name]
        if list(self.body.objects) != [one.panel]:
            self.body.objects = [one.panel]
        one.show()

    def _suggested(self) -> None:
        self.session.compare(suggested(self.session.tables, self.session.state)[0])

    def _chosen(self, event: Any) -> None:
        if not self._filling and event.new:
            self.session.change(focus=event.new)


def of_one(name: str) -> Any:
    """What makes a picture of the model in focus alone."""

    def make(tables: Tables, state: ViewState) -> Picture:
        return PICTURES[name](tables, replace(state, models=(focus(state),)))

    return make


def said(d: Differences) -> str:
    """The sentences, by how much they say beyond what retraining alone changes."""
    parts = []
    for field, title in _KINDS:
        found = getattr(d, field)
        if found:
            parts += [fragments.section(title), fragments.labelled((one.about, one.text) for one in found)]
    return "".join(parts)


def unsaid(d: Differences, unfit: Mapping[str, str]) -> str:
    """What cannot be said, and what would add it or why nothing can."""
    steps = fragments.steps(
        (f"{m.about}: {plain(unfit[m.analysis])}", "") if m.analysis in unfit else (f"{m.about}: {m.text}", m.command)
        for m in d.missing
    )
    return fragments.section("What cannot be said") + steps if d.missing else ""


def title(name: str) -> str:
    """A picture's name as a choice."""
    return plain(name.replace("_", " ")).capitalize()
