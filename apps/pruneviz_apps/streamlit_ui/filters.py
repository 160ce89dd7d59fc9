"""Which methods, recoveries and models are shown; shared by all pages through the state."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pruneviz.views import runs as on
from pruneviz.views.text import plain
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.tradeoff_page import FILTERS
from pruneviz_apps.streamlit_ui.bound import bound


def show(session: Session) -> None:
    """A field for each column of which the study has more than one value."""
    runs = session.tables.runs
    pruned = runs[~on.is_dense(runs)]
    offered = {column: on.unique(pruned[column]) for column, _ in FILTERS}
    offered = {column: names for column, names in offered.items() if len(names) > 1}
    if not offered:
        return
    for place, (column, names) in zip(st.columns(len(offered)), offered.items(), strict=True):
        shown = {n: plain(n) for n in names} if column == "model" else on.short(names)
        with place:
            bound(
                st.multiselect,
                dict(FILTERS)[column],
                session,
                f"only-{column}",
                [v for v in session.state.filter(column) if v in names],
                _only(session, column),
                options=names,
                format_func=shown.__getitem__,
                placeholder="all",
            )


def _only(session: Session, column: str) -> Callable[[list[str]], None]:
    def only(values: list[str]) -> None:
        session.change(filters=session.state.with_filter(column, tuple(values)).filters)

    return only
