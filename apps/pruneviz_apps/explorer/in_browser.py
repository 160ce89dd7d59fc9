"""What only the browser knows or can show at once: its address, back button and keys, and that the server works."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pruneviz_apps.explorer.toolkit import toolkit

ARROWS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")


def browser_side(query: str, study: str, walk: Callable[[str], None], close: Callable[[], None]) -> Any:
    """A part of the page whose ``address`` is the browser's, both ways, and which shows that the server is busy.

    Panel writes addresses, too, but does not hear of the back button. An address is its query, and whether it is a step
    that the back button undoes; else it replaces the last one. The two are one value: of two that change at once, the
    browser hears of one before the other. The sign is seen after a fifth of a second.
    ``undone`` and ``redone`` count how often Ctrl+Z and Ctrl+Shift+Z were pressed, not while something was typed.
    The window's title is ``label``, the page in sight, and the study. Pictures that have the keyboard are read, moved,
    zoomed and brushed by it, and each picture, table and tool has a name for those who hear the page; ``heard`` is told
    to them when it changes.

    Args:
        query: of the address that was asked for.
        study: its name.
        walk: called with the name of an arrow key that was pressed in the grid of images.
        close: called when Escape was pressed while ``said``, a sentence lies over the page.
    """
    pn, _ = toolkit()
    side = _component()(address=[query, False], study=study, busy=pn.state.busy, width=84, height=24, margin=(0, 8))
    side.walk, side.close = walk, close
    _follow_busy(pn.state, weakref.ref(side))
    return side


def _follow_busy(state: Any, side: weakref.ref[Any]) -> None:
    """Tell a part of a page whether the server works, as long as there is that page.

    The server's state outlives every session: were the part linked to it, no session would ever be freed.
    """

    def tell(event: Any) -> None:
        found = side()
        if found is not None:
            found.busy = event.new
        else:
            state.param.unwatch(watcher)

    watcher = state.param.watch(tell, "busy")


@functools.cache
def _component() -> Any:
    """The component's class, made once: Bokeh keeps every class that it has seen."""
    import param

    pn, _ = toolkit()

    class BrowserSide(pn.custom.JSComponent):  # type: ignore[misc, name-defined]  # a base that is known when it runs
        address = param.List()
        busy = param.Boolean()
        undone = param.Integer()
        redone = param.Integer()
        study = param.String()
        label = param.String()
        said = param.Boolean()
        heard = param.String()
        _esm = "\n".join(Path(__file__).with_name(name).read_text("utf-8") for name in ("reading.js", "in_browser.js"))

        def _handle_msg(self, msg: Any) -> None:
            if isinstance(msg, dict) and msg.get("walk") in ARROWS:
                self.walk(msg["walk"])
            elif isinstance(msg, dict) and "close" in msg:
                self.close()

    return BrowserSide
