"""Pictures and the explorer in JupyterLab, in a real browser, with nothing to be reached but this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab", reason="needs JupyterLab, which the extra `test` brings")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TOKEN = "for-this-test-alone"
PATIENCE_MS = 90_000
HERE = Path(__file__).parents[1]
OFF = [f"@jupyterlab/{n}-extension" for n in ("debugger", "extensionmanager")] + [
    "@jupyterlab/apputils-extension:announcements",
    "@bokeh/jupyter_bokeh",  # pictures need none of these, which may be installed
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
]
STARTING = """
import pruneviz as pv
from synthetic import SyntheticTables
study = SyntheticTables(replicates=1, methods=2, sparsities=(0.5, 0.9), samples=120)
look = pv.views.State(study, models=list(study.runs["run_id"])[2:4])
print("ready", len(study.runs))
"""
CELLS = {
    "start": STARTING,
    "scatter": "scatter = pv.views.sample_scatter(look, models=look.models[:1])\nscatter",
    "images": "pv.views.images(look)",
    "read": "print(f'{len(scatter.selected)} by {type(scatter.selection.rule).__name__}')",
    "set": "look.selection = {'column': 'label', 'values': ['Shirt']}\nprint(f'set {len(look.selected)}')",
    "chart": "chart = pv.views.tradeoff(look)\nchart",
    "empty": "pv.views.pq_index(look)",
    "explorer": "e = pv.Study.explorer(study)\ne",
    "explored": "e.selection = ['test:1', 'test:2']\nprint(f'{len(e.selected)} of {e.view.page}')",
}
FIGURES = "[...(window.Bokeh?.index.all_views() ?? [])].filter(v => v.model.type == 'Figure')"

SELECTED = "Math.max(...f.model.renderers.map(r => r.data_source.selected.indices.length))"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a notebook in a JupyterLab that knows no other notebooks, settings or kernels."""
    home = tmp_path_factory.mktemp("lab")
    page_config = home / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text(json.dumps({"disabledExtensions": dict.fromkeys(OFF, True)}))
    cells = [
        {
            "cell_type": "code",
            "id": name,
            "source": text.strip(),
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for name, text in CELLS.items()
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (home / "work").mkdir()
    (home / "work" / "study.ipynb").write_text(json.dumps(notebook))
    folders = {f"JUPYTER_{k.upper()}_DIR": str(home / k) for k in ("config", "data", "runtime")}
    env = {**os.environ, **folders, "IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": str(HERE)}
    idle = ("jupyter_lsp", "jupyter_server_terminals", "panel.io.jupyter_server_extension", "notebook_shim")
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        "--port=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={home / 'work'}",
        f"--ServerApp.jpserver_extensions={dict.fromkeys(idle, False)}",
    ]
    with (home / "log.txt").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=env, stdout=log, stderr=log)
    try:
        yield _address(home, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(home: Path, process: subprocess.Popen[bytes]) -> str:
    for _ in range(600):
        for file in home.glob("runtime/jpserver-*.json"):
            base = str(json.loads(file.read_text())["url"])
            try:
                urllib.request.urlopen(f"{base}api?token={TOKEN}", timeout=5).close()
            except OSError:
                break
            return f"{base}doc/tree/study.ipynb?reset&token={TOKEN}"
        assert process.poll() is None, (home / "log.txt").read_text()
        time.sleep(0.1)
    raise AssertionError((home / "log.txt").read_text())


class Notebook:
    """A browser's tab on the notebook."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def run(self, name: str, said: str | re.Pattern[str] = "") -> str:
        """Run a cell, wait until its output holds these words, and give the whole of it."""
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").nth(list(CELLS).index(name))
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        if said:
            cell.locator(".jp-OutputArea").get_by_text(said).first.wait_for()
        return str(cell.locator(".jp-OutputArea").inner_text()) if said else ""

    def figure(self, name: str, script: str) -> Any:
        """What a JavaScript expression over the figure's view ``f`` gives."""
        return self.page.evaluate(
            f"(() => {{ const f = {FIGURES}.find(v => v.model.name == '{name}'); return {script} }})()"
        )

    def drawn(self, name: str) -> None:
        """Wait until a figure is there and painted."""
        self.page.wait_for_function(f"{FIGURES}.some(v => v.model.name == '{name}' && v._has_finished)")

    def brush(self, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag across a figure; places are fractions of its inner part from the top left."""
        self.figure(name, "f.el.scrollIntoView({block: 'center'})")
        self.page.wait_for_timeout(300)
        b = self.figure(name, "(r => [r.x + f.frame.bbox.left, r.y + f.frame.bbox.top])(f.el.getBoundingClientRect())")
        wide, high = self.figure(name, "[f.frame.bbox.width, f.frame.bbox.height]")
        self.page.mouse.move(b[0] + start[0] * wide, b[1] + start[1] * high)
        self.page.mouse.down()
        self.page.mouse.move(b[0] + end[0] * wide, b[1] + end[1] * high, steps=4)
        self.page.mouse.up()

    def selected(self, name: str) -> int:
        """How many points the browser shows as selected."""
        return int(self.figure(name, SELECTED))

    def wait_for_selected(self, name: str, test: str) -> int:
        """Wait until the browser shows so many points as selected, and give how many they are."""
        find = f"{FIGURES}.find(v => v.model.name == '{name}')"
        self.page.wait_for_function(f"(f => {{ const n = {SELECTED}; return n {test} }})({find})")
        return self.selected(name)


@pytest.fixture
def notebook(browser: Any, lab: str) -> Iterator[Notebook]:
    """The notebook with a kernel that waits; at the end nothing may have gone wrong or left this machine."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda e: wrong.append(f"exception: {e}"))
    page.on("console", lambda m: wrong.append(f"console: {m.text}") if "Connection lost" in m.text else None)

    def gate(route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            wrong.append(f"left the machine: {route.request.url}")
            route.abort()

    context.route("**/*", gate)
    page.goto(lab)
    page.locator(".jp-Notebook").wait_for()
    page.get_by_text("| Idle").wait_for()
    yield Notebook(page)
    context.close()
    assert wrong == []


def test_pictures_and_explorer_are_brushed_read_and_set(notebook: Notebook) -> None:
    n = notebook
    n.run("start", "ready")
    n.run("scatter", "Margin of 120 images")
    n.run("images", "Images 1 to 10 of all 120")
    n.drawn("sample_scatter_1")
    n.drawn("images")
    n.brush("sample_scatter_1", (0.02, 0.02), (0.6, 0.98))
    brushed = n.wait_for_selected("sample_scatter_1", "> 0")
    assert brushed < 120
    n.page.get_by_text(f"of {brushed} selected images").wait_for()  # the picture in the other cell follows
    n.run("read", f"{brushed} by Inside")

    shirts = int(n.run("set", re.compile(r"set \d+")).split()[-1])
    assert shirts != brushed
    n.page.get_by_text(f"of {shirts} selected images").wait_for()
    n.wait_for_selected("sample_scatter_1", f"== {shirts}")

    n.run("chart", "Accuracy over compression")
    n.run("empty", "Add pq_index = {} under [analyses]")
    n.run("explorer", "What was found")
    address = n.page.url
    n.page.locator(".jp-OutputArea").get_by_text("Compare", exact=True).first.click()
    n.page.get_by_role("heading", name="Compare", exact=True).wait_for()
    n.run("explored", "2 of compare")
    n.page.get_by_text("of 2 selected images").locator("visible=true").first.wait_for()
    assert n.page.url == address  # the notebook's own
