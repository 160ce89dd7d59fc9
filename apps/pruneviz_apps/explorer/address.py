"""The browser's address and the way back: Panel writes addresses, but does not hear of the back button."""

from __future__ import annotations

import functools
from typing import Any

from pruneviz_apps.explorer.toolkit import toolkit

_ESM = """
export function render({ model }) {
  const show = () => {
    const wanted = location.pathname + model.query
    if (location.search === model.query) return
    if (model.step) history.pushState({}, "", wanted)
    else history.replaceState({}, "", wanted)
  }
  const back = () => { model.query = location.search }
  model.on("query", show)
  window.addEventListener("popstate", back)
  model.on("remove", () => window.removeEventListener("popstate", back))
  return document.createElement("span")
}
"""


def address_bar(query: str) -> Any:
    """An invisible part of the page whose ``query`` is that of the address, both ways.

    With ``step`` true a change is a step that the back button undoes; else it replaces the last one.
    """
    return _component()(query=query, width=0, height=0, margin=0)


@functools.cache
def _component() -> Any:
    """The component's class, made once: Bokeh keeps every class that it has seen."""
    import param

    pn, _ = toolkit()

    class AddressBar(pn.custom.JSComponent):  # type: ignore[misc, name-defined]  # a base that is known when it runs
        query = param.String()
        step = param.Boolean()
        _esm = _ESM

    return AddressBar
