"""Pictures in the cells of notebooks, and as pages of their own; nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pruneviz.views.bokeh_marks import FONT
from pruneviz.views.bokeh_renderer import Drawn, Sources, draw, update
from pruneviz.views.marks import Picture
from pruneviz.views.palette import ink
from pruneviz.views.words_html import CSS, footing

if TYPE_CHECKING:
    from pruneviz.views.shown import Shown

_BESIDE = {  # several pictures, as many beside each other as there is room for
    "display": "grid",
    "gap": "8px 20px",
    "grid-template-columns": "repeat(auto-fit, minmax(min(380px, 100%), 1fr))",
}
# Panel's notebooks send everything that Python has changed back to Python: twice the work for a selection, and where
# a picture is replaced more than Jupyter takes, which then drops the connection and the output of the cell. What was
# told by Python is marked so by Bokeh (sync), and need not be told again.
_NO_ECHO = """
(() => {
  const mend = left => {
    const known = window.Bokeh?.Models?.get?.("panel.models.comm_manager.CommManager")
    const proto = known?.prototype
    if (!proto) { if (left) setTimeout(() => mend(left - 1), 20); return }
    if (proto.pruneviz) return
    const changed = proto._document_changed
    proto.pruneviz = true
    proto._document_changed = function(event) { if (event.sync) changed.call(this, event) }
  }
  mend(1000)
})()
"""
_WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
_carrier = ""  # the cell whose output holds the scripts
_of_cell: dict[str, tuple[str, list[Any]]] = {}  # what each cell shows, and by which run of it


class Showing:
    """One showing of a picture in one cell; a picture that is shown in two cells has two."""

    def __init__(self, pictures: tuple[Picture, ...], theme: str, selected: tuple[str, ...], shown: Shown) -> None:
        """Draw it.

        Args:
            pictures: one, or several that share their points.
            theme: ``light`` or ``dark``.
            selected: ids of the samples that are selected.
            shown: what it shows, which hears of what people do in it.
        """
        pn = _panel()
        self._shown = shown
        self.sources = Sources(on_select=shown.state.brushed, on_outline=shown.state.outlined)
        self.panes: list[Any] = []
        self.drawn: list[Drawn] = []
        around = {"background": ink("surface", theme), "padding": "12px 16px", "border-radius": "8px"}
        self.grid = pn.Column(styles=_BESIDE if len(pictures) > 1 else {}, **_WIDE)
        self.notes = pn.pane.HTML("", stylesheets=[CSS], **_WIDE)
        self.panel = pn.Column(self.grid, self.notes, styles=around, **_WIDE)
        self.show(pictures, theme, selected)

    @property
    def alive(self) -> bool:
        """Whether a cell still shows it."""
        return bool(self.panel._models)

    def show(self, pictures: tuple[Picture, ...], theme: str, selected: tuple[str, ...]) -> None:
        """Bring it up to date, there where it is."""
        pn = _panel()
        self.grid.styles = _BESIDE if len(pictures) > 1 else {}
        if len(pictures) > 1:  # what is said of all of them stands below, for the drawings to be level
            notes = tuple(dict.fromkeys(n for p in pictures for n in p.notes))
            self.notes.object = footing(replace(pictures[0], notes=notes), theme)
            pictures = tuple(replace(p, notes=()) for p in pictures)
        else:
            self.notes.object = ""
        kept = zip(self.drawn, pictures, strict=False)
        self.drawn = [update(old, picture, theme=theme) for old, picture in kept]
        new = pictures[len(self.drawn) :]
        self.drawn += [draw(picture, theme=theme, sources=self.sources) for picture in new]
        self.panes = self.panes[: len(pictures)]
        for _ in range(len(pictures) - len(self.panes)):
            self.panes.append(pn.pane.Bokeh(autodispatch=False, **_WIDE))
        for pane, drawn in zip(self.panes, self.drawn, strict=True):
            pane.styles = {"align-self": "end"} if len(pictures) > 1 else {}
            if pane.object is not drawn.layout:
                pane.object = drawn.layout
        for name in self.sources.by_name:
            self.sources.select(name, selected)
        if list(self.grid.objects) != self.panes:
            self.grid.objects = self.panes
        pn.io.push_notebook(self.panel)

    def bundle(self, include: Any, exclude: Any, words: str) -> Any:
        """What a notebook takes to show it, with words for where it cannot be drawn."""
        load()
        replaces(self.panel)
        data, about = self.panel._repr_mimebundle_(include, exclude)
        return {**data, "text/plain": words}, about


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this, and not a terminal."""
    import sys

    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def load(*extensions: str) -> None:
    """Put the scripts that draw into the output of this cell, where the notebook does not have them yet.

    The cell that has them gets them anew when it is run again: the output that held them is gone.

    Args:
        extensions: further parts of Panel that are shown.
    """
    global _carrier
    from IPython import get_ipython
    from panel.io.notebook import LOAD_MIME

    pn = _panel()
    here, _ = _running()
    wanting = set(extensions) - set(pn.extension._loaded_extensions)
    if not pn.extension._loaded or wanting or (here and here == _carrier):
        _carrier = here
        _keep_here()
        _leave_output()
        pn.extension(*extensions, inline=True)
        get_ipython().display_pub.publish({LOAD_MIME: _NO_ECHO, "application/javascript": _NO_ECHO})


