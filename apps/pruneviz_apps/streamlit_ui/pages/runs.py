"""Every run: sorted, searched, chosen to compare, taken away; and where each comes from."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pruneviz.core.tables import RUNS
from pruneviz.core.viewstate import MOST_MODELS
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.runs_table import COLUMNS, Shown, counted, empty, shown
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui import filters
from pruneviz_apps.streamlit_ui.bound import acting
from pruneviz_apps.streamlit_ui.drawing import picture
from pruneviz_apps.streamlit_ui.frames import downloads, table

_NUMBERS = {"0": "%d", "0,0": "localized", "0.0 %": "%.1f %%"}
_TICKED = "ticked"  # the runs that the table has ticked, and how often it was made anew


def show(session: Session) -> None:
    """Fill the page."""
    frame = shown(session)
    how = f"Tick up to {MOST_MODELS} to compare with the reference, which is chosen on the left."
    st.html(fragments.heading("Runs", f"{counted(session, frame)} {how}"))
    if session.tables.runs.empty:
        st.html(fragments.note("There are no runs yet. The overview says how to begin."))
        return
    filters.show(session)
    _table(session, frame)
    downloads(session, "runs", lambda: session.tables.runs)
    picture(session, "lineage")


def _table(session: Session, frame: Any) -> None:
    """The table, made anew only where something else than a tick in it has changed what is compared."""
    ids = [str(r) for r in frame["run_id"]]
    models = [m for m in session.state.models if m in ids]
    ticked, times = st.session_state.get(_TICKED, (None, 0))
    if ticked is None or set(ticked) != set(models):
        times += 1
        st.session_state[_TICKED] = models, times
    key = f"runs-{times}"

    def tick() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        now = [ids[i] for i in rows]
        # Those stay that filters hide, and the order in which they were chosen.
        old = [m for m in session.state.models if m in now or m not in ids]
        st.session_state[_TICKED] = now, times
        session.compare((*old, *(r for r in now if r not in old)))

    hidden = {*empty(frame), "run_id"}
    columns = {c.column: _column(c) for c in COLUMNS}
    percents = [c.column for c in COLUMNS if c.format == "0.0 %"]
    frame = frame.drop(columns=[c for c in hidden if c in frame])
    frame = frame.assign(**{c: 100 * frame[c] for c in percents if c in frame})
    table(
        frame,
        columns,
        key=key,
        on_select=acting(session, tick),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(m) for m in models]}},
    )


def _column(c: Shown) -> Any:
    meaning = RUNS[c.column].meaning if c.column in RUNS.names else "★ marks the reference"
    if c.format:
        return st.column_config.NumberColumn(c.title, help=meaning, format=_NUMBERS[c.format])
    return st.column_config.TextColumn(c.title, help=meaning, width=c.width)
