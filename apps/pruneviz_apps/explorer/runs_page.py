"""The table of runs: sorted, filtered, and where the models to compare are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import RUNS
from pruneviz.core.viewstate import MOST_MODELS
from pruneviz.views import runs as on
from pruneviz.views.pictures.lineage import lineage_info
from pruneviz.views.text import plain, several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.runs_table import COLUMNS, OTHER, empty, shown
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, html, stack, toolkit

if TYPE_CHECKING:
    import pandas as pd
    from panel.viewable import Viewable


WHOLE = "whole"  # a column out of sight: the name that the pointer shows where one was shortened
HIGHEST, _HEAD, _ROW = 620, 84, 36  # pixels: of the table, of its head, of a row
TABLE_CSS = """
.tabulator { font-size: 13px; border: 1px solid rgb(128 136 150 / 0.28); border-radius: 8px; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-title { font-weight: 600; font-size: 12.5px; }
.tabulator .tabulator-header input { font-size: 12px; border: 1px solid rgb(128 136 150 / 0.28); border-radius: 4px;
  background: transparent; color: inherit; }
.tabulator .tabulator-tableholder .tabulator-table .tabulator-row { min-height: 34px; background: transparent; }
.tabulator .tabulator-row .tabulator-cell { font-size: 13px; height: 34px !important; padding: 8px 10px;
  text-overflow: ellipsis; font-variant-numeric: tabular-nums; }
.tabulator .tabulator-row .tabulator-cell > div { overflow: hidden; text-overflow: ellipsis; }
.tabulator .tabulator-row .tabulator-cell:has(input[type="checkbox"]) { text-overflow: clip; padding: 8px 4px; }
.tabulator .tabulator-row .tabulator-cell[tabulator-field="mark"] { cursor: pointer; font-size: 16px; padding: 5px 0; }
.tabulator-row .tabulator-cell.tabulator-frozen { background: var(--panel-surface-color); }
.tabulator .tabulator-tableholder .tabulator-table .tabulator-row.tabulator-selected,
.tabulator .tabulator-tableholder .tabulator-table .tabulator-row.tabulator-selected:hover,
.tabulator .tabulator-row.tabulator-selected .tabulator-cell { color: var(--panel-on-surface-color) !important;
  background: color-mix(in srgb, var(--panel-primary-color) 16%, var(--panel-surface-color)) !important; }
.tabulator .tabulator-header input[type="checkbox"] { display: none; }
.tabulator :focus-visible { outline: 2px solid var(--panel-primary-color) !important; outline-offset: -2px; }
"""


class RunsPage:
    """Every planned run in one row."""

    def __init__(self, session: Session) -> None:
        from bokeh.models.widgets.tables import NumberFormatter

        pn, _ = toolkit()
        self.session = session
        self._ids: list[str] = []
        self._filling = False
        self.head = html()
        numbers = {c.column: NumberFormatter(format=c.format, nan_format="–") for c in COLUMNS if c.format}
        self.table = pn.widgets.Tabulator(
            self._rows().drop(columns="run_id"),
            show_index=False,
            disabled=True,
            editors=dict.fromkeys([*(c.column for c in COLUMNS), WHOLE]),  # else cells give the keyboard away
            selectable="checkbox",
            layout="fit_data_fill",
            height=HIGHEST,
            titles={c.column: c.title for c in COLUMNS},
            widths={c.column: c.width for c in COLUMNS},
            formatters=numbers,
            text_align={c.column: "right" for c in COLUMNS if c.format} | {"mark": "center"},
            header_filters={
                c.column: {"type": "input", "func": "like", "placeholder": "filter"}
                for c in COLUMNS
                if not c.format and c.column != "mark"
            },
            header_tooltips={c.column: RUNS[c.column].meaning for c in COLUMNS if c.column != "mark"},
            frozen_columns=["mark", "method"],
            stylesheets=[TABLE_CSS],
            **WIDE,
        )
        self.table.param.watch(self._ticked, "selection")
        self.table.on_click(self._clicked, "mark")
        self.nothing = html(fragments.note("There are no runs yet. The overview says how to begin."))
        self.lineage = PicturePane(session, lineage_info, ("filters", "models", "reference"), shared=True)
        self.panel: Viewable = stack(self.head, self.nothing, self.table, self.lineage.panel)

    def show(self) -> None:
        """Bring the table up to date, where it is and as it is sorted."""
        frame = self._rows()
        waiting = int((frame["status"] != "done").sum())
        text = f"{several(len(frame), 'run').capitalize()}" + (f", {waiting:,} of them not measured" if waiting else "")
        how = f"Tick up to {MOST_MODELS} to compare; a click on {OTHER} makes a model the reference."
        self.head.object = fragments.heading("Runs", f"{text}. {how}")
        self.table.visible, self.nothing.visible = len(frame) > 0, frame.empty
        self._filling = True
        try:
            if list(frame["run_id"]) != self._ids:
                self._ids = [str(r) for r in frame["run_id"]]
                self.table.value = frame.drop(columns="run_id")
                self.table.hidden_columns = [*empty(frame), WHOLE]
                self.table.height = min(HIGHEST, _HEAD + _ROW * len(frame))
            else:
                self._patch(frame.drop(columns="run_id"))
            at = {r: i for i, r in enumerate(self._ids)}
            self.table.selection = [at[m] for m in self.session.state.models if m in at]
        finally:
            self._filling = False
        self.lineage.panel.visible = self.table.visible
        self.lineage.show()

    def _rows(self) -> pd.DataFrame:
        names = [plain(n) for n in self.session.tables.runs["name"]]
        return shown(self.session).assign(**{WHOLE: names})

    def _patch(self, frame: pd.DataFrame) -> None:
        """Send the cells that have changed, so that the table stays scrolled and sorted as it is."""
        old = self.table.value
        changes = {}
        for column in frame.columns:
            pairs = enumerate(zip(old[column], frame[column], strict=True))
            cells = [(i, b) for i, (a, b) in pairs if a != b and not (on.missing(a) and on.missing(b))]
            if cells:
                changes[column] = cells
        if changes:
            self.table.patch(changes)
            self.table.hidden_columns = [*empty(frame), WHOLE]

    def _ticked(self, event: Any) -> None:
        if not self._filling:
            ids = tuple(self._ids[i] for i in event.new)
            old = [m for m in self.session.state.models if m in ids]  # keep the order in which they were chosen
            self.session.compare((*old, *(r for r in ids if r not in old)))
            if set(ids) != set(self.session.state.models):
                self.show()  # some were left out: untick them

    def _clicked(self, event: Any) -> None:
        run_id = self._ids[event.row]
        state = self.session.state
        runs = self.session.tables.runs
        if str(runs["status"].iloc[event.row]) != "done":
            self.session.say("This run has not been measured, so nothing can be compared with it.")
        else:
            self.session.change(reference=run_id, models=tuple(m for m in state.models if m != run_id), first_sample=0)
