"""Panel and its Material components, which come without complete types, and the two pieces that every page uses."""

from __future__ import annotations

from typing import Any

from pruneviz_apps.explorer.look import CSS

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}


def toolkit() -> tuple[Any, Any]:
    """The modules ``panel`` and ``panel_material_ui``; imported here so that nothing else of ours loads them."""
    import panel
    import panel_material_ui

    return panel, panel_material_ui


def html(text: str = "", **options: Any) -> Any:
    """A piece of HTML made by :mod:`pruneviz_apps.explorer.fragments`."""
    pn, _ = toolkit()
    return pn.pane.HTML(text, stylesheets=[CSS], **{**WIDE, **options})


def busy_sign() -> Any:
    """A sign that is seen while the server has been at work for more than a blink."""
    pn, _ = toolkit()
    return html("<div class='pv-busy' role='status'>working …</div>", visible=pn.state.param.busy, sizing_mode=None)


def stack(*parts: Any, gap: int = 16, **options: Any) -> Any:
    """Parts below each other, as wide as there is room."""
    pn, _ = toolkit()
    return pn.Column(*parts, **{**WIDE, "styles": {"gap": f"{gap}px", "height": "max-content"}, **options})


def side_by_side(*parts: Any, gap: int = 12, **options: Any) -> Any:
    """Parts beside each other."""
    pn, _ = toolkit()
    return pn.Row(*parts, **{**WIDE, "styles": {"gap": f"{gap}px"}, **options})
