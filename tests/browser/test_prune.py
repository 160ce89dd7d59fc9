"""Pruning from the page, on a real store: what it takes, the new run, one cancelled; and the ways there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from by_keys import choose, heard, press, tab_to

from pruneviz.core.spec import study_from_plain
from pruneviz.study import Study, run_study

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TABLE: dict[str, Any] = {
    "name": "small",
    "model": {"source": "sample:mlp-digits"},
    "data": {"source": "sample:digits", "train_limit": 300, "test_limit": 100},
    "prune": {"methods": ["magnitude"], "sparsities": [0.5]},
    "recover": {"recoveries": ["none", {"name": "finetune", "epochs": 1}]},
    "measure": {"latency": False},
}


@dataclass
class Served:
    base: str
    study: Study


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app as the command line starts it, on a store of six runs."""
    folder = tmp_path_factory.mktemp("prune")
    study = run_study(study_from_plain(TABLE, "test"), folder / "store", executor="inline", device="cpu").study
    command = [sys.executable, "-m", "pruneviz_apps.cli", "app", str(folder / "store"), "--no-browser", "--port", "0"]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ})
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, (folder / "log.txt").read_text()
    yield Served(found[0].rstrip("/") + "/", study)
    process.terminate()
    process.communicate(timeout=20)


def test_a_new_run_from_the_catalogue_to_every_page_and_one_that_is_cancelled(
    served: Served, tab: Callable[..., Any], tmp_path: Path
) -> None:
    t = tab(served)
    t.go("?page=methods&method=erk")
    t.says("Random weights, layer densities by the Erdős-Rényi-Kernel rule.")
    t.page.get_by_role("button", name="Prune with it").click()
    t.page.get_by_role("heading", name="Prune", exact=True).wait_for()
    assert "method=erk" in t.page.url
    go = t.page.get_by_role("button", name="Prune now")
    assert go.is_disabled()  # not before it is known what it takes
    t.page.get_by_label("How much to remove").fill("2")
    t.page.get_by_role("button", name="See what it takes").click()
    t.says(re.compile("sparsities.*got 2"))
    t.page.get_by_label("How much to remove").fill("0.8")
    t.page.get_by_role("button", name="See what it takes").click()
    t.page.locator(".pv-tile").first.wait_for()
    assert t.page.locator(".pv-tile").first.inner_text().startswith("1\n")
    t.page.get_by_text("The same in the study file").click()
    t.says('methods = ["erk"]')
    go.click()
    t.says(re.compile("^Done: erk at 0.8 with finetune, 3 steps"))
    t.says("7 runs", within="header")
    t.page.get_by_role("button", name="Compare the new runs").click()
    t.says(re.compile(r"^Compared with it: 1 of at most 16$"))

    t.nav("Prune")
    t.page.get_by_role("textbox", name=re.compile("^epochs")).fill("4000")
    t.page.get_by_role("button", name="See what it takes").click()
    t.page.locator(".pv-tile").first.wait_for()
    go.click()
    t.says(re.compile(r"^erk at 0.8 with finetune: \d+ of \d+ steps?"))
    t.page.get_by_role("button", name="Cancel").click()
    t.says(re.compile("^Cancelled: erk at 0.8 with finetune"))
    served.study.refresh()
    assert sorted(served.study.runs["status"].unique()) == ["done", "waiting"]


def test_what_the_study_lacks_is_measured_from_the_page_that_wants_it(served: Served, tab: Callable[..., Any]) -> None:
    t = tab(served)
    runs = served.study.runs
    pruned = str(runs.loc[runs["method"] == "magnitude", "run_id"].iloc[0])
    t.go(f"?page=samples&models={pruned}")
    t.says("has not measured where images lie by their features yet")
    t.page.get_by_role("button", name="Make an embedding").click()
    t.page.get_by_role("textbox", name=re.compile("^samples")).fill("60")
    t.page.get_by_role("button", name="See what it takes").click()
    t.page.locator(".pv-tile").first.wait_for()
    # With the dense model and the random control.
    assert t.page.locator(".pv-tile").first.inner_text().startswith("3\n")
    t.page.get_by_text("The same in the study file").click()
    t.says(re.compile("embeddings = { samples = 60, runs = "))
    t.page.get_by_role("button", name="Measure now").click()
    t.says(re.compile(r"^Done: embeddings \(samples=60\), 3 steps"))
    t.page.wait_for_function("[...Bokeh.index.all_views()].some(v => v.model.name === 'projection_2')")
    t.says("60 images in one plane by PCA.")  # without a click
    t.page.get_by_role("button", name="See what it takes").click()
    t.says("The study has this already, with these options.")
    t.nav("Analyses")
    t.says("Of the 10 nearest neighbours of each of 60 test images")


def test_pruning_by_keyboard_alone_until_the_new_run_shows(served: Served, tab: Callable[..., Any]) -> None:
    t = tab(served)
    t.go("?page=prune&method=erk")
    served.study.refresh()
    before = set(served.study.runs["run_id"])
    press(t, "Tab Enter")  # past the navigation
    tab_to(t, "^How much to remove", most=6)
    press(t, "Control+a")
    t.page.keyboard.type("0.7")
    tab_to(t, "^Recovery", most=6)
    choose(t, "none")
    t.page.get_by_role("textbox", name=re.compile("^epochs")).wait_for(state="hidden")  # else Tab meets it yet
    tab_to(t, "^with the random control$", most=6)
    press(t, "Space")
    tab_to(t, "^See what it takes$", most=3)
    press(t, "Enter")
    t.page.locator(".pv-tile").first.wait_for()
    t.page.wait_for_timeout(200)  # the button beside it can be pressed by now
    tab_to(t, "^Prune now$", most=2)
    press(t, "Enter")
    t.says(re.compile("^Done: erk at 0.7"))
    press(t, "Home")
    tab_to(t, "^Compare the new runs$")
    press(t, "Enter")
    heard(t, r"^Compare\. ")
    t.says("Compared with it: 1 of at most 16")
    served.study.refresh()
    (new,) = set(served.study.runs["run_id"]) - before
    assert new in t.page.url


def test_a_report_is_written_by_another_process_and_can_be_given_up(served: Served, tab: Callable[..., Any]) -> None:
    t = tab(served)
    pruned = [str(r) for r in served.study.runs["run_id"] if r][1]
    t.go(f"?page=tradeoff&models={pruned}")
    t.page.get_by_role("button", name="Report (PDF)").click()
    t.says("Writing report.pdf …")
    t.nav("Layers")  # everything else goes on
    t.page.get_by_role("button", name="Cancel").click()
    t.page.get_by_text("Writing report.pdf …").wait_for(state="hidden")
    t.page.get_by_role("button", name="Report (HTML)").click()
    t.says("Writing report.html …")
    ready = t.page.get_by_role("button", name="Download report.html")
    ready.wait_for()
    with t.page.expect_download() as download:
        ready.click()
    assert download.value.suggested_filename == "report.html"
    page = Path(download.value.path()).read_text("utf-8")
    assert "The models compared were named when the report was made." in page
