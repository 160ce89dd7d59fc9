"""What only the browser knows or can show at once: its address, its back button, and that the server is at work."""

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
    clearTimeout(waiting)
  })
  return sign
}
"""


def browser_side(query: str) -> Any:
    """A part of the page whose ``query`` is that of the address, both ways, and which shows that the server is busy.

    Panel writes addresses, too, but does not hear of the back button. With ``step`` true a change of the query is a
    step that the back button undoes; else it replaces the last one. The sign is seen after a fifth of a second.
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
        _esm = _ESM

    return BrowserSide
