"""One run of the page: address in, sidebar, the page that the state names, address out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from pruneviz.core.errors import PrunevizError
from pruneviz.core.viewstate import ViewState
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui import drawing, look, served, sidebar
from pruneviz_apps.streamlit_ui.bound import CLICKED
from pruneviz_apps.streamlit_ui.navigation import PAGES

SESSION, STUDY, WRITTEN = "session", "study", "written"
_ELSEWHERE = "The page {page} is in the full explorer alone: pruneviz app STORE."
log = logging.getLogger(__name__)
Pairs = list[tuple[str, str]]


def run() -> None:
    """Show the page."""
    about = "pruneviz: prune models in many ways, and see what each way did to them."
    st.set_page_config(page_title="pruneviz", layout="wide", menu_items={"About": about})
    st.html(look.css(look.shown()))
    try:
        with served.reading:
            _page()
    except Exception as e:
        wrong(e)


def wrong(error: Exception) -> None:
    """Say what went wrong; the session goes on."""
    if not isinstance(error, PrunevizError):
        log.error("a part of the page could not be shown", exc_info=error)
    text = str(error) if isinstance(error, PrunevizError) else f"{type(error).__name__}: {error}"
    st.html(fragments.notice(f"This page could not be shown: {text}", "error"))


def _page() -> None:
    asked = _asked()
    tables = served.now().study(dict(asked).get(STUDY, ""))
    tables.refresh()
    session = _session(tables, [p for p in asked if p[0] != STUDY])
    sidebar.show(session)
    _write(session)
    drawing.begin()
    with _main(session):
        PAGES[session.state.page].show(session)
    drawing.end()


@contextmanager
def _main(session: Session) -> Iterator[None]:
    """The page's own part; what is said above it may come from within it."""
    notice = st.container()
    yield
    if session.notice:
        notice.html(fragments.notice(session.notice))


def _session(tables: CachedTables, asked: Pairs) -> Session:
    """The tab's session, at what the address asks for where that was changed by hand or by going back."""
    kept = st.session_state
    clicked = kept.pop(CLICKED, False)  # then the browser may not have heard of the newest address yet
    if SESSION not in kept or kept[SESSION].tables is not tables:
        kept[SESSION], clicked = Session(tables, ViewState()), False
        kept[WRITTEN] = None
    session: Session = kept[SESSION]
    if not clicked and asked != kept[WRITTEN]:
        session.go(urlencode(asked))
    if session.state.page not in PAGES:
        session.notice = _ELSEWHERE.format(page=session.state.page.capitalize())
        session.state = replace(session.state, page="overview")
    session.state = replace(session.state, theme=look.shown())
    return session


def _asked() -> Pairs:
    """The address's query."""
    return [(key, value) for key in st.query_params for value in st.query_params.get_all(key)]


def _write(session: Session) -> None:
    """Let the address say what is shown."""
    pairs = [p for p in parse_qsl(session.address.removeprefix("?")) if p[0] != "theme"]
    st.session_state[WRITTEN] = pairs
    name = session.tables.name
    whole = [*([(STUDY, name)] if name != served.now().first else []), *pairs]
    if whole != _asked():
        every: dict[str, list[str]] = {}
        for key, value in whole:
            every.setdefault(key, []).append(value)
        st.query_params.from_dict(every)
