"""What only the browser knows or can show at once: its address, back button and keys, and that the server works."""

from __future__ import annotations

import functools
from typing import Any

from pruneviz_apps.explorer.toolkit import toolkit

_ESM = """
export function render({ model }) {
  const show = () => {
    if (location.search === model.query) return
    const wanted = location.pathname + model.query
    if (model.step) history.pushState({}, "", wanted)
    else history.replaceState({}, "", wanted)
  }
  const back = () => { model.query = location.search }
  model.on("query", show)
  window.addEventListener("popstate", back)

  const keys = event => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "z") return
    const at = event.composedPath()[0]
    if (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName)) return  // their own undoing
    event.preventDefault()
    if (event.shiftKey) model.redone += 1
    else model.undone += 1
  }
  document.addEventListener("keydown", keys)

  const sign = document.createElement("span")
  sign.setAttribute("role", "status")
  sign.style.cssText = "font-size: 13px; opacity: 0.75; white-space: nowrap; line-height: 24px"
  let waiting = null
  const busy = () => {
    clearTimeout(waiting)
    if (model.busy) waiting = setTimeout(() => { sign.textContent = "working …" }, 200)
    else sign.textContent = ""
  }
  model.on("busy", busy)
  model.on("remove", () => {
    window.removeEventListener("popstate", back)
    document.removeEventListener("keydown", keys)
    clearTimeout(waiting)
  })
  return sign
}
"""


def browser_side(query: str) -> Any:
    """A part of the page whose ``query`` is that of the address, both ways, and which shows that the server is busy.

    Panel writes addresses, too, but does not hear of the back button. With ``step`` true a change of the query is a
    step that the back button undoes; else it replaces the last one. The sign is seen after a fifth of a second.
    ``undone`` and ``redone`` count how often Ctrl+Z and Ctrl+Shift+Z were pressed, not while something was typed.
    """
    pn, _ = toolkit()
    return _component()(query=query, busy=pn.state.param.busy, width=84, height=24, margin=(0, 8))


@functools.cache
def _component() -> Any:
    """The component's class, made once: Bokeh keeps every class that it has seen."""
    import param

    pn, _ = toolkit()

    class BrowserSide(pn.custom.JSComponent):  # type: ignore[misc, name-defined]  # a base that is known when it runs
        query = param.String()
        step = param.Boolean()
        busy = param.Boolean()
        undone = param.Integer()
        redone = param.Integer()
        _esm = _ESM

    return BrowserSide
