"""The real app in a real browser, on synthetic studies. Every test also fails on what its tab saw go wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic import SyntheticTables

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STUDY: dict[str, Any] = {"samples": 2000}


def models(count: int, skip: int = 4, **options: Any) -> list[str]:
    runs = SyntheticTables(**{**STUDY, **options}).runs
    done = runs[(runs["method"] != "dense") & (runs["status"] == "done")]
    return [str(r) for r in done["run_id"][skip : skip + count]]


def selected(tab: Any, name: str) -> int:
    return int(
        tab.figure(
            name, "f.model.renderers.map(r => r.data_source.selected.indices.length).reduce((a, b) => Math.max(a, b))"
        )
    )


def test_the_first_page_is_there_soon_and_says_what_was_found(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY))
    t.go()
    t.says("126 runs", within="header")
    t.says("What was found")
    t.says("Smallest within 1 point of dense")
    again = tab(serve(**STUDY))
    started = time.perf_counter()
    again.go()
    assert time.perf_counter() - started < 15  # much less alone; the benchmark holds the figure


def test_every_page_by_its_link_and_back(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    t.go()
    # The page scrolls, and not the window around it.
    assert t.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    t.nav("Runs")
    t.page.go_back()  # from the first step as well
    t.says("What was found")
    before = t.page.evaluate("history.length")
    for label, address in (("Runs", "runs"), ("Trade-off", "tradeoff"), ("Layers", "layers"), ("Compare", "compare")):
        t.nav(label)
        assert f"page={address}" in t.page.url
    t.page.get_by_label("Close drawer").click()  # no other page, so no step
    t.page.wait_for_function("location.search.includes('sidebar=0')")
    assert t.page.evaluate("history.length") == before + 3  # the first of the four stands where Runs stood before
    t.page.go_back()
    t.page.get_by_role("heading", name="Layers", exact=True).wait_for()


def test_brushing_is_seen_in_all_scatters_and_every_view_follows(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY), height=1000)
    t.go(f"?page=compare&models={','.join(models(2))}")
    before = t.figure("flips", "f.model.renderers.map(r => Array.from(r.data_source.data.right || []))")
    t.drag("sample_scatter_1", (0.02, 0.4), (0.75, 0.98))
    n = int(t.says(re.compile(r"^[\d,]+ images selected: within a line of 4 corners")).split(" ")[0].replace(",", ""))
    assert 0 < n < 2000
    assert selected(t, "sample_scatter_1") == selected(t, "sample_scatter_2") == n  # one source, in the browser
    t.says(f"{n:,} selected images of 2,000")
    assert t.page.get_by_text(f"{n:,} selected images of 2,000").count() == 3  # flips, classes, images
    after = t.figure("flips", "f.model.renderers.map(r => Array.from(r.data_source.data.right || []))")
    assert after != before
    t.page.get_by_role("button", name="Clear selection").click()
    t.says("No selection: everything is about all test images.")
    assert selected(t, "sample_scatter_1") == 0
    assert t.figure("flips", "f.model.renderers.map(r => Array.from(r.data_source.data.right || []))") == before


def test_no_picture_lies_over_another(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    t.go("?page=compare")
    t.page.get_by_role("button", name=re.compile("^Compare each method")).click()
    t.says("Predictions that flipped")
    t.page.wait_for_timeout(2000)  # the pictures come one after the other
    boxes = [b for b in (f.bounding_box() for f in t.page.locator(".bk-Figure").all()) if b and b["height"] > 50]
    assert len(boxes) >= 4
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
            assert apart or a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1


def test_scatters_stand_in_pairs_where_the_window_is_narrow(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY), width=1024, height=768)
    t.go("?page=compare")
    t.page.get_by_role("button", name=re.compile("^Compare each method")).click()
    t.says("Predictions that flipped")
    t.settle()
    find = "[...Bokeh.index.all_views()].find(v => v.model.name == 'sample_scatter_2' && v.el.checkVisibility())"
    t.page.wait_for_function(f"() => {find}")
    left, right = (t.figure(f"sample_scatter_{i}", "f.el.getBoundingClientRect().toJSON()") for i in (1, 2))
    assert left["right"] < right["left"]
    assert abs(left["bottom"] - right["bottom"]) < 2  # drawings level, though only the first has a legend


def test_points_chosen_in_the_trade_off_are_compared_everywhere(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY))
    t.go("?page=tradeoff")
    t.drag("tradeoff", (0.92, 0.5), (1.0, 1.0))
    t.says(re.compile(r"^Compared with it: \d+ of at most 16$"))
    chosen = selected(t, "tradeoff")
    assert 0 < chosen <= 16
    t.says(f"Compared with it: {chosen} of at most 16")
    t.nav("Layers")
    t.says(f"The {chosen} models compared.")
    t.nav("Runs")
    t.page.locator(".tabulator-row.tabulator-selected").first.wait_for(state="attached")
    t.page.get_by_role("button", name="Compare none").click()
    t.says("Compared with it: nothing yet")


def test_the_table_chooses_reference_and_models(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    t.go("?page=runs")
    rows = t.page.locator(".tabulator-row")
    rows.nth(4).locator("input[type=checkbox]").click()
    t.says("Compared with it: 1 of at most 16")
    rows.nth(2).locator('[tabulator-field="mark"]').click()
    t.page.wait_for_function("new URLSearchParams(location.search).get('reference')")
    assert rows.nth(2).locator('[tabulator-field="mark"]').inner_text() == "★"
    assert rows.nth(0).locator('[tabulator-field="mark"]').inner_text() == "☆"
    t.page.locator('.tabulator-col[tabulator-field="accuracy"] .tabulator-col-title').click()
    t.settle()
    values = [
        float(v.split()[0]) for v in t.page.locator('.tabulator-row [tabulator-field="accuracy"]').all_inner_texts()
    ]
    assert values == sorted(values)


def test_the_address_restores_page_models_and_reference(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    first = tab(serve(**STUDY))
    reference, *others = models(3)
    first.go(f"?page=layers&models={','.join(others)}&reference={reference}&theme=dark")
    first.says("The 2 models compared.")
    assert first.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 25, 31)"
    second = tab(serve(**STUDY))
    second.go(first.page.url.removeprefix(first.app.base))
    second.says("The 2 models compared.")
    second.nav("Compare")
    assert all(m in second.page.url for m in (reference, *others))
    second.page.get_by_role("button", name="Refine, save, export").click()
    second.page.get_by_label("Save as", exact=True).wait_for()
    second.nav("Diff")
    second.page.get_by_label("Picture", exact=True).click()
    second.page.locator("li").get_by_text("Class changes", exact=True).click()
    second.says("What became of each class")
    second.page.get_by_label("Close drawer").click()
    second.page.wait_for_function("location.search.includes('sidebar=0')")
    first.go(second.page.url.removeprefix(second.app.base).removeprefix("/"))
    first.says("What became of each class")  # the layout comes back as well
    first.page.get_by_label("Open drawer").click()
    first.nav("Compare")
    first.page.get_by_label("Save as", exact=True).wait_for()


def test_models_of_an_address_are_ticked_among_the_runs_and_stay_when_one_is_added(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY))
    first, second = models(2)
    t.go(f"?page=runs&models={first},{second}")
    boxes = t.page.locator(".tabulator-row input[type=checkbox]")
    ticked = t.page.locator(".tabulator-row input[type=checkbox]:checked")
    ticked.nth(1).wait_for()
    assert ticked.count() == 2
    boxes.nth(next(i for i in range(1, 9) if not boxes.nth(i).is_checked())).click()
    t.says(re.compile("^Compared with it: 3 of at most 16"))
    assert f"models={first},{second}," in t.page.url.replace("%2C", ",")


def test_a_selection_is_refined_saved_carried_undone_and_comes_back(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    first, second = models(2)
    t = tab(serve(**STUDY), height=1000)
    t.go(f"?page=compare&models={first},{second}")
    t.page.get_by_role("button", name="Refine, save, export").click()

    def choose(label: str, option: str) -> None:
        t.page.get_by_label(label, exact=True).locator("visible=true").click()
        t.page.locator("li").get_by_text(option, exact=True).locator("visible=true").click()

    choose("Column", "margin")
    choose("of", "random 90 % finetune")
    t.page.get_by_label("to", exact=True).fill("-1.5")
    t.page.get_by_role("button", name="Apply").click()
    said = t.says(re.compile(r"^[\d,]+ images selected: margin of .* ≤ -1.5\.$"))
    assert "random 90 % finetune" in said  # by the models' names, not their ids
    t.page.get_by_label("Save as", exact=True).fill("sure and wrong")
    t.page.get_by_role("button", name="Save", exact=True).first.click()  # pictures have such a tool, too
    t.says(re.compile("^Saved as 'sure and wrong'"))
    assert "selection=sure" in t.page.url
    number = t.says(re.compile(r"images selected: ‘sure and wrong’\.$"))
    again = tab(serve(**STUDY), height=1000)
    again.go(t.page.url.removeprefix(t.app.base))
    assert again.says(re.compile(r"images selected: ‘sure and wrong’\.$")) == number
    t.page.get_by_role("button", name="Invert").click()
    t.says(re.compile(r"images selected: not ‘sure and wrong’\.$"))
    t.page.get_by_role("button", name="Undo").click()
    t.says(number)
    t.page.get_by_role("button", name="Undo").click()
    t.says(said)
    choose("Carry to", "random 90 %")
    t.page.get_by_role("button", name="Carry", exact=True).click()
    carried = t.says(re.compile(r"images selected: margin of random 90 % ≤ -1.5\.$"))
    assert carried.split(" ")[0] != said.split(" ")[0]
    with t.page.expect_download() as download:
        t.page.get_by_text("CSV", exact=True).click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert len(lines) == 1 + 3 * int(carried.split(" ")[0].replace(",", ""))  # the reference and both models
    assert lines[0].startswith("run_id,run,sample_id,label,prediction")


def test_an_address_of_nonsense_is_a_sentence(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    t.go("?page=runs&theme=pink")
    t.says("got 'pink'; allowed: dark, light")
    t.go("?page=nowhere&models=abc")
    t.says("There is no page 'nowhere'")
    t.go("?page=tradeoff&y=acuracy")
    t.says("got 'acuracy'")


def test_zoom_is_kept_when_the_theme_changes_and_colours_follow(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    t = tab(serve(**STUDY))
    t.go("?page=tradeoff")
    t.figure(
        "tradeoff", "(f.model.x_range.have_updated_interactively = true, f.model.x_range.setv({start: 1.5, end: 9}))"
    )
    t.page.get_by_label("Toggle theme").click()
    t.page.wait_for_function("location.search.includes('theme=dark')")
    t.settle()
    assert t.figure("tradeoff", "[f.model.x_range.start, f.model.x_range.end]") == [1.5, 9]
    assert t.figure("tradeoff", "f.model.below[0].axis_label_text_color") == "#eceff4"


def test_hostile_names_are_shown_and_not_run(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    options = {"hostile": True, "failed": 2, "samples": 300}
    t = tab(serve(**options))
    chosen = ",".join(models(3, **options))
    for page in ("overview", "runs", "tradeoff", "layers", "compare"):
        t.go(f"?page={page}&models={chosen}")
        t.says("<img src=x onerror=alert(1)>", within="header")
        names = ("tradeoff", "density_map", "flips", "class_changes", "images", "sample_scatter_1")
        for name in [n for n in names if t.figure(n, "1")]:  # what the pointer shows is made of names, too
            b = t.frame(name)
            for place in (0.15, 0.4, 0.6, 0.85):
                t.page.mouse.move(b["x"] + place * b["w"], b["y"] + 0.3 * b["h"])
                t.page.wait_for_timeout(60)
    evil = "document.querySelectorAll('img[src=x], script:not([src]):not([type])')"
    assert t.page.evaluate(f"[...{evil}].filter(e => e.textContent.includes('alert')).length") == 0


def test_an_empty_study_says_how_to_begin(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(replicates=0, samples=0))
    t.go()
    t.says("pruneviz demo")
    for label in ("Runs", "Trade-off", "Layers", "Compare"):
        t.nav(label)
        t.says(re.compile("There are no runs yet|been measured yet"))


def test_runs_appear_as_they_land_without_moving_the_reader(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    app = serve(landed=10, **STUDY)
    t = tab(app)
    t.go("?page=tradeoff")
    t.says("10 of 126 runs measured", within="header")
    points = len(t.figure("tradeoff", "f.model.renderers.at(-2).data_source.data.x"))
    t.figure(
        "tradeoff", "(f.model.y_range.have_updated_interactively = true, f.model.y_range.setv({start: 10, end: 90}))"
    )
    app.land(60)
    t.says("60 of 126 runs measured", within="header")
    t.settle()
    assert len(t.figure("tradeoff", "f.model.renderers.at(-2).data_source.data.x")) == points + 50
    assert t.figure("tradeoff", "[f.model.y_range.start, f.model.y_range.end]") == [10, 90]
    t.nav("Runs")
    app.land(126)
    t.says("126 runs", within="header")


def test_sixteen_models_fit_and_a_seventeenth_is_declined(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY), width=1024, height=768)
    t.go(f"?page=compare&models={','.join(models(16))}")
    wide = "document.documentElement.scrollWidth <= innerWidth"
    assert t.page.evaluate(wide)
    t.says(re.compile(r"^Scatters of \d of these \d+ models, random controls included"))
    t.nav("Trade-off")
    assert t.page.evaluate(wide)
    t.drag("tradeoff", (0.3, 0.0), (1.0, 1.0))
    t.says(re.compile("16 models are compared at most: .* others left out"))
    t.nav("Runs")
    assert t.page.evaluate(wide)


FOCUSED = """(() => {
    let e = document.activeElement
    while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
    return e.innerText || ''
})()"""


def test_keyboard_reaches_the_pages(serve: Callable[..., Any], tab: Callable[..., Any]) -> None:
    t = tab(serve(**STUDY))
    t.go()
    for _ in range(12):
        t.page.keyboard.press("Tab")
        if t.page.evaluate(FOCUSED).strip().endswith("Trade-off"):
            break
    t.page.keyboard.press("Enter")
    t.page.get_by_role("heading", name="Trade-off", exact=True).wait_for()
