"""How what is about images stands on a page: a bar that stays in sight, grids as wide as the window allows, steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.toolkit import AS_HIGH_AS_IT_IS, stack, toolkit

BAR = {
    "position": "sticky",
    "top": "0",
    "z-index": "5",
    "padding": "8px 0",
    "background": "var(--panel-surface-color)",
    "border-bottom": "1px solid rgb(128 136 150 / 0.28)",
    **AS_HIGH_AS_IT_IS,
}
SIDES = {"display": "flex", "flex-direction": "row", "flex-wrap": "wrap", "gap": "24px 16px", **AS_HIGH_AS_IT_IS}
_NO_BUTTON = ".scroll-button { display: none; }"  # Panel's button to scroll down would take a place in the grid


def beside(width: int) -> dict[str, str]:
    """The styles of a part of :data:`SIDES`, so many pixels wide: below the others where there is no room."""
    return {"flex": f"1 1 {width}px", "max-width": f"{width}px", "gap": "16px", "height": "max-content"}


def grid(*parts: Any, least: int, gap: str = "28px 32px", **styles: str) -> Any:
    """Parts beside each other, as many as there is room for.

    Args:
        parts: what stands there.
        least: how wide each is at least, in pixels.
        gap: between rows and columns, in CSS.
        styles: further CSS.
    """
    columns = f"repeat(auto-fit, minmax(min({least}px, 100%), 1fr))"
    look = {"display": "grid", "gap": gap, "grid-template-columns": columns, **styles, **AS_HIGH_AS_IT_IS}
    return stack(*parts, styles=look, stylesheets=[_NO_BUTTON])


def scatters(panes: list[PicturePane], least: int, **look: Any) -> Any:
    """Scatters in a grid: the first has the legend, the drawings stay level."""
    for pane in panes:
        pane.panel.styles = {"align-self": "end"}
    return grid(*(p.panel for p in panes), least=least, **look)


def undrawn(there: int, runs: Sequence[str]) -> str:
    """That not all of some runs have a scatter, as a sentence; empty where all have."""
    whole = len(runs)
    if there >= whole:
        return ""
    return f"Scatters of {there} of these {whole} models, random controls included; the others are in the other views."


def step(label: str, icon: str, act: Callable[[], None]) -> Any:
    """A quiet button with an icon."""
    _, pmui = toolkit()
    made = pmui.Button(label=label, icon=icon, variant="text", size="small", margin=0)
    made.on_click(lambda e: act())
    return made
