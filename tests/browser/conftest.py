"""The real app on a synthetic study, and a browser that tells of everything that goes wrong in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from chromium import SETTLED

SERVER = Path(__file__).parent / "serve_synthetic.py"
PATIENCE_MS = 60_000  # a busy machine is slow; how fast it is alone is a matter for the benchmarks


@dataclass
class App:
    """A server of its own, in a process of its own.

    Attributes:
        base: its address.
        process: lines written to its standard input make runs land.
    """

    base: str
    process: subprocess.Popen[str]

    def land(self, count: int) -> None:
        """Let so many runs of the study be done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """Starts the app on a synthetic study with the given options; each study is served once a module."""
    running: dict[str, App] = {}

    def start(**options: Any) -> App:
        key = json.dumps(options, sort_keys=True)
        if key not in running:
            log = tmp_path_factory.mktemp("app") / "log.txt"
            with log.open("w") as errors:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        "-W",
                        "error",
                        "-W",
                        "ignore:The inplace keyword:DeprecationWarning",
                        str(SERVER),
                        key,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env={**os.environ, "PYTHONPATH": str(SERVER.parents[1])},
                )
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), log.read_text()
            running[key] = App(address, process)
        return running[key]

    yield start
    for app in running.values():
        app.process.terminate()
        app.process.communicate(timeout=20)  # closes its pipes as well


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """A headless Chromium."""
    from chromium import ARGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        found = p.chromium.launch(executable_path=chromium, args=ARGS)
        yield found
        found.close()


@dataclass
class Tab:
    """A browser's tab on the app.

    Attributes:
        page: Playwright's page.
        wrong: console errors and warnings, uncaught exceptions, dialogs, failed requests, requests that leave.
    """

    page: Any
    app: App
    wrong: list[str] = field(default_factory=list)

    def go(self, query: str = "") -> None:
        """Open the app at an address and wait until it has settled."""
        self.page.goto(self.app.base + query)
        self.page.locator("h1.pv-title").first.wait_for()
        self.settle()

    def settle(self) -> None:
        """Wait until everything in sight is drawn."""
        self.page.wait_for_function(SETTLED, timeout=PATIENCE_MS)

    def nav(self, label: str) -> None:
        """Go to a page by the navigation."""
        self.page.locator(".sidebar").get_by_text(label, exact=True).click()
        self.page.get_by_role("heading", name=label, exact=True).wait_for()
        self.settle()

    def says(self, text: str | re.Pattern[str], within: str = "body") -> str:
        """Wait until these words are in sight, and give all of the text that they stand in."""
        found = self.page.locator(within).get_by_text(text).locator("visible=true").first
        found.wait_for()
        return str(found.inner_text())

    def figure(self, name: str, script: str) -> Any:
        """What a JavaScript expression over the figure's view ``f`` gives."""
        find = f"[...Bokeh.index.all_views()].find(v => v.model.type == 'Figure' && v.model.name == '{name}')"
        return self.page.evaluate(f"(() => {{ const f = {find}; return f && ({script}) }})()")

    def frame(self, name: str) -> dict[str, float]:
        """Where the inner part of a figure is on the screen, scrolled into sight."""
        self.figure(name, "f.el.scrollIntoView({block: 'center'})")
        self.page.wait_for_timeout(150)
        found = self.figure(
            name,
            "(() => { const r = f.el.getBoundingClientRect(), b = f.frame.bbox;"
            " return {x: r.x + b.left, y: r.y + b.top, w: b.width, h: b.height} })()",
        )
        return dict(found)

    def drag(self, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag across a figure; places are fractions of its inner part from the top left."""
        b = self.frame(name)
        self.page.mouse.move(b["x"] + start[0] * b["w"], b["y"] + start[1] * b["h"])
        self.page.mouse.down()
        self.page.mouse.move(b["x"] + end[0] * b["w"], b["y"] + end[1] * b["h"], steps=4)
        self.page.mouse.up()


@pytest.fixture
def tab(browser: Any) -> Iterator[Callable[..., Tab]]:
    """Opens a tab on an app; at the end nothing may have gone wrong in any."""
    opened: list[Tab] = []

    def open_tab(app: App, width: int = 1440, height: int = 900) -> Tab:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        t = Tab(page, app)
        page.on("console", lambda m: t.wrong.append(f"console: {m.text}") if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: t.wrong.append(f"exception: {e}"))
        page.on("dialog", lambda d: (t.wrong.append(f"dialog: {d.message}"), d.dismiss()))
        page.on("requestfailed", lambda r: _taken_over(r) or t.wrong.append(f"failed: {r.url}"))
        page.on("websocket", lambda w: _stays(t, w.url))
        page.on("request", lambda r: _stays(t, r.url))
        opened.append(t)
        return t

    yield open_tab
    for t in opened:
        t.page.context.close()
    assert [w for t in opened for w in t.wrong] == []


def _taken_over(request: Any) -> bool:
    """Whether it is a download of Streamlit's: now and then the browser says that the page gave it up."""
    return "/media/" in request.url and request.failure == "net::ERR_ABORTED"


def _stays(t: Tab, url: str) -> None:
    host = t.app.base.removeprefix("http://")
    if not url.startswith((f"http://{host}", f"ws://{host}", f"blob:http://{host}", "data:")):
        t.wrong.append(f"left the machine: {url}")
