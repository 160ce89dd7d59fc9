"""Layer by layer: what each method, or each model compared, keeps."""

from __future__ import annotations

import streamlit as st

from pruneviz.views.pictures.density_map import targets
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui import filters
from pruneviz_apps.streamlit_ui.bound import choice
from pruneviz_apps.streamlit_ui.drawing import picture


def show(session: Session) -> None:
    """Fill the page."""
    st.html(fragments.heading("Layers", "Where each method removes, and where it does not."))
    known = dict(targets(session.tables, session.state))
    if known and not session.state.models:
        names = list(known)
        chosen = session.state.target if session.state.target in known else names[len(names) // 2]
        choice("Target", session, "target", known, chosen, lambda t: session.change(target=t) if t else None, width=240)
        filters.show(session)
    picture(session, "density_map")
