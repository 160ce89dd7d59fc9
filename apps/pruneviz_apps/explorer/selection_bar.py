"""The selection of images: what it is in words, how it is refined, kept, carried to other models and taken away."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz.core.selection import Named
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide
from pruneviz_apps.explorer import fragments, selecting
from pruneviz_apps.explorer.arranging import step
from pruneviz_apps.explorer.session import LONGEST, Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable


class SelectionBar:
    """One line with the selection, and below it, on demand, what changes it."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self._asked = ""  # the name that is taken, and that somebody was asked whether to replace
        self.words = html(margin=(8, 0))

        self.clear = step("Clear selection", "close", lambda: session.select(None))
        self.invert = step("Invert", "flip", self._invert)
        self.more = pmui.Toggle(label="Refine, save, export", size="small", variant="outlined", margin=0)
        self.more.param.watch(lambda e: session.change(refining=e.new), "value")
        line = pn.Row(self.words, self.invert, self.clear, self.more, margin=0, styles=_LINE)
        self.column = pmui.Select(label="Column", options=list(selecting.FIELDS), **_SMALL)
        self.run = pmui.Select(label="of", options={}, **_SMALL)
        self.values = pmui.MultiChoice(label="is one of", options=[], max_items=50, width=230, margin=0)
        self.low = pmui.TextInput(label="from", placeholder="any", width=86, size="small", margin=0)
        self.high = pmui.TextInput(label="to", placeholder="any", width=86, size="small", margin=0)
        self.way = pmui.Select(label="How", options={v: k for k, v in selecting.WAYS.items()}, **_SMALL)
        self.apply = pmui.Button(label="Apply", variant="contained", size="small", margin=(14, 0))
        self.apply.on_click(lambda e: self._apply())
        self.column.param.watch(lambda e: self._fields(), "value")
        self.saved = pmui.Select(label="Saved selections", options=[], **_SMALL)
        self.take = step("Select it", "playlist_add_check", self._take)
        self.drop = step("Delete it", "delete", self._drop)
        self.name = pmui.TextInput(label="Save as", placeholder="a name", width=170, size="small", margin=0)
        self.save = step("Save", "save", self._save)
        self.to = pmui.Select(label="Carry to", options={}, **_SMALL)
        self.carry = step("Carry", "redo", self._carry)
        self.csv = pmui.FileDownload(callback=self._csv, filename="selection.csv", label="CSV", **_FILE)
        self.parquet = pmui.FileDownload(callback=self._parquet, filename="selection.parquet", label="Parquet", **_FILE)
        filtering = pn.FlexBox(self.column, self.run, self.values, self.low, self.high, self.way, self.apply, **_WRAP)
        keeping = pn.FlexBox(
            *(self.name, self.save, self.saved, self.take, self.drop),
            *(self.to, self.carry, self.csv, self.parquet),
            **_WRAP,
        )
        self.details = stack(filtering, keeping, gap=8)
        self.panel: Viewable = stack(line, self.details, gap=8)
        self._fields()

    def show(self) -> None:
        """Bring it up to date."""
        s = self.session
        selection = s.state.selection
        self.words.object = fragments.note(selecting.words(s))
        self.clear.disabled = self.invert.disabled = selection is None
        self.more.value = self.details.visible = s.state.refining
        if s.state.refining:
            self._options()

    def _options(self) -> None:
        s = self.session
        done, shown = measured(s.tables), selecting.in_sight(s)
        options = {elide(label, 40): r for r, label in on.labels(done, shown).items()}
        for select in (self.run, self.to):
            if select.options != options:
                select.options = options
                select.value = shown[-1] if shown else None
        try:
            names = [n for n, kept in s.tables.workspace.selections.items() if kept.kind == "samples"]
            rule = selecting.portable(s)
        except PrunevizError as e:
            names, rule = [], None
            s.say(str(e))
        if self.saved.options != names:
            self.saved.options = names
            self.saved.value = names[0] if names else None
        self.take.disabled = self.drop.disabled = not names
        self.save.disabled = s.state.selection is None
        self.carry.disabled = rule is None
        self.csv.disabled = self.parquet.disabled = not s.state.samples
        self._fields()

    def _fields(self) -> None:
        """Show the fields that the column has."""
        column = self.column.value
        search, number = column == selecting.NAME, column in selecting.NUMBERS
        self.run.visible = column not in selecting.OF_NO_MODEL
        self.low.visible, self.high.visible = number or search, number
        self.low.label, self.low.placeholder = ("contains", "a part") if search else ("from", "any")
        self.values.visible = not (number or search)
        options = selecting.choices(self.session, column)
        if options and self.values.options != options:
            self.values.value, self.values.options = [], options

    def _apply(self) -> None:
        low, high = ((field.value_input or field.value or "").strip() for field in (self.low, self.high))
        rule = selecting.wanted(self.session, self.column.value, self.run.value, tuple(self.values.value), low, high)
        if isinstance(rule, str):
            self.session.say(rule)
        else:
            selecting.refine(self.session, rule, self.way.value or "and")

    def _invert(self) -> None:
        if self.session.state.selection is not None:
            self.session.select(~self.session.state.selection.rule)

    def _take(self) -> None:
        if self.saved.value:
            self.session.select(Named(self.saved.value))

    def _save(self) -> None:
        s = self.session
        if s.state.selection is None:
            return
        try:
            self._asked = selecting.save(s, self.name.value_input or self.name.value or "", self._asked)
        except PrunevizError as e:
            s.say(str(e))
            return
        if not self._asked:
            self.name.value = ""

    def _drop(self) -> None:
        s, name = self.session, self.saved.value
        if not name:
            return
        try:
            kept = s.tables.workspace.selections[name]
            s.delete_selection(name)
            s.say(f"Deleted {name!r}; it meant: {elide(s.words(kept.rule), LONGEST)}.")
        except PrunevizError as e:
            s.say(str(e))

    def _carry(self) -> None:
        s = self.session
        if s.state.selection is not None and self.to.value:
            selecting.carry(s, self.to.value)

    def _csv(self) -> io.BytesIO:
        return io.BytesIO(selecting.rows(self.session).to_csv(index=False).encode())

    def _parquet(self) -> io.BytesIO:
        found = io.BytesIO()
        selecting.rows(self.session).to_parquet(found, index=False)
        found.seek(0)
        return found


class SelectionLine:
    """What is selected, on pages that follow a selection and make none; out of sight while there is none."""

    def __init__(self, session: Session) -> None:
        pn, _ = toolkit()
        self.session = session
        self.words = html(margin=(8, 0))
        clear = step("Clear selection", "close", lambda: session.select(None))
        self.panel: Viewable = pn.Row(self.words, clear, margin=0, visible=False, styles=_LINE)

    def show(self) -> None:
        """Bring it up to date."""
        self.panel.visible = self.session.state.selection is not None
        self.words.object = fragments.note(selecting.words(self.session))


_SMALL: dict[str, Any] = {"size": "small", "width": 170, "margin": 0}
_FILE: dict[str, Any] = {"size": "small", "margin": 0}
_LINE = {"gap": "4px", "align-items": "center", "flex-wrap": "wrap"}
_WRAP: dict[str, Any] = {"gap": "10px", "align_items": "center", "margin": 0, "sizing_mode": "stretch_width"}
