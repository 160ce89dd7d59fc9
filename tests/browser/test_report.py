"""The report in a real browser: from disk, with every request blocked, in both themes and on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from reportable import with_analysis

from pruneviz.report import write_report

pytestmark = pytest.mark.browser

STAYS = ("file:", "data:", "blob:")
# Of the figures of a name: how many points are selected in the source that has most of them.
SELECTED = """name => Bokeh.documents[0].roots().filter(r => r.name === name)
    .map(r => Math.max(...r.renderers.map(g => g.data_source.selected.indices.length)))"""
CHOSEN = """Bokeh.documents[0].roots().find(r => r.name === 'sample_scatter_2')
    .renderers.at(-1).data_source.selected.indices"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = with_analysis(methods=4, samples=300, hostile=True, failed=1, told=("<script>alert(1)</script>",) * 6)
    return write_report(study, tmp_path_factory.mktemp("report") / "r.html").path


@pytest.fixture
def open_report(browser: Any, file: Path) -> Iterator[Callable[..., Any]]:
    """Opens the report; at the end no request, error, dialog or violation of its policy may have been seen."""
    contexts, wrong = [], []

    def watched(page: Any) -> None:
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: wrong.append(f"exception: {e}"))
        page.on("dialog", lambda d: (wrong.append(f"dialog: {d.message}"), d.dismiss()))
        page.on(
            "request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or wrong.append(f"asked for {r.url}")
        )
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error(`policy: ${e.violatedDirective}`))"
        )

    def start(scheme: str = "light", width: int = 1440) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        watched(page)
        page.route("http://**/*", lambda route: route.abort())
        page.route("https://**/*", lambda route: route.abort())
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]")
        page.wait_for_function("Bokeh.index.roots.every(v => v.is_idle)")
        return page

    yield start
    for context in contexts:
        context.close()
    assert wrong == []


