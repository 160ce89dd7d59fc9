"""More images than are drawn one by one: cells that count them, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from by_keys import heard, press
from synthetic import SyntheticTables

from pruneviz.views.pictures.sample_scatter import MOST_POINTS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

IMAGES = MOST_POINTS + 1000
STUDY: dict[str, Any] = {"samples": IMAGES, "replicates": 1, "methods": 1, "sparsities": [0.5], "recoveries": ["none"]}
RUN = str(SyntheticTables(**STUDY).runs["run_id"].iloc[-1])
FOUND = "[...Bokeh.index.all_views()].find(v => v.model.type == 'Figure' && v.model.name == 'sample_scatter_1')"
HELD = "f.model.renderers.find(r => r.glyph.type == 'Image').data_source"
COUNTED = f"{HELD}.data['count'][0].reduce((a, b) => a + b)"


def activate(t: Any, tool: str) -> None:
    t.figure("sample_scatter_1", f"f.model.toolbar.tools.find(t => t.type == '{tool}').active = true")


def test_cells_are_counted_anew_where_one_looks_and_a_line_around_them_is_followed(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY))
    t.go(f"?page=compare&models={RUN}")
    t.says(re.compile(rf"^{IMAGES:,} images, counted in cells, 240 by 160 of whatever part is shown"))
    assert t.figure("sample_scatter_1", COUNTED) == IMAGES  # all, in so many cells, and none of them a point
    sent = t.figure("sample_scatter_1", f"Object.values({HELD}.data).reduce((a, v) => a + (v[0].byteLength ?? 8), 0)")
    assert sent <= 240 * 160 * 4 + 64

    activate(t, "BoxZoomTool")
    t.drag("sample_scatter_1", (0.4, 0.2), (0.9, 0.6))
    t.page.wait_for_function(f"(() => {{ const f = {FOUND}; return f && {COUNTED} < {IMAGES} }})()")
    left, right = t.figure("sample_scatter_1", "[f.model.x_range.start, f.model.x_range.end]")
    assert t.figure("sample_scatter_1", f"[{HELD}.data.x[0], {HELD}.data.dw[0]]") == pytest.approx(
        [left, right - left], rel=1e-6
    )

    t.figure("sample_scatter_1", "f.canvas_view.events_el.focus()")
    press(t, "ArrowRight ArrowRight")
    heard(t, r"^images in this cell: \d+; across: [-\d.]+; up: [-\d.]+$")

    activate(t, "BoxSelectTool")
    t.drag("sample_scatter_1", (0.2, 0.2), (0.8, 0.8))
    n = t.says(re.compile(r"^[\d,]+ images selected: within a line of 4 corners drawn over margin")).split(" ")[0]
    assert 0 < int(n.replace(",", "")) < IMAGES
    t.says(re.compile(rf"over {n} selected images of {IMAGES:,}"))  # the flips
    t.says(re.compile(rf"of {n} selected images of {IMAGES:,}"))  # the images themselves
    layers = "f.model.renderers.filter(r => r.visible && r.glyph.type == 'Image').length"
    assert t.figure("sample_scatter_1", layers) == 2

    t.page.get_by_label("Draw all images").click()
    points = "f.model.renderers.find(r => r.glyph.type == 'Scatter')"
    t.page.wait_for_function(f"(() => {{ const f = {FOUND}; return f && {points} }})()")
    t.settle()
    assert t.figure("sample_scatter_1", f"{points}.data_source.get_length()") == IMAGES
