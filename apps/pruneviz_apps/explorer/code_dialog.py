"""The button that shows the code of the page in sight, to be copied."""

from __future__ import annotations

import functools
from typing import Any

from pruneviz.core.errors import PrunevizError
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.code import code
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, html, stack, toolkit

_WORDS = "What makes the pictures of this page, as they are now."
_ESM = """
export function render({ model }) {
  const box = document.createElement("div")
  const bar = document.createElement("div")
  bar.style.cssText = "display: flex; justify-content: space-between; align-items: center; margin-bottom: 4px"
  const title = document.createElement("span")
  title.style.cssText = "font-size: 14px; font-weight: 600"
  const copy = document.createElement("button")
  copy.type = "button"
  copy.style.cssText = "font: inherit; font-size: 13px; color: inherit; background: none; cursor: pointer; " +
    "border: 1px solid currentColor; border-radius: 6px; padding: 3px 12px; min-width: 84px"
  const code = document.createElement("pre")
  code.tabIndex = 0
  code.style.cssText = "margin: 0; padding: 10px 12px; border: 1px solid rgb(128 136 150 / 0.4); border-radius: 6px;" +
    "font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow: auto; max-height: 34vh;" +
    "white-space: pre-wrap; overflow-wrap: anywhere"
  const show = () => {
    title.textContent = model.label
    code.textContent = model.text
    code.setAttribute("aria-label", model.label)
    copy.setAttribute("aria-label", "Copy: " + model.label)
    copy.textContent = "Copy"
  }
  const selected = () => {
    const range = document.createRange()
    range.selectNodeContents(code)
    const found = getSelection()
    found.removeAllRanges()
    found.addRange(range)
    return document.execCommand("copy")
  }
  copy.addEventListener("click", async () => {
    let done = true
    try { await navigator.clipboard.writeText(model.text) } catch (e) { done = selected() }
    copy.textContent = done ? "Copied" : "Press Ctrl+C"
    setTimeout(() => { copy.textContent = "Copy" }, 2000)
  })
  model.on("text", show)
  show()
  bar.append(title, copy)
  box.append(bar, code)
  return box
}
"""


class CodeDialog:
    """A button for the header, and the dialog that it opens."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self.button = pmui.Button(
            label="Code", icon="code", variant="text", size="small", margin=0, on_click=lambda e: self.open()
        )
        self.python = _box()(label="Python", **WIDE)
        self.command = _box()(label="Command line", **WIDE)
        self.wrong = html(visible=False)
        parts = stack(html(fragments.note(_WORDS)), self.wrong, self.python, self.command, gap=16)
        self.dialog = pmui.Dialog(
            parts, title="Code", show_close_button=True, close_on_click=True, width_option="md", sizing_mode=None
        )

    def open(self) -> None:
        """Show the code of what is in sight now."""
        s = self.session
        self.wrong.visible = False
        try:
            made = code(s.tables, s.state, s.tables.workspace)
            self.python.text, self.command.text = made.python, made.command
        except PrunevizError as e:
            self.wrong.object, self.wrong.visible = fragments.notice(str(e), "error"), True
            self.python.text = self.command.text = ""
        self.dialog.open = True


@functools.cache
def _box() -> Any:
    """The class of a text with a button that copies it, made once: Bokeh keeps every class that it has seen."""
    import param

    pn, _ = toolkit()

    class CopyBox(pn.custom.JSComponent):  # type: ignore[misc, name-defined]  # a base that is known when it runs
        label = param.String()
        text = param.String()
        _esm = _ESM

    return CopyBox
