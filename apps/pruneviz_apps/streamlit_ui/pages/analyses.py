"""What the study's analyses found: sentences, their pictures, and their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pruneviz.views.catalogue import of_analysis
from pruneviz.views.text import plain, several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.analyses_page import LEAD, NONE, SAID
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui.bound import choice
from pruneviz_apps.streamlit_ui.drawing import picture
from pruneviz_apps.streamlit_ui.frames import downloads, table


def show(session: Session) -> None:
    """Fill the page."""
    st.html(fragments.heading("Analyses", LEAD))
    found = session.tables.findings()
    if not found:
        st.html(fragments.notice(NONE))
    else:
        _one(session, found)
    if reasons := [f"{plain(n)}: {plain(why)}" for n, why in session.tables.unfit().items()]:
        title = fragments.section("Analyses that these models do not have, and why")
        st.html(title + fragments.sentences(reasons))


def _one(session: Session, found: Mapping[str, tuple[str, ...]]) -> None:
    """The analysis that the state names, else the first."""
    names = sorted(found)
    name = session.state.analysis if session.state.analysis in names else names[0]
    options = {n: plain(n) for n in names}
    choice("Analysis", session, "analysis", options, name, _choose(session), width=420)
    said = found[name]
    more = fragments.folded_sentences(several(len(said) - SAID, "more finding"), said[SAID:])
    st.html(fragments.section(plain(name)) + fragments.sentences(said[:SAID]) + more)
    for shown in of_analysis(name):
        picture(session, shown)
    names = session.tables.tables_of(name)
    if not names:
        return
    st.html(fragments.section("Tables"))
    wanted = st.selectbox("Table", names, key=f"table-of-{name}", width=420)
    table(session.tables.table(wanted))
    downloads(session, wanted, lambda: session.tables.table(wanted))


def _choose(session: Session) -> Callable[[Any], None]:
    return lambda name: session.change(analysis=name) if name else None
