"""One model against the reference: every difference in sentences, and the pictures that show what they say."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz.views import runs as on
from pruneviz.views.differences import ORDER, differences, focus
from pruneviz.views.metrics import measured
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.diff_page import LEAD, said, title, unsaid
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui.bound import choice
from pruneviz_apps.streamlit_ui.drawing import picture
from pruneviz_apps.streamlit_ui.pages.compare import nothing


def show(session: Session) -> None:
    """Fill the page."""
    st.html(fragments.heading("Diff", LEAD))
    done = measured(session.tables)
    compared = on.compared(done, session.state)
    if not compared:
        nothing(session)
        return
    if len(compared) > 1:
        labels = on.labels(done, [r for r in (session.reference, *compared) if r])
        names = {r: labels[r] for r in compared}
        now = focus(session.state)
        choice("Model", session, "focus", names, now, lambda r: session.change(focus=r) if r else None, width=420)
    d = differences(session.tables, session.state)
    if d.why_empty:
        st.html(fragments.notice(d.why_empty))
        return
    st.html(fragments.section(d.title) + fragments.lead(f"{d.scope} {ORDER}"))
    st.html(said(d))
    pictures = list(dict.fromkeys(p for one in d.said for p in one.pictures))
    if pictures:
        st.html(fragments.section("Pictures"))
        name = st.selectbox("Picture", pictures, format_func=title, key="diff-picture", width=420)
        picture(session, name, replace(session.state, models=(focus(session.state),)))
    if unsaid_words := unsaid(d, session.tables.unfit()):
        st.html(unsaid_words)
