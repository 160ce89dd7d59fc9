"""Panel and its Material components, which come without complete types, and the two pieces that every page uses."""

from __future__ import annotations

from typing import Any

from pruneviz_apps.explorer.look import CSS

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
# Else parts share the height of the window, and what is below a longer part lies over it.
AS_HIGH_AS_IT_IS = {"height": "max-content", "max-height": "none"}


def toolkit() -> tuple[Any, Any]:
    """The modules ``panel`` and ``panel_material_ui``; imported here so that nothing else of ours loads them."""
    import panel
    import panel_material_ui

    return panel, panel_material_ui


def html(text: str = "", **options: Any) -> Any:
    """A piece of HTML made by :mod:`pruneviz_apps.explorer.fragments`."""
    pn, _ = toolkit()
    return pn.pane.HTML(text, stylesheets=[CSS], **{**WIDE, **options})


def stack(*parts: Any, gap: int = 16, **options: Any) -> Any:
    """Parts below each other, as wide as there is room."""
    pn, _ = toolkit()
    return pn.Column(*parts, **{**WIDE, "styles": {"gap": f"{gap}px", **AS_HIGH_AS_IT_IS}, **options})


def side_by_side(*parts: Any, gap: int = 12, **options: Any) -> Any:
    """Parts beside each other."""
    pn, _ = toolkit()
    return pn.Row(*parts, **{**WIDE, "styles": {"gap": f"{gap}px"}, **options})
