"""How the explorer looks around its pictures: fonts, palettes, spacing."""

from __future__ import annotations

from typing import Any

from pruneviz.views.bokeh_marks import FONT
from pruneviz.views.palette import ink

SIDEBAR_WIDTH = 264
# What pmui would restyle in figures; the renderer has decided how they look.
OWN_FIGURES = ("Axis", "Legend", "BaseColorBar", "ColorBar", "Title", "Grid", "Plot", "Figure")


_LOW = {"paddingTop": "6px !important", "paddingBottom": "6px !important", "minHeight": "24px !important"}
_PLAIN = "&:not([class*='MuiIconButton-color'])"  # buttons without a colour of their own
_LABEL = {"transform": "translate(14px, 8px)"}


def theme_config() -> dict[str, Any]:
    """Material UI's theme, light and dark."""
    return {"light": _theme("light", "#234ac0", "#ffffff"), "dark": _theme("dark", "#9db2ff", "#16191f")}


def _theme(theme: str, primary: str, on_primary: str) -> dict[str, Any]:
    return {
        "palette": {
            "primary": {"main": primary, "contrastText": on_primary},
            "background": {"default": ink("surface", theme), "paper": ink("surface", theme)},
            "text": {"primary": ink("ink", theme), "secondary": ink("soft", theme)},
            "divider": ink("faint", theme),
        },
        "typography": {"fontFamily": FONT, "fontSize": 13},
        "shape": {"borderRadius": 6},
        "components": {
            "MuiToggleButton": {"styleOverrides": {"root": {**_button(), "color": primary}}},
            "MuiIconButton": {"styleOverrides": {"root": {_PLAIN: {"color": ink("soft", theme)}}}},
            "MuiButton": {"styleOverrides": {"root": _button()}},
            # Fields beside each other are level, also those for several values while nothing is chosen.
            "MuiOutlinedInput": {"styleOverrides": {"root": {"minHeight": 36}}},
            "MuiSelect": {"styleOverrides": {"select": {"&.MuiSelect-multiple": _LOW}}},
            "MuiInputLabel": {"styleOverrides": {"outlined": {"&:not(.MuiInputLabel-shrink)": _LABEL}}},
            "MuiButtonBase": {"styleOverrides": {"root": {"&.Mui-focusVisible": _focused(primary)}}},
        },
    }


def _button() -> dict[str, Any]:
    return {"textTransform": "none", "fontSize": "13px", "padding": "4px 10px", "lineHeight": 1.6}


def _focused(colour: str) -> dict[str, Any]:
    """What the keyboard has reached is framed."""
    return {"outline": f"2px solid {colour}", "outlineOffset": "1px"}


# While a page comes: a line along its top, in place of a veil over pictures that are painted long before all is done.
LOADING = """
#loader:not(.error) { height: 3px !important; background: none !important; pointer-events: none; overflow: hidden; }
#loader .spinner { flex: none; width: 30%; height: 3px; border: 0; border-radius: 0; background: #6f8cf0;
  animation: pv-loading 1.2s ease-in-out infinite; }
@keyframes pv-loading { from { transform: translateX(-250%); } to { transform: translateX(250%); } }
"""


PAGE_SX: dict[str, Any] = {
    ".MuiAppBar-root": {
        "bgcolor": "primary.contrastText",
        "color": "primary.main",
        "boxShadow": "none",
        "borderBottom": "1px solid",
        "borderColor": "divider",
        "backgroundImage": "none",
    },
    ".MuiToolbar-root": {"minHeight": "56px !important", "height": "56px"},
    ".title.MuiTypography-root": {
        "color": "text.primary",
        "fontSize": "17px",
        "fontWeight": 600,
        "whiteSpace": "nowrap",
        "overflow": "hidden",
        "textOverflow": "ellipsis",
        "maxWidth": "34vw",
        "lineHeight": 1.4,
    },
    ".sidebar": {"borderColor": "divider", "backgroundImage": "none"},
}

CSS = """
:host, .bk-clearfix { font-family: inherit; }
.pv-title { font-size: 24px; font-weight: 600; letter-spacing: -0.01em; line-height: 1.25; margin: 0; }
.pv-lead { font-size: 14px; color: var(--panel-on-secondary-color); margin: 4px 0 0; max-width: 100ch;
  text-wrap: pretty; }
.pv-section { font-size: 16px; font-weight: 600; margin: 0; line-height: 1.4; }
.pv-note { font-size: 13px; color: var(--panel-on-secondary-color); margin: 0; line-height: 1.5;
  overflow-wrap: anywhere; text-wrap: pretty; }
.pv-found { margin: 0; padding-left: 18px; font-size: 14px; line-height: 1.55; max-width: 100ch; }
.pv-failed { margin: 0; padding-left: 18px; font-size: 13px; line-height: 1.5; color: var(--panel-on-secondary-color); }
.pv-found li, .pv-failed li { margin: 4px 0; overflow-wrap: anywhere; }
.pv-labelled { display: grid; grid-template-columns: minmax(90px, max-content) minmax(0, 100ch); gap: 8px 20px;
  margin: 8px 0 20px; font-size: 14px; line-height: 1.55; }
.pv-labelled dt { font-weight: 600; overflow-wrap: anywhere; }
.pv-labelled dd { margin: 0; overflow-wrap: anywhere; }
.pv-folded { margin: 8px 0; font-size: 13px; }
.pv-folded summary { cursor: pointer; padding: 4px 0; }
.pv-scroll { overflow: auto; max-height: 420px; border: 1px solid rgb(128 136 150 / 0.28); border-radius: 6px; }
.pv-table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
.pv-table th, .pv-table td { padding: 4px 10px; text-align: left; white-space: nowrap; max-width: 340px;
  overflow: hidden; text-overflow: ellipsis; border-bottom: 1px solid rgb(128 136 150 / 0.18); }
.pv-table th { position: sticky; top: 0; font-weight: 600; background: var(--panel-background-color); }
.pv-tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(126px, 1fr)); gap: 12px; }
.pv-tile { border: 1px solid rgb(128 136 150 / 0.28); border-radius: 8px; padding: 12px 14px 14px; }
.pv-tile .v { font-size: 26px; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.pv-tile .k { font-size: 13px; }
.pv-tile .d { font-size: 12px; color: var(--panel-on-secondary-color); margin-top: 4px; overflow-wrap: anywhere; }
.pv-status { font-size: 13px; line-height: 24px; color: var(--panel-on-secondary-color); white-space: nowrap; }
.pv-steps { padding-left: 20px; margin: 0; font-size: 14px; }
.pv-steps li { margin: 0 0 14px; }
.pv-steps code { display: block; margin-top: 6px; padding: 8px 12px; border: 1px solid rgb(128 136 150 / 0.28);
  border-radius: 6px; font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-x: auto; }
.pv-code { padding: 8px 12px; border: 1px solid rgb(128 136 150 / 0.28); border-radius: 6px; overflow-x: auto;
  font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.pv-notice { padding: 10px 14px; border-radius: 6px; font-size: 14px; border: 1px solid rgb(128 136 150 / 0.28);
  border-left: 4px solid var(--panel-primary-color); overflow-wrap: anywhere; }
.pv-notice.error { border-left-color: #c2410c; }
.pv-notice.over { background: var(--panel-surface-color); box-shadow: 0 4px 18px rgb(0 0 0 / 0.22); }
:focus-visible { outline: 2px solid var(--panel-primary-color); outline-offset: 2px; }
"""
