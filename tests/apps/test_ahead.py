"""The page's head comes while the session is still being made, and the whole is the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from synthetic import SyntheticTables

from pruneviz.core.errors import StoreError
from pruneviz_apps import panel_app
from pruneviz_apps.explorer.live import CachedTables

TESTS = Path(__file__).parents[1]

# A process of its own: no browser's event loop is met.
VISITS = """
import asyncio, http.client, threading
from synthetic import SyntheticTables
from pruneviz_apps import panel_app
from pruneviz_apps.explorer import ahead

tables, make, may_go_on = SyntheticTables(samples=60), panel_app.page, threading.Event()
# The test fails, and does not hang, where the browser has to wait for the session.
panel_app.page = lambda tables: (may_go_on.wait(20) or print("waited in vain"), make(tables))[1]
own = []
begin = ahead.HeadAhead.__init__
ahead.HeadAhead.__init__ = lambda self, *a, **k: (own.append(type(self)), begin(self, *a, **k))[1]
server = panel_app.start(lambda: tables, port=0)

def ask(query="", early=False):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/" + query)
    answer = connection.getresponse()
    first = ""
    if early:
        may_go_on.clear()
        while "importShim(" not in first:
            first += answer.read1(1 << 16).decode()
        may_go_on.set()
    return first + answer.read().decode()

def visit():
    try:
        may_go_on.set()
        pages = [ask()]
        may_go_on.clear()
        pages += [ask(early=True), ask("?theme=dark"), ask("?theme=dark", early=True)]
        own[0].heads[False] = ("<html><head>of another time", "")
        pages += [ask(), ask()]
        print("\\0".join(pages))
    finally:
        server.io_loop.add_callback(server.io_loop.stop)

threading.Thread(target=visit).start()
server.io_loop.start()
server.stop()
"""


def test_the_head_comes_ahead_and_the_page_is_whole() -> None:
    done = subprocess.run([sys.executable, "-c", VISITS], capture_output=True, text=True, cwd=TESTS, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "waited in vain" not in done.stdout
    light, ahead, dark, dark_ahead, other, whole = done.stdout.split("\0")
    for page in (light, ahead, dark, dark_ahead, whole):
        assert page.count("</head>") == 1
        assert page.rstrip().endswith("</html>")
    assert _same(ahead) == _same(light)
    assert _same(dark_ahead) == _same(dark) != _same(light)
    assert "importShim(" in ahead
    assert "importShim(" not in light
    assert other == "<html><head>of another time<script>location.reload()</script></head><body></body></html>"
    assert _same(whole) == _same(light)


def test_a_page_that_cannot_be_made_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from bokeh.document import Document
    from panel.io.state import set_curdoc

    from pruneviz_apps.explorer import shell

    def lacking(*given: object) -> None:
        raise StoreError("The store lacks <b>a file</b>.")

    monkeypatch.setattr(shell, "Shell", lacking)
    with set_curdoc(Document()):
        told: Any = panel_app.page(CachedTables(SyntheticTables(samples=60)))
    assert "could not be shown. The store lacks &lt;b&gt;a file" in told.object


def test_a_page_that_failed_comes_as_soon_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    from pruneviz_apps.explorer.layers_page import LayersPage
    from pruneviz_apps.explorer.shell import Shell

    shown, fails = LayersPage.show, [True]

    def show(self: LayersPage) -> None:
        if fails.pop() if fails else False:
            raise StoreError("The store lacks a file.")
        shown(self)

    monkeypatch.setattr(LayersPage, "show", show)
    explorer = Shell(CachedTables(SyntheticTables(samples=60)))
    explorer.session.change(page="layers")
    assert "lacks a file" in explorer.session.notice
    explorer.session.change(page="overview")
    explorer.session.change(page="layers")
    layers = explorer._pages["layers"].panel
    assert layers.visible
    assert any(part is layers for part in explorer.body)


def _same(page: str) -> str:
    """A page without what is its session's own, and without what is only ever sent ahead."""
    page = re.sub(r'<link rel="preload" as="fetch"[^>]*><script>importShim.*?</script>', "", page)
    page = re.sub(r'"token":"[^"]*"|[0-9a-f]{8}-[0-9a-f-]{27}', "", page)
    return re.sub(r"\bp\d+\b", "", page).strip()