def drag(page: Any, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag across a drawing, by fractions of its size."""
    drawing = page.locator(f"[data-picture={name}]").first
    drawing.evaluate("e => e.scrollIntoView({block: 'center'})")
    box = drawing.bounding_box()
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()


def test_brushing_one_scatter_selects_in_the_others_and_shows_those_images(open_report: Callable[..., Any]) -> None:
    page = open_report()
    status = page.locator("#gallery .status")
    assert status.inner_text().startswith("Images 1 to 10 of all 300 images")
    drag(page, "sample_scatter_1", (0.3, 0.3), (0.6, 0.6))
    page.wait_for_function("document.querySelector('#gallery .status').textContent.includes('selected image')")
    one, other = (page.evaluate(SELECTED, f"sample_scatter_{i}")[0] for i in (1, 2))
    assert 0 < one == other < 300
    assert f"of {one} selected image" in status.inner_text()
    shown = page.locator("#gallery .images tbody tr")
    assert shown.count() == min(one, 10)
    assert shown.first.locator(".thumbnail").get_attribute("class").startswith("thumbnail sheet-")
    right = page.locator("#gallery .counts tbody tr").first.locator("td").nth(1).inner_text()
    names = page.evaluate("JSON.parse(document.getElementById('data-images').textContent).names")
    chosen = page.evaluate(CHOSEN)
    assert {row.get_attribute("data-sample") for row in shown.all()} <= {names[i] for i in chosen}
    assert int(right.split()[0]) <= one
    page.get_by_role("button", name="Clear selection").click()
    assert page.evaluate(SELECTED, "sample_scatter_1") == [0]
    assert status.inner_text().startswith("Images 1 to 10 of all 300 images")
    page.get_by_role("button", name="Next").click()
    assert status.inner_text().startswith("Images 11 to 20 of all 300 images")


def test_charts_of_runs_and_the_table_select_each_other(open_report: Callable[..., Any]) -> None:
    page = open_report(width=1024)
    page.locator("#table-runs summary").click()
    row = page.locator("#table-runs tbody tr").nth(7)
    row.click()
    assert page.locator("#selected-runs h3").inner_text() == "1 run selected"
    assert page.locator("#selected-runs tbody tr").get_attribute("data-run") == row.get_attribute("data-run")
    assert page.evaluate(SELECTED, "tradeoff") == [1, 1]
    drag(page, "tradeoff", (0.2, 0.02), (0.93, 0.5))
    page.wait_for_function("!document.querySelector('#selected-runs h3').textContent.startsWith('1 ')")
    count = page.locator("#selected-runs tbody tr").count()
    assert page.locator("#selected-runs h3").inner_text() == f"{count} runs selected"
    assert len(set(page.evaluate(SELECTED, "tradeoff"))) == 1
    assert page.locator("#table-runs tr.chosen").count() == count


def test_tables_sort_by_numbers_with_the_missing_last(open_report: Callable[..., Any]) -> None:
    page = open_report()
    page.locator("#table-runs summary").click()
    head = page.locator("#table-runs th", has_text="Loss").first
    column = head.evaluate("e => e.cellIndex")
    values = f"[...document.querySelectorAll('#table-runs tbody tr')].map(r => r.cells[{column}].dataset.value)"
    head.locator("button").click()
    up = page.evaluate(values)
    known = [float(v) for v in up if v is not None]
    assert known == sorted(known)
    assert up[-1] is None
    head.locator("button").click()
    down = page.evaluate(values)
    assert [float(v) for v in down if v is not None] == sorted(known, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_theme_follows_the_system_while_it_is_open_and_paper_is_light(
    open_report: Callable[..., Any], tmp_path: Path, scheme: str, dark: bool
) -> None:
    page = open_report(scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    words = "Bokeh.documents[0].roots()[0].below[0].axis_label_text_color"
    light = ("rgb(255, 255, 255)", "#1b1f27")
    assert ((page.evaluate(ground), page.evaluate(words)) == light) is not dark
    page.emulate_media(color_scheme="light" if dark else "dark")
    page.wait_for_timeout(100)
    assert ((page.evaluate(ground), page.evaluate(words)) == light) is dark
    page.emulate_media(color_scheme=scheme)
    seen = "window.seen = [...document.querySelectorAll('.snapshot')].map(s => s.tagName)"
    page.evaluate(f"addEventListener('beforeprint', () => {{ {seen}; window.paper = {words} }})")
    pdf = page.pdf(format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")
    assert page.evaluate("window.paper") == "#1b1f27"
    assert len(page.evaluate("window.seen")) == page.locator(".drawing").count()
    assert "svg" in page.evaluate("window.seen")
    page.wait_for_timeout(100)
    assert page.locator(".snapshot").count() == 0
    assert (page.evaluate(words) == "#1b1f27") is not dark


def test_no_name_is_markup_and_nothing_is_wider_than_the_window(open_report: Callable[..., Any]) -> None:
    page = open_report(width=1024)
    assert page.locator("img").count() == 0
    assert page.locator("body script:not([type])").count() == 2
    page.locator(".images .said").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    drawing = page.locator("[data-picture=sample_scatter_1]")
    drawing.evaluate("e => e.scrollIntoView({block: 'center'})")
    box = drawing.bounding_box()
    for step in range(12):  # over points, so that their names are shown
        page.mouse.move(box["x"] + box["width"] * (0.3 + 0.03 * step), box["y"] + box["height"] * (0.6 - 0.03 * step))
    page.wait_for_timeout(150)
    assert page.locator("img").count() == 0


def test_the_pictures_of_analyses_are_drawn_and_wide_ones_scroll_in_their_place(
    open_report: Callable[..., Any],
) -> None:
    page = open_report(width=800)
    for name in ("retrain_tau", "retrain_scatters"):
        drawing = page.locator(f"#analyses [data-picture={name}]")
        assert drawing.locator("canvas").first.bounding_box()["height"] > 150
    assert page.evaluate("document.querySelector('[data-picture=retrain_scatters]').scrollWidth") > 850
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#analyses .sentences li").last.inner_text() == "conv1 at 0.2: none detected."


def test_pictures_can_be_saved(open_report: Callable[..., Any]) -> None:
    page = open_report()
    drawing = page.locator("[data-picture=tradeoff]").first
    drawing.evaluate("e => e.scrollIntoView({block: 'center'})")
    with page.expect_download() as saved:
        drawing.locator(".bk-tool-icon-save").first.click()
    assert saved.value.suggested_filename.startswith("tradeoff")
