"""The catalogue of methods: filtered by what tells them apart, each in full, and the way to prune with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pruneviz.pruning import RECIPES, describe
from pruneviz.signatures import NONE
from pruneviz.views.text import several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.runs_page import TABLE_CSS
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, html, side_by_side, stack, toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable

# What the survey tells methods apart by: a column, its title, and what the catalogue calls it.
FACETS = (
    ("what", "What is removed", "unit"),
    ("when", "When", "when"),
    ("allocated", "How allocated", "allocation"),
    ("recovered", "How recovered", "recovered"),
    ("needs", "Needs", "needs"),
    ("speed", "Speed-up", "speedup"),
)
_WIDTHS = {"method": 180, "idea": 330, "what": 92, "when": 130, "allocated": 120, "recovered": 150, "needs": 130}
_LEAD = "Every method that a study can name, and what tells them apart. A click on a row shows it in full."
_NOTHING = "nothing of the data"


def catalogue() -> pd.DataFrame:
    """One row for each method of the registry; imports no torch."""
    rows = []
    for recipe in RECIPES.values():
        told = describe(recipe)
        row = {column: told[of] for column, _, of in FACETS}
        row["needs"] = ", ".join(told["needs"]) or _NOTHING
        rows.append({"method": told["name"], "idea": told["summary"], **row})
    return pd.DataFrame(rows)


def filtered(frame: pd.DataFrame, chosen: dict[str, list[str]], text: str) -> pd.DataFrame:
    """The rows that have one of the chosen values in each column, and every word of the text somewhere."""
    keep = pd.Series(True, index=frame.index)
    for column, values in chosen.items():
        if values:
            keep &= frame[column].isin(values)
    everything = frame.astype(str).agg(" ".join, axis=1).str.lower()
    for word in text.lower().split():
        keep &= everything.str.contains(word, regex=False)
    return frame[keep]


def in_full(name: str) -> str:
    """All that the catalogue says of a method, as HTML."""
    told = describe(RECIPES[name])
    facts = {
        "formula": told["formula"],
        "removes": f"{told['unit']}s, by {told['score']}; {told['lasts']}",
        "when": told["when"],
        "allocated": told["allocation"],
        "schedule": told["schedule"],
        "recovered": told["recovered"],
        "passes over the data": told["cost"],
        "speed-up": told["speedup"],
        "random control": told["control"],
        "differs from the paper": told["differs"],
        "published in": told["reference"],
    }
    if told["reference"]:
        facts |= {f"signature {name}": text for name, text in told["signature"].items()} or {"signature": NONE}
    items = [f"{label}: {value}" for label, value in facts.items() if value]
    summary = f"{told['summary'][:1].upper()}{told['summary'][1:]}."
    made = fragments.section(name) + fragments.note(summary) + fragments.sentences(items)
    columns = ["option", "default", "allowed", "what it is"]
    options = [[o, str(t["default"]), t["allowed"], t["doc"]] for o, t in told["options"].items()]
    frame = pd.DataFrame(options, columns=columns)
    return made + (fragments.folded(several(len(frame), "option"), frame) if options else "")


class MethodsPage:
    """Filters, a table, and one method in full."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self._filling = False
        self._all = catalogue()
        self._shown = self._all
        self.boxes = {
            column: pmui.MultiChoice(
                label=title,
                placeholder="all",
                options=sorted(set(self._all[column])),
                width=230,
                margin=0,
            )
            for column, title, _ in FACETS
        }
        self.text = pmui.TextInput(label="Search", placeholder="a word", size="small", width=200, margin=0)
        for widget in (*self.boxes.values(), self.text):
            widget.param.watch(lambda e: self._filter(), "value")
        self.count = html()
        self.table = pn.widgets.Tabulator(
            self._all,
            show_index=False,
            disabled=True,
            editors=dict.fromkeys(self._all.columns),  # else cells give the keyboard away
            selectable=1,
            layout="fit_data_fill",
            height=430,
            widths=_WIDTHS,
            titles={"idea": "what it is", "what": "removes", "allocated": "allocated", "speed": "speed-up"},
            frozen_columns=["method"],
            stylesheets=[TABLE_CSS],
            **WIDE,
        )
        self.table.param.watch(self._ticked, "selection")
        self.full = html()
        self.go = pmui.Button(label="Prune with it", variant="contained", margin=0, visible=False)
        self.go.on_click(lambda e: session.change(page="prune"))
        boxes = pn.FlexBox(*self.boxes.values(), self.text, gap="14px", margin=0, sizing_mode="stretch_width")
        faults = [f"{name}: {why}" for name, why in RECIPES.faults.items()]
        self.panel: Viewable = stack(
            html(fragments.heading("Methods", _LEAD)),
            boxes,
            self.count,
            self.table,
            side_by_side(self.go),
            self.full,
            html(fragments.sentences(faults, "failed")),
        )
        self._filter()

    def show(self) -> None:
        """Bring the page up to date."""
        name = self.session.state.method
        known = name in RECIPES
        self.full.object = in_full(name) if known else ""
        self.go.visible = known
        self._filling = True
        try:
            self.table.selection = [i for i, n in enumerate(self._shown["method"]) if n == name]
        finally:
            self._filling = False

    def _filter(self) -> None:
        chosen = {column: list(box.value) for column, box in self.boxes.items()}
        self._shown = filtered(self._all, chosen, self.text.value).reset_index(drop=True)
        self._filling = True
        try:
            self.table.value = self._shown
            self.table.selection = [i for i, n in enumerate(self._shown["method"]) if n == self.session.state.method]
        finally:
            self._filling = False
        self.count.object = fragments.note(f"{len(self._shown)} of {several(len(self._all), 'method')}")

    def _ticked(self, event: Any) -> None:
        if not self._filling and event.new:
            self.session.change(method=str(self._shown["method"][event.new[0]]))
