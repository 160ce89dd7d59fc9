"""What is kept and taken away: saved views, the page's pictures on paper, reports, and the code of the page."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pruneviz.core.errors import PrunevizError
from pruneviz.views import runs as on
from pruneviz.views.comparison import NONE_SELECTED
from pruneviz.views.metrics import measured
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.code import code
from pruneviz_apps.explorer.report_process import ReportProcess
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.taking_away import pictures_of, tells_all, view_pdf
from pruneviz_apps.streamlit_ui.bound import button, choice
from pruneviz_apps.streamlit_ui.frames import download
from pruneviz_apps.streamlit_ui.served import reading

REPORT = "report"  # the tab's process that writes one
POLL_S = 0.5  # how often it is looked whether a report is written


def show(session: Session) -> None:
    """Fill the lower part of the sidebar."""
    with st.expander("Saved views"):
        _views(session)
    with st.expander("Take away"):
        download(
            session,
            "view.pdf",
            partial(_pictures, session),
            "take-view",
            not pictures_of(session),
            label="This page's pictures (PDF)",
        )
        if tells_all(session.tables.study):
            _reports(session)
        if st.button("Code of this page", key="code"):
            _code(session)


def _pictures(session: Session) -> bytes:
    with reading:
        return view_pdf(session)


def _reports(session: Session) -> None:
    """Buttons that begin a report; how the one begun last stands."""
    for ending in (".html", ".pdf"):
        label = f"Report ({ending[1:].upper()})"
        button(label, session, f"take-report{ending}", partial(_begin, session, ending))
    process: ReportProcess | None = st.session_state.get(REPORT)
    if process is None:
        return
    name = process.file.name
    try:
        written = process.poll()
    except PrunevizError as e:
        _give_up()
        session.say(f"The report could not be written. {e}")
        return
    if written:
        download(session, name, process.file.read_bytes, "report-ready", label=f"Download {name}")
    else:
        _writing(session, process)


def _begin(session: Session, ending: str) -> None:
    """Begin a report, which a process of its own writes: meanwhile every tab goes on."""
    _give_up()
    if session.state.narrowed and not session.state.samples:
        session.say(NONE_SELECTED)
        return
    compared = on.compared(measured(session.tables), session.state)
    models = (session.reference, *compared) if compared else ()
    try:
        process = ReportProcess(session.tables.workspace, ending, models, session.state.samples)
    except OSError as e:
        session.say(f"The report could not be begun: {e.strerror or e}.")
        return
    st.session_state[REPORT] = process


def _give_up() -> None:
    """Give up or throw away the report that there is."""
    process: ReportProcess | None = st.session_state.pop(REPORT, None)
    if process is not None:
        process.stop()


@st.fragment(run_every=POLL_S)
def _writing(session: Session, process: ReportProcess) -> None:
    """That it is being written, and what stops it; the whole page anew once it is over."""
    try:
        over = st.session_state.get(REPORT) is not process or process.poll()
    except PrunevizError:
        over = True
    if over:
        st.rerun()
    st.html(fragments.note(f"Writing {process.file.name} …"))
    button("Cancel", session, "report-cancel", _give_up)


def _views(session: Session) -> None:
    names = list(session.tables.workspace.views)
    if names:
        opened = session.view if session.view in names else None
        choice(
            "Open",
            session,
            "view",
            {n: n for n in names},
            opened,
            lambda name: session.open_view(name) if name else None,
            placeholder="choose one",
        )
    st.text_input("Save this view as", key="view-name", placeholder="a name", max_chars=80)

    def save() -> None:
        session.save_view(st.session_state["view-name"])
        st.session_state["view-name"] = ""
        session.say(f"Saved as {session.view!r}. Its address is {session.address}")

    button("Save view", session, "save-view", save)


@st.dialog("Code", width="large")
def _code(session: Session) -> None:
    st.html(fragments.note("What makes the pictures of this page, as they are now."))
    try:
        with reading:
            made = code(session.tables, session.state, session.tables.workspace)
    except PrunevizError as e:
        st.html(fragments.notice(str(e), "error"))
        return
    st.code(made.python, language="python", wrap_lines=True)
    st.code(made.command, language="bash", wrap_lines=True)
