"""Models against the reference: classes, flips, image by image, and the images."""

from __future__ import annotations

import streamlit as st

from pruneviz.views import runs as on
from pruneviz.views.class_rows import CLASSES, class_rows
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.images import ROWS, pages
from pruneviz.views.pictures.sample_scatter import MOST_SCATTERS, sample_scatters
from pruneviz.views.text import several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.compare_page import suggested
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui import selection
from pruneviz_apps.streamlit_ui.bound import bound, button
from pruneviz_apps.streamlit_ui.drawing import linked, picture, together
from pruneviz_apps.streamlit_ui.frames import downloads, meanings, table

_LEAD = "Brush in a scatter: the same images stand out in all scatters. The rest follows a rule, or a saved selection."
_NOTHING = "Nothing is compared with the reference yet. Choose models on the left, or tick them in the table of runs."


def show(session: Session) -> None:
    """Fill the page."""
    st.html(fragments.heading("Compare", _LEAD))
    compared = on.compared(measured(session.tables), session.state)
    if not compared:
        nothing(session)
        picture(session, "images")
        _turn(session)
        return
    selection.show(session)
    bound(
        st.segmented_control,
        "Plot each image's",
        session,
        "metric",
        session.state.sample_metric,
        lambda metric: session.change(sample_metric=metric) if metric else None,
        options=["margin", "confidence", "loss"],
    )
    linked(session, "sample_scatter", sample_scatters)
    if (more := len(compared) - MOST_SCATTERS) > 0:
        words = f"Scatters of the first {MOST_SCATTERS} models compared; {several(more, 'other')} in the rest only."
        st.html(fragments.note(words))
    together(session, ("flips", "class_changes"), "repeat(auto-fit, minmax(min(440px, 100%), 1fr))")
    _classes(session)
    picture(session, "images")
    _turn(session)


def _classes(session: Session) -> None:
    rows = class_rows(session.tables, session.state)
    if not rows.empty:
        st.html(fragments.section("Classes"))
        table(rows.drop(columns="run_id"), meanings(CLASSES))
        downloads(session, "classes", lambda: rows)


def nothing(session: Session) -> None:
    """What to do where nothing is compared."""
    st.html(fragments.note(_NOTHING))
    models, words = suggested(session.tables, session.state)
    if models:
        button(words, session, "suggest", lambda: session.compare(models), type="primary")


def _turn(session: Session) -> None:
    """To the images before and after those shown."""
    first, total = session.state.first_sample, pages(session.tables, session.state)

    def by(step: int) -> None:
        session.change(first_sample=max(0, first // ROWS * ROWS + step))

    with st.container(horizontal=True):
        button("Previous images", session, "images-back", lambda: by(-ROWS), disabled=first <= 0)
        button("Next images", session, "images-on", lambda: by(ROWS), disabled=first // ROWS * ROWS + ROWS >= total)