@functools.cache
def _keep_here() -> None:
    """Let style sheets of Panel's site be sent as they are installed here.

    Panel does so for what is there at first, and has what is shown later fetched from its site.
    """
    from bokeh.models import ImportedStyleSheet
    from panel.io.resources import CDN_DIST, DIST_DIR

    def here(attributes: dict[str, Any]) -> None:
        address = str(attributes.get("url", ""))
        file = Path(DIST_DIR) / address.removeprefix(CDN_DIST).partition("?")[0]
        if address.startswith(CDN_DIST) and file.is_file():
            attributes["url"] = data_uri("text/css", file)

    sent_as(ImportedStyleSheet, here)


@functools.cache
def _leave_output() -> None:
    """Let the output of a cell reach the cell, also while a brush is heard.

    Jupyter hears what people do beside the cell that is running, and Panel takes whatever is printed meanwhile.
    """
    import pyviz_comms

    class Left(list[str]):
        def __enter__(self) -> Left:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    pyviz_comms.StandardOutput = Left


def sent_as(kind: type, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what browsers are sent of each model of a kind, from now on in this process.

    Args:
        kind: a class of Bokeh models.
        change: given the attributes that are about to be sent.
    """
    sent = cast(Any, kind).to_serializable

    def to_serializable(model: Any, serializer: Any) -> Any:
        found = sent(model, serializer)
        change(found.get("attributes", {}))
        return found

    cast(Any, kind).to_serializable = to_serializable


def data_uri(kind: str, path: Path) -> str:
    """A file as part of a page, where it would else be fetched."""
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def replaces(panel: Any) -> None:
    """Take what an earlier run of this cell showed out of use: its output is gone, and Jupyter does not always say so.

    Args:
        panel: what is about to be shown.
    """
    cell, run = _running()
    if not cell:
        return
    before, shown = _of_cell.get(cell, (run, []))
    for old in shown if before != run else ():
        for ref in list(old._models):
            for end in _panel().extension._delete_actions:
                end(ref)
    _of_cell[cell] = run, [*(shown if before == run else ()), panel]


def _running() -> tuple[str, str]:
    """The cell that is being run and which run of it that is; empty where the notebook does not tell."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent("shell") if kernel is not None else {}
    cell = parent.get("metadata", {}).get("cellId") or ""
    return str(cell), str(parent.get("header", {}).get("msg_id", ""))


def page(pictures: tuple[Picture, ...], theme: str) -> str:
    """The pictures as a page of their own, which can be brushed without Python and fetches nothing."""
    from bokeh.embed import components
    from bokeh.layouts import column
    from bokeh.resources import Resources

    sources = Sources()
    layouts = [draw(picture, theme=theme, sources=sources).layout for picture in pictures]
    script, place = components(column(layouts, sizing_mode="stretch_width", spacing=20))
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).js_raw  # and nobody else's, as Panel's
    scripts = "".join(f"<script>{code}</script>" for code in library)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(pictures[0].title)}</title>'
        f"<style>body {{ margin: 20px; background: {ink('surface', theme)}; font-family: {FONT} }}</style>"
        f"{scripts}</head><body>{place}{script}</body></html>"
    )


def _panel() -> Any:
    import panel

    return panel
