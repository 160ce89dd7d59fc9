"""Widgets that show the session's state and change it; what goes wrong meanwhile becomes a sentence in the page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pruneviz.core.errors import PrunevizError
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui.served import reading

CLICKED = "clicked"  # whether this run of the page comes from a widget that has changed what the address says
log = logging.getLogger(__name__)


def bound(
    make: Any, label: str, session: Session, key: str, value: Any, on: Callable[[Any], None], **options: Any
) -> None:
    """A widget whose value is the state's.

    Args:
        make: one of Streamlit's functions that make widgets.
        label: words of this project's own: Streamlit typesets them.
        session: what the change is told to.
        key: of the widget.
        value: the state's.
        on: called with what somebody has chosen.
        options: of ``make``.
    """
    st.session_state[key] = value
    make(label, key=key, on_change=acting(session, lambda: on(st.session_state[key])), **options)


def choice(
    label: str,
    session: Session,
    key: str,
    options: Mapping[str, str],
    value: str | None,
    on: Callable[[Any], None],
    **more: Any,
) -> None:
    """One of several values, shown as the texts that ``options`` gives them; foreign names are not typeset."""
    chosen = value if value in options else None
    shown = {"format_func": lambda v: options.get(v, ""), **more}
    bound(st.selectbox, label, session, key, chosen, on, options=list(options), **shown)


def button(label: str, session: Session, key: str, act: Callable[[], None], **options: Any) -> None:
    """A button; the label is set as it is, whatever it holds."""
    st.button(as_it_is(label), key=key, on_click=acting(session, act), **options)


def as_it_is(text: str) -> str:
    """A text that Streamlit's Markdown shows letter by letter."""
    escaped = "".join(f"\\{c}" if c.isascii() and not c.isalnum() and not c.isspace() else c for c in text)
    return escaped.replace("\\:", "\\:\u2060")  # else :name: would be an icon, escaped or not


def acting(session: Session, act: Callable[[], None]) -> Callable[[], None]:
    """What a widget calls: ``act``, undisturbed by other tabs, its errors told in the page."""

    def done() -> None:
        before = session.address
        try:
            with reading:
                act()
        except PrunevizError as e:
            session.say(str(e))
        except Exception as e:
            log.exception("what was asked for could not be done")
            session.say(f"This could not be done: {type(e).__name__}: {e}")
        if session.address != before:  # Streamlit calls this again where the run after it was broken off
            st.session_state[CLICKED] = True

    return done
