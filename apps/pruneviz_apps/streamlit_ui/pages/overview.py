"""The opening page: what the study holds, what was found, where to go; or how to begin."""

from __future__ import annotations

import streamlit as st

from pruneviz.views.findings import failures, found, holdings
from pruneviz.views.text import plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.telling import BEGIN, NOTHING_YET, summary, tiles, was_found
from pruneviz_apps.streamlit_ui.drawing import picture


def show(session: Session) -> None:
    """Fill the page."""
    tables = session.tables
    holds = holdings(tables)
    if not holds.total:
        st.html(fragments.heading(plain(tables.name), NOTHING_YET) + fragments.steps(BEGIN))
        return
    st.html(fragments.heading(plain(tables.name), summary(holds)))
    st.html(fragments.tiles(tiles(holds)))
    state = session.state
    first = tables.once(("found", state.filters, state.size), lambda: found(tables, state))
    st.html(was_found(first, tables.findings()))
    picture(session, "tradeoff")
    if failed := failures(tables):
        st.html(fragments.section("Runs that failed") + fragments.sentences(failed, "failed"))
