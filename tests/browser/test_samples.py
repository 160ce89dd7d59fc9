"""The page Samples in a real browser: linked scatters, lines as rules, the grid, one image."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from placed import PlacedTables

from pruneviz.views.embedded import plane_of
from pruneviz.views.selecting import within

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STUDY: dict[str, Any] = {"samples": 700, "looked_at": 600, "replicates": 1, "methods": 3, "sparsities": [0.5, 0.95]}
TABLES = PlacedTables(**{**STUDY, "sparsities": (0.5, 0.95)})
RUNS = [str(r) for r in TABLES.runs["run_id"]]
MODELS = [RUNS[3], RUNS[9]]
HELD = "f.model.renderers[0].data_source"


def rule_in(url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parse_qs(urlsplit(url).query)["select"][0])["rule"]
    return found


def click_tile(t: Any, column: int, row: int) -> None:
    b = t.frame("sample_grid")
    t.page.mouse.click(b["x"] + 96 * column + 48, b["y"] + 122 * row + 40)


def test_a_line_in_one_scatter_is_a_rule_that_all_views_follow(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY), height=1000)
    t.go(f"?page=samples&models={','.join(MODELS)}")
    t.says("600 of 700 test images were looked at; samples under [analyses.embeddings] changes that.")
    t.drag("projection_2", (0.5, 0.05), (0.98, 0.95))
    n = int(t.says(re.compile(r"^[\d,]+ images selected: within a line of 4 corners")).split(" ")[0])
    assert 0 < n < 600
    for i in (1, 2, 3):  # one source, in the browser
        assert t.figure(f"projection_{i}", f"{HELD}.selected.indices.length") == n
    t.says(re.compile(rf"Images 1 to 42 of {n} selected images of 700"))
    t.page.wait_for_function("location.search.includes('inside')")
    rule = rule_in(t.page.url)
    assert rule["x"] == {"column": "embedding x", "run": MODELS[0], "plane": plane_of(TABLES, MODELS[0])}

    t.page.get_by_role("button", name="Undo").click()  # one drawing, one step
    t.says("No selection: everything is about all test images.")
    t.page.get_by_role("button", name="Redo").click()
    t.says(re.compile(rf"^{n} images selected: within a line"))

    t.page.get_by_text("Refine, save, export").click()
    t.page.get_by_role("button", name="Carry", exact=True).click()  # to the last model compared
    t.page.wait_for_function(f"location.search.split('run%22:%22{MODELS[1]}').length > 2")
    other = int(t.says(re.compile(r"^[\d,]+ images selected: within a line")).split(" ")[0])
    carried = rule_in(t.page.url)
    assert carried["inside"] == rule["inside"]
    assert carried["x"]["run"] == carried["y"]["run"] == MODELS[1]
    again = tab(t.app)
    again.go(t.page.url.removeprefix(t.app.base).removeprefix("/"))
    again.says(re.compile(rf"^{other} images selected: within a line"))


def test_a_lasso_is_kept_as_drawn_and_narrowed_down_by_a_column(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY), height=1000)
    t.go(f"?page=samples&models={','.join(MODELS)}&colour=change")
    t.says(re.compile("Colour: share of an image's neighbourhood that is another one than in its dense model"))
    b = t.frame("projection_2")
    t.figure("projection_2", "f.model.toolbar.tools.find(t => t.type == 'LassoSelectTool').active = true")
    corners = [(0.5, 0.1), (0.9, 0.3), (0.95, 0.85), (0.55, 0.55), (0.25, 0.9), (0.2, 0.3)]
    path = [(b["x"] + x * b["w"], b["y"] + y * b["h"]) for x, y in corners]
    t.page.mouse.move(*path[0])
    t.page.mouse.down()
    for x, y in path[1:]:
        t.page.mouse.move(x, y, steps=6)
    t.page.mouse.up()
    n = int(t.says(re.compile(r"^[\d,]+ images selected: within a line of \d+ corners")).split(" ")[0])
    t.page.wait_for_function("location.search.includes('inside')")
    rule = rule_in(t.page.url)
    x, y = rule["x"], rule["y"]
    plane = plane_of(TABLES, MODELS[0])
    assert x == {"column": "embedding x", "run": MODELS[0], "plane": plane}
    assert y == {"column": "embedding y", "run": MODELS[0], "plane": plane}
    places = TABLES.places(MODELS[0])
    inside = within(places[:, 0], places[:, 1], tuple(map(tuple, rule["inside"])))
    assert 0 < n == inside.sum() < 600
    names = [f"test:{i}" for i in range(600)]
    held = set(t.figure("projection_2", f"Array.from({HELD}.selected.indices)"))
    assert {names[i] for i in held} == {name for name, is_in in zip(names, inside, strict=True) if is_in}

    t.page.get_by_text("Refine, save, export").click()
    t.page.get_by_label("Column", exact=True).locator("visible=true").click()
    t.page.locator("li").get_by_text("change of neighbourhood", exact=True).locator("visible=true").click()
    t.page.get_by_label("of", exact=True).first.click()
    t.page.locator("li").get_by_text(re.compile("^magnitude")).locator("visible=true").first.click()
    t.page.get_by_label("from", exact=True).fill("1")
    t.page.get_by_role("button", name="Apply").click()
    fewer = int(t.says(re.compile(r"images selected: within a line .* of magnitude 95 % finetune\.$")).split(" ")[0])
    assert 0 < fewer < n


def test_pointing_sorting_and_looking_at_one_image(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY), width=1024, height=768)
    t.go(f"?page=samples&models={','.join(MODELS)}&colour=margin&sort=loss&sort_of={MODELS[1]}")
    t.says(re.compile("largest loss of .* first"))
    t.settle()
    b = t.frame("projection_1")
    place = t.figure("projection_1", f"[{HELD}.data['x {RUNS[0]}'][7], {HELD}.data['y {RUNS[0]}'][7]]")
    ends = t.figure("projection_1", "['x', 'y'].map(a => [f.model[a + '_range'].start, f.model[a + '_range'].end])")
    across, up = ((p - e[0]) / (e[1] - e[0]) for p, e in zip(place, ends, strict=True))
    t.page.mouse.move(b["x"] + across * b["w"], b["y"] + (1 - up) * b["h"])
    pointed = t.figure("projection_2", f"{HELD}.inspected.indices")  # ringed in every scatter
    assert pointed
    click_tile(t, 0, 3)
    t.page.wait_for_function("location.search.includes('shown_sample')")
    shown = parse_qs(urlsplit(t.page.url).query)["shown_sample"][0]
    t.figure("sample_detail", "f.model.height")
    t.page.get_by_role("button", name="Image after").click()
    t.page.wait_for_function(
        f"!location.search.includes('shown_sample={shown}&') && !location.search.endsWith('={shown}')"
    )
    t.page.get_by_label("Draw all images").click()
    t.page.wait_for_function("location.search.includes('all_points=1')")


def test_without_embeddings_the_page_says_what_to_do_and_shows_the_images(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(samples=60, replicates=1, methods=1, sparsities=[0.5], class_count=5, hostile=True))
    t.go("?page=samples")
    t.says(re.compile(r"Add embeddings = \{\} under \[analyses\]"))
    t.says(re.compile("Images 1 to 42 of all 60 test images"))
