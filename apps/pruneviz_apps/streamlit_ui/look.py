"""How the pages look around the pictures: the explorer's palette, in Streamlit's terms."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pruneviz.views.bokeh_marks import FONT
from pruneviz.views.palette import THEMES, ink
from pruneviz_apps.explorer import look

_PRIMARY = {"light": "#234ac0", "dark": "#9db2ff"}
_RAISED = {"light": "#f4f6f9", "dark": "#20252e"}  # fields, and the sidebar
# Bokeh's own values, which streamlit-bokeh's themes would change; the renderer has decided how figures look.
OWN_FIGURES = {
    "attrs": {
        "Axis": {
            "axis_line_alpha": 1.0,
            "axis_label_text_font_size": "13px",
            "axis_label_text_font_style": "normal",
        },
        "BaseColorBar": {"major_label_text_font_size": "11px", "title_text_font_size": "12px"},
    }
}


def theme() -> dict[str, Any]:
    """Streamlit's settings for both themes."""
    found: dict[str, Any] = {"theme.font": FONT, "theme.baseFontSize": 14, "theme.baseRadius": "6px"}
    found["theme.showSidebarBorder"] = True
    for name in THEMES:
        found |= {
            f"theme.{name}.primaryColor": _PRIMARY[name],
            f"theme.{name}.backgroundColor": ink("surface", name),
            f"theme.{name}.secondaryBackgroundColor": _RAISED[name],
            f"theme.{name}.textColor": ink("ink", name),
            f"theme.{name}.borderColor": ink("faint", name),
            f"theme.{name}.sidebar.backgroundColor": ink("surface", name),
            f"theme.{name}.sidebar.secondaryBackgroundColor": _RAISED[name],
        }
    return found


def shown() -> str:
    """The colours that the browser shows, which are chosen in Streamlit's own menu."""
    found = st.context.theme.type
    return found if found in THEMES else THEMES[0]


def css(name: str) -> str:
    """The explorer's own styles, with what they take from Panel given here."""
    inks = {
        "--panel-on-secondary-color": ink("soft", name),
        "--panel-primary-color": _PRIMARY[name],
        "--panel-background-color": ink("surface", name),
        "--panel-surface-color": ink("surface", name),
    }
    given = "".join(f"{k}:{v};" for k, v in {**inks, "--bokeh-base-font": FONT}.items())
    return f"<style>:root{{{given}}}{look.CSS}{_OWN}</style>"


_OWN = """
h1.pv-title { font-size: 24px; padding: 0; }
h2.pv-section { font-size: 16px; padding: 0; }
.stMainBlockContainer { padding: 3.8rem 2.6rem 3rem; max-width: none; }
.stSidebar hr { margin: 4px 0; }
.stSidebar [data-testid="stSidebarHeader"] { height: 44px; margin: 0; }
.pv-study { font-size: 16px; font-weight: 600; line-height: 1.35; margin: 0; overflow-wrap: anywhere; }
.st-key-page, .st-key-page [data-testid="stRadio"], .st-key-page [role="radiogroup"] > div { width: 100% !important; }
.st-key-page [role="radiogroup"] { gap: 1px; width: 100%; }
.st-key-page [data-testid="stRadioOption"] { padding: 5px 10px; margin: 0; border-radius: 6px; width: 100%; }
.st-key-page [data-testid="stRadioOption"] > div > div:first-child { display: none; }
.st-key-page [data-testid="stRadioOption"]:hover { background: rgb(128 136 150 / 0.12); }
.st-key-page [data-testid="stRadioOption"][data-selected] { background: rgb(128 136 150 / 0.2); }
.st-key-page [data-testid="stRadioOption"][data-selected] p { font-weight: 600; }
.st-key-page [data-testid="stRadioOption"]:has(input:focus-visible) { outline: 2px solid var(--panel-primary-color); }
.stMultiSelect [data-tag] { background: rgb(128 136 150 / 0.22); color: inherit; height: auto; font-size: 12px; }
.stMultiSelect [data-tag] > span { max-width: none; white-space: normal; overflow: visible; line-height: 1.3; }
"""
