"""Any metric over any other, and the smallest model that is still good enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pruneviz.views.metrics import METRICS
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.tradeoff_page import SIZES
from pruneviz_apps.streamlit_ui import filters
from pruneviz_apps.streamlit_ui.bound import bound, choice
from pruneviz_apps.streamlit_ui.drawing import picture

_LEAD = "Box, lasso or click points to single them out; the runs to compare are chosen in the table of runs."


def show(session: Session) -> None:
    """Fill the page."""
    st.html(fragments.heading("Trade-off", _LEAD))
    names = {name: m.title for name, m in METRICS.items()}
    axes = st.columns([4, 1, 4, 1], vertical_alignment="bottom")
    for place, axis, label in ((0, "x", "Across"), (2, "y", "Up")):
        with axes[place]:
            choice(label, session, axis, names, getattr(session.state, axis), _axis(session, axis))
        with axes[place + 1]:
            log = f"log_{axis}"
            bound(st.toggle, "log", session, log, getattr(session.state, log), _field(session, log))
    filters.show(session)
    picture(session, "tradeoff")
    st.divider()
    sizes = {n: METRICS[n].title for n in SIZES}
    choice("Small by", session, "size", sizes, session.state.size, _field(session, "size"), width=420)
    picture(session, "smallest")


def _axis(session: Session, axis: str) -> Callable[[Any], None]:
    """Another metric comes with the scale on which it reads best."""
    return lambda name: session.change(**{axis: name, f"log_{axis}": METRICS[name].log}) if name else None


def _field(session: Session, field: str) -> Callable[[Any], None]:
    return lambda value: session.change(**{field: value}) if value is not None else None
