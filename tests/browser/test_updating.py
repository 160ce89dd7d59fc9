"""What Python changes in pictures that are on the screen, as it is sent to a page, without an app around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.protocol.messages.patch_doc import patch_doc
from bokeh.resources import Resources

from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import Sources, draw, update

pytestmark = [pytest.mark.browser]
PAINTED = "[...Bokeh.index.all_views()].filter(v => v.model.type == 'Figure').every(v => v._has_finished)"


class Screen:
    """A page that shows a document and is sent what changes in it."""

    def __init__(self, browser: Any, folder: Path, doc: Document) -> None:
        self.doc = doc
        self.wrong: list[str] = []
        file = folder / "page.html"
        file.write_text(file_html(doc, Resources(mode="inline")))
        self.page = browser.new_page()
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.goto(file.as_uri())
        self.page.wait_for_function(f"window.Bokeh && {PAINTED}")

    def after(self, change: Callable[[], object]) -> None:
        """Send in one message what is changed, and wait until it is painted."""
        events: list[DocumentPatchedEvent] = []
        self.doc.callbacks.on_change(hear := lambda e: events.append(e))
        change()
        self.doc.callbacks.remove_on_change(hear)
        for event in events:
            event.sync = True
        patch = patch_doc.create(events)
        assert not patch.buffers
        self.page.evaluate("patch => Bokeh.documents[0].apply_json_patch(patch)", patch.content)
        self.page.wait_for_function(PAINTED)
        self.page.wait_for_timeout(100)


def cells(rows: int, height: int, name: str = "map") -> m.Picture:
    """A map of 8 columns with a number in each cell, some of them bold."""
    x, y = (v.ravel() for v in np.meshgrid(np.arange(8.0), np.arange(float(rows))))
    n = len(x)
    strong = [i % 2 == 0 for i in range(n)]
    mark = m.Cells(x, y, np.linspace(0, 1, n), "density", [str(i) for i in range(n)], (), "", strong)
    words = m.Text(x, y + 0.3, ["a"] * n, ["ink" if b else "soft" for b in strong], size=9)
    axes = (m.Axis(kind="categories", categories=tuple(map(str, range(k)))) for k in (8, rows))
    return m.Picture(name, name, x=next(axes), y=next(axes), marks=(mark, words), height=height)


def test_fewer_and_more_words_beside_a_picture_of_another_height(browser: Any, tmp_path: Path) -> None:
    sources, doc = Sources(), Document()
    drawn, other = draw(cells(10, 400), sources=sources), draw(cells(4, 300, "other"), sources=sources)
    doc.add_root(column([drawn.layout, other.layout]))
    screen = Screen(browser, tmp_path, doc)
    for rows in (2, 10, 1):

        def change(rows: int = rows) -> None:
            update(drawn, cells(rows, 400))
            update(other, cells(4, 300 + 10 * rows, "other"))

        screen.after(change)
    assert screen.wrong == []
    screen.page.close()
