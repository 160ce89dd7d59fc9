"""The test images: where they lie for each model, many of them at once, one in detail, and their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pruneviz.core.tables import SAMPLES
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.projection import projections
from pruneviz.views.pictures.sample_grid import ON_PAGE, sorted_ids
from pruneviz.views.text import several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.samples_page import COLOURS, SORTS, walk
from pruneviz_apps.explorer.selecting import in_sight, rows
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui import selection
from pruneviz_apps.streamlit_ui.bound import acting, button, choice
from pruneviz_apps.streamlit_ui.drawing import linked, together
from pruneviz_apps.streamlit_ui.frames import downloads, meanings, table

_LEAD = "Brush in a scatter: the same images stand out in all scatters. The rest follows a rule, or a saved selection."


def show(session: Session) -> None:
    """Fill the page."""
    st.html(fragments.heading("Samples", _LEAD))
    selection.show(session)
    state = session.state
    colours = {value: label for label, value in COLOURS.items()}
    choice("Colour", session, "colour", colours, state.colour, _field(session, "colour"), width=260)
    linked(session, "projection", projections)
    _sorting(session)
    ids = sorted_ids(session.tables, state)
    together(session, ("sample_grid", "sample_detail"), "repeat(auto-fit, minmax(min(410px, 100%), max-content))")
    _turn(session, len(ids))
    _numbers(session)


def _field(session: Session, name: str, restart: bool = False) -> Callable[[Any], None]:
    def set_to(value: Any) -> None:
        if value is not None:
            session.change(**{name: value, **({"first_sample": 0} if restart else {})})

    return set_to


def _sorting(session: Session) -> None:
    state = session.state
    with st.container(horizontal=True):
        sorts = {value: label for label, value in SORTS.items()}
        choice("Sort by", session, "sort", sorts, state.sort, _field(session, "sort", True), width=260)
        if state.sort != "disagreement":
            shown = in_sight(session)
            names = on.labels(measured(session.tables), (*shown[1:], *shown[:1]))
            now = state.sort_of if state.sort_of in names else next(iter(names), None)
            choice("of", session, "sort_of", names, now, _field(session, "sort_of", True), width=320)
        orders = {"1": "largest first", "0": "smallest first"}
        down = "1" if state.descending else "0"
        set_to = _field(session, "descending", True)
        choice("Order", session, "order", orders, down, lambda v: set_to(v == "1"), width=180)


def _turn(session: Session, total: int) -> None:
    first = session.state.first_sample

    def by(step: int) -> None:
        session.change(first_sample=max(0, first // ON_PAGE * ON_PAGE + step))

    last = first // ON_PAGE * ON_PAGE + ON_PAGE >= total
    with st.container(horizontal=True):
        button("Previous images", session, "grid-back", lambda: by(-ON_PAGE), disabled=first <= 0)
        button("Next images", session, "grid-on", lambda: by(ON_PAGE), disabled=last)
        button("Image before", session, "before", lambda: walk(session, -1), disabled=not total)
        button("Image after", session, "after", lambda: walk(session, 1), disabled=not total)


def _numbers(session: Session) -> None:
    """What each model says of each image; a row ticked is shown in detail."""
    frame = rows(session)
    if frame.empty:
        return
    about = "of the selected images" if session.state.selection is not None else "of all test images"
    st.html(fragments.section("Numbers") + fragments.note(f"{several(len(frame), 'row')} {about}; tick one to see it."))

    def tick() -> None:
        chosen = st.session_state["samples-table"]["selection"]["rows"]
        if chosen:
            session.change(shown_sample=str(frame["sample_id"].iloc[chosen[0]]))

    shown = frame.drop(columns="run_id")
    table(shown, meanings(SAMPLES), key="samples-table", on_select=acting(session, tick), selection_mode="single-row")
    downloads(session, "samples", lambda: frame)
