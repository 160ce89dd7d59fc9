"""The explorer without a mouse: every stop has a name and is seen, and what pointers do keys do, too."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from by_keys import choose, heard, press, tab_to
from placed import PlacedTables

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STUDY: dict[str, Any] = {"samples": 300, "looked_at": 300, "replicates": 1, "methods": 3, "sparsities": [0.5, 0.95]}
RUNS = [str(r) for r in PlacedTables(**{**STUDY, "sparsities": (0.5, 0.95)}).runs["run_id"]]


def test_everything_is_reached_named_and_seen(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    for page in ("tradeoff", "samples"):
        t.go(f"?page={page}&models={RUNS[3]},{RUNS[9]}")
        stops = []
        while (at := press(t, "Tab"))["tag"] != "BODY":
            stops.append(at)
        assert [s for s in stops if not s["name"]] == []
        assert [s["name"] for s in stops if not s["seen"]] == []
        names = [s["name"] for s in stops]
        assert names[0] == "Skip to the page"
        pictures = [s["name"] for s in stops if s["role"] == "application"]
        assert len(pictures) == {"tradeoff": 2, "samples": 5}[page]  # a control and a grid of images among them
        assert all(re.match(r"Picture: .{20}", name) for name in pictures)
        assert {"Box Select", "Lasso Select", "Reset"} <= set(names)
    assert t.page.title() == "Samples · synthetic · pruneviz"
    current = t.page.locator(".sidebar [aria-current=page]")
    assert current.inner_text().strip().endswith("Samples")


def test_keys_do_what_pointers_do(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    t.go("?page=tradeoff")
    press(t, "Tab Enter")  # past the navigation
    tab_to(t, "^Picture: Accuracy over compression", most=10)
    ends = "[f.model.x_range.start, f.model.x_range.end, f.model.y_range.start, f.model.y_range.end]"
    whole = t.figure("tradeoff", ends)
    press(t, "- + Shift+ArrowRight Shift+ArrowRight Shift+ArrowRight")
    inside = t.figure("tradeoff", ends)
    assert inside != whole
    press(t, "Enter")  # selects what is in sight
    said = t.says(re.compile(r"^Compared with it: \d+ of at most 16$"))
    points = t.figure("tradeoff", "f.model.renderers.at(-2).data_source.data")
    at = zip(points["x"], points["y"], strict=True)
    within = [inside[0] <= x <= inside[1] and inside[2] <= y <= inside[3] for x, y in at]
    assert int(said.split(" ")[3]) == sum(within) > 0
    press(t, "0")
    assert t.figure("tradeoff", ends) == whole
    press(t, "Control+z")
    t.says("Compared with it: nothing yet")

    tab_to(t, r"\bRuns$")
    press(t, "Enter")
    t.page.get_by_role("heading", name="Runs", exact=True).wait_for()
    t.settle()
    t.page.wait_for_timeout(500)
    tab_to(t, "^accuracy$")
    press(t, "Enter")
    t.page.locator('.tabulator-col[tabulator-field="accuracy"][aria-sort="ascending"]').wait_for(state="attached")
    tab_to(t, "", role="gridcell")  # a stop for the whole table; arrow keys move within
    press(t, "ArrowDown Space")
    t.says("Compared with it: 1 of at most 16")
    t.page.wait_for_timeout(400)  # the row is drawn anew
    star = press(t, "ArrowRight")
    assert star["name"] == "☆, the reference or not"
    press(t, "Enter")
    t.page.wait_for_function("location.search.includes('reference')")

    t.go(f"?page=samples&models={RUNS[3]},not-here")
    t.says("1 model asked for is not here.")
    press(t, "Escape")  # closes what is said
    t.page.get_by_text("1 model asked for is not here.").wait_for(state="hidden")
    press(t, "Tab Enter")
    tab_to(t, r"^Picture: The images\.")
    first = t.page.url
    press(t, "ArrowRight")
    t.page.wait_for_function("location.search.includes('shown_sample')")
    press(t, "ArrowDown")
    t.page.wait_for_function(f"location.href != {t.page.url!r}")
    assert t.page.url != first
    tab_to(t, "^Picture: .*dense")
    press(t, "+ + Enter")
    t.says(re.compile("^[\\d,]+ images selected: within a line of 4 corners"))

    t.page.keyboard.press("Tab")
    t.page.get_by_role("button", name="Code").focus()
    press(t, "Enter")
    t.page.get_by_role("dialog").get_by_text("import pruneviz as pv").wait_for()
    press(t, "Escape")
    t.page.get_by_role("dialog").wait_for(state="hidden")
    t.says(re.compile("images selected: within a line"))  # Escape closed what was on top, no more


def test_what_stands_in_a_picture_is_read_one_by_one(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    t.go("?page=tradeoff")
    press(t, "Tab Enter")
    tab_to(t, "^Picture: Accuracy over compression", most=10)
    points = "f.model.renderers.at(-2).data_source.data"
    names = t.figure("tradeoff", f"{points}.h0")
    press(t, "ArrowRight")
    first = heard(t, r"^\d+ in sight\. run: .*; accuracy: [\d.]+")
    assert int(first.split(" ")[0]) == len(RUNS)
    seen = {n for n in names if f"run: {n};" in first}
    for key in ["ArrowRight", *["ArrowDown"] * len(names), "ArrowRight", *["ArrowUp"] * len(names)]:
        press(t, key)
        seen |= {n for n in names if f"run: {n};" in heard(t, ".")}
    assert seen == set(names)
    heard(t, r"^Nothing further up\.")
    place = "(e => e && [e.style.display, parseFloat(e.style.left), parseFloat(e.style.top)])"
    shown, x, y = t.figure("tradeoff", f"{place}(f.canvas_view.overlays_el.querySelector('.pv-read'))")
    at = t.figure(
        "tradeoff",
        f"Array.from({points}.x, (x, i) => [f.frame.x_scale.compute(x), f.frame.y_scale.compute({points}.y[i])])",
    )
    assert shown == "block"
    assert min(abs(x - a) + abs(y - b) for a, b in at) < 0.01
    press(t, "Enter")  # what a click there does
    compared = heard(t, r"^Compared with it: \d+ of at most 16\.$").removesuffix(".")
    press(t, "Escape")
    assert t.figure("tradeoff", f"{place}(f.canvas_view.overlays_el.querySelector('.pv-read'))")[0] == "none"
    t.says(compared)


def test_a_selection_is_made_named_and_carried_to_another_model_by_keyboard_alone(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY))
    t.go(f"?page=samples&models={RUNS[3]},{RUNS[9]}")
    press(t, "Tab Enter")
    tab_to(t, "^Picture: .*random 50 %")
    press(t, "ArrowRight")
    heard(t, r"^300 in sight\. image: test:\d+; true class: ")
    rings = t.figure("projection_1", "f.model.renderers[0].data_source.inspected.indices.length")
    assert rings == 1  # seen in every scatter
    press(t, "+ + + Enter")
    said = heard(t, r"^\d+ images selected: within a line of 4 corners")
    n = int(said.split(" ")[0])
    assert 0 < n < 300
    press(t, "ArrowRight")
    heard(t, rf"^{n} selected in sight\. image: ")

    press(t, "Escape")  # ends the reading; the selection stays
    tab_to(t, "^Refine, save, export$", keys="Shift+Tab")
    press(t, "Enter")
    t.page.get_by_label("Save as", exact=True).wait_for()
    tab_to(t, "^Save as$")
    t.page.keyboard.type("far out")
    tab_to(t, "^Save$", most=3)
    press(t, "Enter")
    heard(t, "Saved as 'far out'")
    tab_to(t, "^Carry to", most=8)
    choose(t, "magnitude 95")
    tab_to(t, "^Carry$", most=3)
    press(t, "Enter")
    other = heard(t, r"^\d+ images selected: within a line of 4 corners .* of magnitude 95")
    assert other != said
    assert f"%22run%22%3A%22{RUNS[9]}" in t.page.url.replace(":", "%3A")
