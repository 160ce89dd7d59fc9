"""Which methods, targets, recoveries and models are shown; shared by all pages through the state."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.tradeoff_page import FILTERS, offered
from pruneviz_apps.streamlit_ui.bound import bound


def show(session: Session) -> None:
    """A field for each column of which the study has more than one value."""
    known = {column: offered(session.tables.runs, column) for column, _ in FILTERS}
    known = {column: names for column, names in known.items() if len(names) > 1}
    if not known:
        return
    for place, (column, names) in zip(st.columns(len(known)), known.items(), strict=True):
        with place:
            bound(
                st.multiselect,
                dict(FILTERS)[column],
                session,
                f"only-{column}",
                [v for v in session.state.filter(column) if v in names],
                _only(session, column),
                options=list(names),
                format_func=names.__getitem__,
                placeholder="all",
            )


def _only(session: Session, column: str) -> Callable[[list[str]], None]:
    def only(values: list[str]) -> None:
        session.change(filters=session.state.with_filter(column, tuple(values)).filters)

    return only
