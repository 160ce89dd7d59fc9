"""The selection of images: what it is in words, kept ones taken up, rules asked for; pictures do not report brushes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pruneviz.core.selection import Named
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz_apps.explorer import fragments, selecting
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui.bound import button, choice


def show(session: Session) -> None:
    """One line with the selection, and on demand what changes it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(fragments.note(selecting.words(session)), width="content")
        if session.state.selection is not None:
            button("Clear selection", session, "clear", lambda: session.select(None), type="tertiary")
            button("Invert", session, "invert", lambda: _invert(session), type="tertiary")
    with st.expander("Choose images by a rule, or a saved selection"):
        names = on.labels(measured(session.tables), selecting.in_sight(session))
        _rule(session, names)
        _kept(session, names)


def _invert(session: Session) -> None:
    if session.state.selection is not None:
        session.select(~session.state.selection.rule)


def _rule(session: Session, names: dict[str, str]) -> None:
    """Fields for one rule; they are read when it is applied."""
    places = st.columns([3, 4, 5, 3, 2], vertical_alignment="bottom")
    with places[0]:
        column = st.selectbox("Column", selecting.FIELDS, key="rule-column")
    low, high = "", ""
    values: tuple[str, ...] = ()
    with places[1]:
        run = st.selectbox(
            "of",
            list(names),
            index=len(names) - 1 if names else None,
            format_func=lambda r: names.get(r, ""),
            key="rule-run",
            disabled=column in selecting.OF_NO_MODEL,
        )
    with places[2]:
        if column == selecting.NAME:
            low = st.text_input("contains", key="rule-part", placeholder="a part of it")
        elif column in selecting.NUMBERS:
            left, right = st.columns(2)
            low = left.text_input("from", key="rule-low", placeholder="any")
            high = right.text_input("to", key="rule-high", placeholder="any")
        else:
            values = tuple(st.multiselect("is one of", selecting.choices(session, column), key=f"rule-values-{column}"))
    with places[3]:
        way = st.selectbox("How", list(selecting.WAYS), format_func=selecting.WAYS.__getitem__, key="rule-way")

    def apply() -> None:
        rule = selecting.wanted(session, column, run or "", values, low.strip(), high.strip())
        if isinstance(rule, str):
            session.say(rule)
        else:
            selecting.refine(session, rule, way)

    with places[4]:
        button("Apply", session, "rule-apply", apply, type="primary")


def _kept(session: Session, names: dict[str, str]) -> None:
    """The selections that are saved with the study; this one saved among them, or carried to another model."""
    selection = session.state.selection
    kept = [n for n, s in session.tables.workspace.selections.items() if s.kind == "samples"]
    places = st.columns(3, vertical_alignment="bottom")
    now = selection.rule.name if selection is not None and isinstance(selection.rule, Named) else None
    with places[0]:
        options = {n: n for n in kept}
        choice("Saved selection", session, "kept", options, now, _take(session), placeholder="none is chosen")
    if selection is None:
        return
    with places[1], st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Save this one as", key="kept-name", placeholder="a name", max_chars=80)
        button("Save", session, "kept-save", lambda: _save(session))
    if selecting.portable(session) is not None:
        with places[2]:
            choice("Carry to", session, "carry", names, None, _carry(session), placeholder="another model")


def _take(session: Session) -> Callable[[Any], None]:
    return lambda name: session.select(Named(name)) if name else None


def _carry(session: Session) -> Callable[[Any], None]:
    return lambda run_id: selecting.carry(session, run_id) if run_id else None


def _save(session: Session) -> None:
    if session.state.selection is None:
        return
    asked = st.session_state.get("kept-asked", "")
    st.session_state["kept-asked"] = asked = selecting.save(session, st.session_state["kept-name"], asked)
    if not asked:
        st.session_state["kept-name"] = ""
