"""What stays in sight on every page: where to go, the study, the reference, what is compared, and what is kept."""

from __future__ import annotations

import streamlit as st

from pruneviz.core.viewstate import MOST_MODELS
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.telling import status
from pruneviz_apps.streamlit_ui import look, served, taking
from pruneviz_apps.streamlit_ui.bound import bound, button, choice
from pruneviz_apps.streamlit_ui.navigation import PAGES

LONGEST = 40  # characters of a model's name
POLL_S = 3  # how often the study and the menu's colours are looked at: neither tells of itself that it has changed


def show(session: Session) -> None:
    """Fill it."""
    with st.sidebar:
        _study(session)
        labels = {name: page.label for name, page in PAGES.items()}
        bound(
            st.radio,
            "Page",
            session,
            "page",
            session.state.page,
            lambda page: session.change(page=page),
            options=list(labels),
            format_func=labels.__getitem__,
            label_visibility="collapsed",
        )
        st.divider()
        _comparison(session)
        st.divider()
        taking.show(session)


def _study(session: Session) -> None:
    """The study's name, which of the store's it is, and how far it is."""
    st.html(f"<p class='pv-study'>{fragments.fill('{name}', name=elide(plain(session.tables.name), 60))}</p>")
    names = served.now().studies
    if len(names) > 1:
        choice("Study", session, "study", {n: plain(n) for n in names}, session.tables.name, _other_study)
    _watch(session, session.tables.version, session.notice)


def _other_study(name: str) -> None:
    st.query_params.from_dict({"study": name})


@st.fragment(run_every=POLL_S)
def _watch(session: Session, version: object, notice: str) -> None:
    """How many runs are measured; the whole page anew where it has something else to show since then."""
    with served.reading:
        session.tables.refresh()
        st.html(fragments.note(status(session.tables)))
    if (session.tables.version, look.shown(), session.notice) != (version, session.state.theme, notice):
        st.rerun()


def _comparison(session: Session) -> None:
    done = measured(session.tables)
    reference, chosen = session.reference, on.compared(done, session.state)
    every = session.tables.once("labels", lambda: on.labels(done, list(done["run_id"])))
    told_apart = {**every, **on.labels(done, [r for r in (reference, *chosen) if r])}  # shorter where they can be
    labels = {r: elide(label, LONGEST) for r, label in told_apart.items()}

    def choose(run_id: str | None) -> None:
        if run_id:
            models = tuple(m for m in session.state.models if m != run_id)
            session.change(reference=run_id, models=models, first_sample=0)

    choice("Reference", session, "reference", labels, reference, choose, placeholder="no model is measured yet")
    others = {r: label for r, label in labels.items() if r != reference}
    bound(
        st.multiselect,
        f"Compared with it: {MOST_MODELS} at most",
        session,
        "models",
        list(chosen),
        lambda models: session.compare(tuple(models)),
        options=list(others),
        format_func=lambda r: others.get(r, ""),
        max_selections=MOST_MODELS,
        placeholder="nothing yet",
    )
    with st.container(horizontal=True, gap="small"):
        button("Undo", session, "undo", session.undo, disabled=not session.can_undo, type="tertiary")
        button("Redo", session, "redo", session.redo, disabled=not session.can_redo, type="tertiary")
        nothing = not session.state.models
        button("Compare none", session, "none", lambda: session.compare(()), disabled=nothing, type="tertiary")
