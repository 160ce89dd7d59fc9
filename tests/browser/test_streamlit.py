"""The Streamlit surface in a real browser, on one study whose names are hostile and whose runs still land.

Every test also fails on what its tab saw go wrong: errors, dialogs, and whatever would leave this machine.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from synthetic import HOSTILE, SyntheticTables

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STUDY: dict[str, Any] = {"samples": 200, "hostile": True, "replicates": 2, "landed": 60}
RUNNING = "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState == 'running'"
# streamlit-bokeh leaves the views of figures behind that it has replaced
FIGURE = """(() => {
    const views = window.Bokeh ? [...Bokeh.index.all_views()] : []
    const f = views.find(v => v.model.name == '%s' && v.el.isConnected && v._has_finished)
    return f && (%s)
})()"""
SELECTED = "f.model.renderers.map(r => r.data_source.selected.indices.length).reduce((a, b) => Math.max(a, b))"


@pytest.fixture
def go(serve: Callable[..., Any], tab: Callable[..., Any]) -> Callable[..., Any]:
    """Opens a tab at an address of the surface and waits until it is there."""

    def opened(query: str = "", **options: Any) -> Any:
        t = tab(serve(ui="streamlit", **STUDY), **options)
        t.page.goto(t.app.base + query)
        t.page.locator("h1.pv-title").first.wait_for()
        settle(t)
        return t

    return opened


def settle(t: Any) -> None:
    t.page.wait_for_timeout(200)  # what was clicked is on its way
    t.page.wait_for_function(f"() => !({RUNNING})()")


def figure(t: Any, name: str, script: str) -> Any:
    t.page.wait_for_function(FIGURE % (name, "true"))
    return t.page.evaluate(FIGURE % (name, script))


def models(count: int) -> list[str]:
    runs = SyntheticTables(**STUDY).runs
    done = runs[(runs["method"] != "dense") & (runs["status"] == "done")]
    return [str(r) for r in done["run_id"][4 : 4 + count]]


def test_a_brush_stays_while_the_page_changes_and_the_address_brings_the_view_back(go: Callable[..., Any]) -> None:
    t = go(f"?page=compare&models={','.join(models(2))}", height=1000)
    figure(t, "sample_scatter_1", "f.el.scrollIntoView({block: 'center'})")
    t.page.wait_for_timeout(200)
    at = "(() => { const r = f.el.getBoundingClientRect(), b = f.frame.bbox;"
    b = figure(t, "sample_scatter_1", at + " return [r.x + b.left, r.y + b.top, b.width, b.height] })()")
    t.page.mouse.move(b[0] + 0.02 * b[2], b[1] + 0.4 * b[3])
    t.page.mouse.down()
    t.page.mouse.move(b[0] + 0.8 * b[2], b[1] + 0.98 * b[3], steps=4)
    t.page.mouse.up()
    n = figure(t, "sample_scatter_1", SELECTED)
    assert 0 < n < 200
    assert figure(t, "sample_scatter_2", SELECTED) == n  # one source, in the browser
    t.page.get_by_role("button", name="Next images").click()
    t.page.wait_for_url(re.compile("first_sample=10"))
    settle(t)
    assert figure(t, "sample_scatter_1", SELECTED) == figure(t, "sample_scatter_2", SELECTED) == n
    t.page.get_by_text("Layers", exact=True).click()
    t.says("The 2 models compared.")
    t.page.wait_for_url(re.compile("page=layers"))
    again = go(t.page.url.removeprefix(t.app.base), width=1024, height=768)
    again.says("The 2 models compared.")
    t.page.go_back()
    t.page.get_by_role("heading", name="Compare", exact=True).wait_for()


def test_runs_are_ticked_taken_away_and_land_and_nonsense_is_a_sentence(go: Callable[..., Any]) -> None:
    t = go("?page=runs&models=nobody&theme=dark")
    t.says("1 model asked for is not here.")
    t.says(HOSTILE)  # shown as it is written
    t.says("60 of 84 runs measured")
    table = t.page.get_by_test_id("stDataFrame").bounding_box()
    t.page.mouse.click(table["x"] + 18, table["y"] + 15 + 31 * 4)  # the fourth row's box
    fourth = SyntheticTables(**STUDY).runs["run_id"][3]
    t.page.wait_for_url(re.compile(f"models={fourth}"))
    taken = {}
    for ending in ("csv", "parquet"):
        with t.page.expect_download() as found:
            t.page.get_by_role("button", name=f"runs.{ending}").click()
        taken[ending] = found.value.path().read_bytes()
    expected = SyntheticTables(**STUDY).runs
    back = pd.read_parquet(io.BytesIO(taken["parquet"]))
    pd.testing.assert_frame_equal(back, expected, check_dtype=False)
    assert list(pd.read_csv(io.BytesIO(taken["csv"]))["name"]) == list(expected["name"])
    t.app.land(84)
    t.says("84 runs")  # without any click
    t.page.goto(t.app.base + "?sort=nothing")
    t.says("The address could not be understood")
    assert t.page.get_by_text("Traceback").count() == 0
