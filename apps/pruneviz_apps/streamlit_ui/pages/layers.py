"""Layer by layer: what each method, or each model compared, keeps; its weights, what it says, and one from inside."""

from __future__ import annotations

import streamlit as st

from pruneviz.views.pictures.density_map import targets
from pruneviz.views.pictures.layer_mask import layers_of, shown_layer
from pruneviz.views.text import plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui import filters
from pruneviz_apps.streamlit_ui.bound import choice
from pruneviz_apps.streamlit_ui.drawing import picture, together


def show(session: Session) -> None:
    """Fill the page."""
    st.html(fragments.heading("Layers", "Where each method removes, and what became of what is left."))
    known = dict(targets(session.tables, session.state))
    if known and not session.state.models:
        names = list(known)
        chosen = session.state.target if session.state.target in known else names[len(names) // 2]
        choice("Target", session, "target", known, chosen, lambda t: session.change(target=t) if t else None, width=240)
        filters.show(session)
    picture(session, "density_map")
    together(session, ("layer_weights", "layer_activations"), "repeat(auto-fit, minmax(min(440px, 100%), 1fr))")
    layers = {n: plain(n) for n in layers_of(session.tables, session.state)}
    if layers:
        inside = shown_layer(session.tables, session.state)
        choice("Layer", session, "layer", layers, inside, lambda n: session.change(layer=n) if n else None, width=260)
    picture(session, "layer_mask")
