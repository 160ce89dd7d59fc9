"""The explorer without a mouse: every stop has a name and is seen, and what pointers do keys do, too."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from placed import PlacedTables

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STUDY: dict[str, Any] = {"samples": 300, "looked_at": 300, "replicates": 1, "methods": 3, "sparsities": [0.5, 0.95]}
RUNS = [str(r) for r in PlacedTables(**{**STUDY, "sparsities": (0.5, 0.95)}).runs["run_id"]]
# What has the keyboard: its role, its name, whether that is seen, and whether it is in the window.
FOCUSED = """(() => {
    let e = document.activeElement
    while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
    const labels = [...(e.labels ?? [])].map(l => l.innerText).join(' ')
    const name = e.getAttribute('aria-label') || labels || e.innerText || e.title || e.placeholder || ''
    const by = e.getAttribute('aria-labelledby') ? 'by another' : ''
    const framed = [e, e.parentElement].some(x => x && getComputedStyle(x).outlineStyle != 'none')
    const field = e.closest('.MuiOutlinedInput-root')?.classList.contains('Mui-focused')
    return {tag: e.tagName, role: e.getAttribute('role') ?? '', name: (name.trim() || by), seen: !!(framed || field)}
})()"""


def press(t: Any, keys: str) -> dict[str, Any]:
    """Press keys one after the other; what has the keyboard then."""
    for key in keys.split():
        t.page.keyboard.press(key)
    found: dict[str, Any] = t.page.evaluate(FOCUSED)
    return found


def tab_to(t: Any, name: str, role: str = "", most: int = 90) -> dict[str, Any]:
    """Press Tab until something of that name and role has the keyboard."""
    for _ in range(most):
        at = press(t, "Tab")
        if re.search(name, at["name"]) and role in at["role"]:
            return at
    raise AssertionError(f"{most} stops, and none is {name}")


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
        assert len(pictures) == {"tradeoff": 2, "samples": 4}[page]  # a grid of images among them
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
    press(t, "- + ArrowRight ArrowRight ArrowRight")
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
