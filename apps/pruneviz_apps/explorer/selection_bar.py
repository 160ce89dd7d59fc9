"""The selection of images: what it is in words, how it is refined, kept, carried to other models and taken away."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz.core.selection import OUTCOMES, AllOf, Became, Column, Ids, Named, Range, Rule, Selection, Values
from pruneviz.core.tables import SAMPLES
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, plain, several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable

LONGEST = 160  # characters of a rule in the bar; the whole stands in its title
_LABEL, _OUTCOME, _CORRECT = "true class", "what became of it", "correct"
_NUMBERS = tuple(c.name for c in SAMPLES.columns if c.type == "float")
_WAYS = {"and": "narrow down", "or": "widen", "and not": "take away", "only": "begin anew"}


class SelectionBar:
    """One line with the selection, and below it, on demand, what changes it."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self.words = html(margin=(8, 0))

        def button(label: str, icon: str, act: Any) -> Any:
            made = pmui.Button(label=label, icon=icon, variant="text", size="small", margin=0)
            made.on_click(lambda e: act())
            return made

        self.undo = button("Undo", "undo", session.undo)
        self.redo = button("Redo", "redo", session.redo)
        self.clear = button("Clear selection", "close", lambda: session.select(None))
        self.invert = button("Invert", "flip", self._invert)
        self.more = pmui.Toggle(label="Refine, save, export", size="small", variant="outlined", margin=0)
        self.more.param.watch(lambda e: self.show(), "value")
        line = pn.Row(self.words, self.undo, self.redo, self.invert, self.clear, self.more, margin=0, styles=_LINE)
        self.column = pmui.Select(label="Column", options=[_LABEL, _OUTCOME, _CORRECT, *_NUMBERS], **_SMALL)
        self.run = pmui.Select(label="of", options={}, **_SMALL)
        self.values = pmui.MultiChoice(label="is one of", options=[], max_items=50, width=230, margin=0)
        self.low = pmui.TextInput(label="from", placeholder="any", width=86, size="small", margin=0)
        self.high = pmui.TextInput(label="to", placeholder="any", width=86, size="small", margin=0)
        self.way = pmui.Select(label="How", options={v: k for k, v in _WAYS.items()}, **_SMALL)
        self.apply = pmui.Button(label="Apply", variant="contained", size="small", margin=(14, 0))
        self.apply.on_click(lambda e: self._apply())
        self.column.param.watch(lambda e: self._fields(), "value")
        self.saved = pmui.Select(label="Saved selections", options=[], **_SMALL)
        self.take = button("Select it", "playlist_add_check", self._take)
        self.drop = button("Delete it", "delete", self._drop)
        self.name = pmui.TextInput(label="Save as", placeholder="a name", width=170, size="small", margin=0)
        self.save = button("Save", "save", self._save)
        self.to = pmui.Select(label="Carry to", options={}, **_SMALL)
        self.carry = button("Carry", "redo", self._carry)
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
        n, selection = len(s.state.samples), s.state.selection
        said = f"{several(n, 'image')} selected"
        if selection is not None and not isinstance(selection.rule, Ids):
            said += f": {elide(self.text(), LONGEST)}"
        nothing = selection is None and not n
        self.words.object = fragments.note(
            "No selection: everything is about all test images." if nothing else f"{said}."
        )
        self.undo.disabled, self.redo.disabled = not s.can_undo, not s.can_redo
        self.clear.disabled = self.invert.disabled = selection is None
        self.details.visible = self.more.value
        if self.more.value:
            self._options()

    def text(self) -> str:
        """The selection in words, with the models' names in place of their ids; empty where there is none."""
        s = self.session
        if s.state.selection is None:
            return ""
        rule, done = s.state.selection.rule, measured(s.tables)
        known = set(done["run_id"])
        shown = [r for r in (s.reference, *on.compared(done, s.state)) if r]  # labels tell apart what is in sight
        names = on.labels(done, list(dict.fromkeys([*shown, *(r for r in rule.runs if r in known)])))
        return plain(rule.carried(names).text)

    def _options(self) -> None:
        s = self.session
        done = measured(s.tables)
        shown = [r for r in (s.reference, *on.compared(done, s.state)) if r]
        options = {elide(label, 40): r for r, label in on.labels(done, shown).items()}
        for select in (self.run, self.to):
            if select.options != options:
                select.options = options
                select.value = shown[-1] if shown else None
        try:
            names = [n for n, kept in s.tables.workspace.selections.items() if kept.kind == "samples"]
        except PrunevizError as e:
            names = []
            s.say(str(e))
        if self.saved.options != names:
            self.saved.options = names
            self.saved.value = names[0] if names else None
        self.take.disabled = self.drop.disabled = not names
        rule = s.state.selection.rule if s.state.selection is not None else None
        self.save.disabled = rule is None
        self.carry.disabled = rule is None or not rule.runs
        self.csv.disabled = self.parquet.disabled = not s.state.samples
        self._fields()

    def _fields(self) -> None:
        """Show the fields that the column has."""
        column = self.column.value
        self.run.visible = column != _LABEL
        self.low.visible = self.high.visible = column in _NUMBERS
        self.values.visible = column not in _NUMBERS
        options = {
            _LABEL: [plain(c) for c in self.session.tables.classes],
            _OUTCOME: list(OUTCOMES),
            _CORRECT: ["yes", "no"],
        }
        if column not in _NUMBERS and self.values.options != options[column]:
            self.values.value, self.values.options = [], options[column]

    def _rule(self) -> Rule | str:
        """The rule that the fields ask for, or what is wrong with them."""
        column, run = self.column.value, self.run.value
        if column != _LABEL and not run:
            return "There is no model to read it of: compare some first."
        if column in _NUMBERS:
            limits = []
            for field in (self.low, self.high):
                text = (field.value_input or field.value or "").strip()
                try:
                    limits.append(float(text) if text else None)
                except ValueError:
                    return f"{field.label}: got {text!r}; allowed: a number, or nothing for any."
            return Range(Column(column, run), *limits)
        if not self.values.value:
            return f"Choose one or more values of {column}."
        values = tuple(self.values.value)
        if column == _LABEL:
            names = {plain(c): c for c in self.session.tables.classes}
            return Values(Column("label"), tuple(names[v] for v in values))
        if column == _OUTCOME:
            return Became(run, self.session.reference, values)
        return Values(Column("correct", run), values)

    def _apply(self) -> None:
        rule = self._rule()
        if isinstance(rule, str):
            self.session.say(rule)
            return
        now = self.session.state.selection
        before = now.rule if now is not None else None
        ways = {
            "and": rule if before is None else before & rule,
            "or": rule if before is None else before | rule,
            "and not": (before if before is not None else AllOf(())) & ~rule,
            "only": rule,
        }
        self.session.select(ways[self.way.value or "and"])

    def _invert(self) -> None:
        if self.session.state.selection is not None:
            self.session.select(~self.session.state.selection.rule)

    def _take(self) -> None:
        if self.saved.value:
            self.session.select(Named(self.saved.value))

    def _save(self) -> None:
        s, name = self.session, (self.name.value_input or self.name.value or "").strip()
        if s.state.selection is None:
            return
        try:
            s.tables.workspace.save_selection(name, s.state.selection)
        except PrunevizError as e:
            s.say(str(e))
            return
        self.name.value = ""
        s.change(selection=Selection("samples", Named(name)))
        s.say(f"Saved as {name!r}: {self.text()}.")

    def _drop(self) -> None:
        s, name = self.session, self.saved.value
        if not name:
            return
        try:
            kept = s.tables.workspace.selections[name]
            now = s.state.selection
            if now is not None and name in now.rule.names:
                s.change(selection=kept if now.rule == Named(name) else None)
            s.tables.workspace.delete_selection(name)
            s.say(f"Deleted {name!r}; it meant {plain(kept.rule.text)}.")
        except PrunevizError as e:
            s.say(str(e))

    def _carry(self) -> None:
        s = self.session
        if s.state.selection is None or not self.to.value:
            return
        others = [r for r in s.state.selection.rule.runs if r != s.reference]
        s.select(s.state.selection.rule.carried(dict.fromkeys(others, self.to.value)))

    def _frame(self) -> Any:
        s = self.session
        shown = [r for r in (s.reference, *on.compared(measured(s.tables), s.state)) if r]
        frame = s.tables.table("samples", shown)
        frame = frame[frame["sample_id"].astype(str).isin(set(s.state.samples))].copy()
        names = dict(zip(s.tables.runs["run_id"], s.tables.runs["name"], strict=True))
        frame.insert(1, "run", [names[r] for r in frame["run_id"]])
        classes = s.tables.classes
        for column in ("label", "prediction"):
            frame[column] = [classes[k] if 0 <= k < len(classes) else str(k) for k in frame[column]]
        return frame

    def _csv(self) -> io.BytesIO:
        return io.BytesIO(self._frame().to_csv(index=False).encode())

    def _parquet(self) -> io.BytesIO:
        found = io.BytesIO()
        self._frame().to_parquet(found, index=False)
        found.seek(0)
        return found


_SMALL: dict[str, Any] = {"size": "small", "width": 170, "margin": 0}
_FILE: dict[str, Any] = {"size": "small", "margin": 0}
_LINE = {"gap": "4px", "align-items": "center", "flex-wrap": "wrap"}
_WRAP: dict[str, Any] = {"gap": "10px", "align_items": "center", "margin": 0, "sizing_mode": "stretch_width"}
