"""The table of runs, sorted and filtered: where the models to compare are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import RUNS
from pruneviz.core.viewstate import MOST_MODELS
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.lineage import lineage_info
from pruneviz.views.text import plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.runs_table import COLUMNS, OTHER, counted, empty, shown
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, html, stack, toolkit
from pruneviz_apps.explorer.tradeoff_page import Filters

if TYPE_CHECKING:
    import pandas as pd
    from panel.viewable import Viewable


WHOLE = "whole"  # a column out of sight: the name that the pointer shows where one was shortened
_UNMEASURED = "A run that has not been measured cannot be compared."
HIGHEST, _HEAD, _ROW = 620, 48, 36  # pixels: of the table, of its head, of a row
TABLE_CSS = """
.tabulator { font-size: 13px; border: 1px solid rgb(128 136 150 / 0.28); border-radius: 8px; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-title { font-weight: 600; font-size: 12.5px; }
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
            header_tooltips={c.column: RUNS[c.column].meaning for c in COLUMNS if c.column != "mark"},
            frozen_columns=["mark", "method"],
            stylesheets=[TABLE_CSS],
            **WIDE,
        )
        self.table.param.watch(self._ticked, "selection")
        self.table.on_click(self._clicked, "mark")
        self.nothing = html(fragments.note("There are no runs yet. The overview says how to begin."))
        self.lineage = PicturePane(session, lineage_info, ("filters", "models", "reference"), shared=True)
        self.filters = Filters(session)
        self.panel: Viewable = stack(self.head, self.nothing, self.filters.panel, self.table, self.lineage.panel)

    def show(self) -> None:
        """Bring the table up to date, where it is and as it is sorted."""
        frame, runs = self._rows(), self.session.tables.runs
        how = f" Tick up to {MOST_MODELS} to compare; a click on {OTHER} makes a model the reference."
        self.head.object = fragments.heading("Runs", f"{counted(self.session, frame)}{how if len(frame) else ''}")
        self.table.visible, self.nothing.visible = len(frame) > 0, runs.empty
        self.filters.panel.visible = not runs.empty
        self.filters.show()
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
        frame, runs = shown(self.session), self.session.tables.runs
        names = dict(zip(runs["run_id"], runs["name"], strict=True))
        return frame.assign(**{WHOLE: [plain(names[r]) for r in frame["run_id"]]})

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
            asked = tuple(self._ids[i] for i in event.new)
            done = set(measured(self.session.tables)["run_id"])
            ids = tuple(r for r in asked if r in done)
            # Those stay that filters hide, and the order in which they were chosen.
            old = [m for m in self.session.state.models if m in ids or m not in self._ids]
            self.session.compare((*old, *(r for r in ids if r not in old)))
            if set(asked) != set(self.session.state.models) & set(self._ids):
                self.show()  # some were left out: untick them
            if ids != asked:
                self.session.say(_UNMEASURED)

    def _clicked(self, event: Any) -> None:
        run_id = self._ids[event.row]
        state = self.session.state
        runs = self.session.tables.runs
        if on.row(runs, run_id)["status"] != "done":
            self.session.say(_UNMEASURED)
        else:
            self.session.change(reference=run_id, models=tuple(m for m in state.models if m != run_id), first_sample=0)
