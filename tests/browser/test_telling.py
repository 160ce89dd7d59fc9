"""Code, kept views, undoing by keyboard and the page Diff, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from synthetic import SyntheticTables

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STUDY: dict[str, Any] = {"samples": 600, "methods": 3, "replicates": 2, "hostile": True}


def test_a_difference_is_read_copied_as_code_kept_and_undone(
    serve: Callable[..., Any], tab: Callable[..., Any]
) -> None:
    runs = SyntheticTables(**STUDY).runs
    pruned = [str(r) for r in runs.loc[(runs["method"] == "magnitude") & (runs["recovery"] == "none"), "run_id"]][:4]
    t = tab(serve(**STUDY))
    page = t.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    t.go("?page=diff")
    page.get_by_role("button", name=re.compile("^Compare each method")).click()
    t.says("Differs by more than retraining alone changes here")
    t.go(f"?page=diff&models={','.join(pruned[:2])}")
    t.says("Differs by more than retraining alone changes here")
    t.says("analyses.feature_geometry={}")
    first = t.says(re.compile("fewer non-zero parameters"))
    page.get_by_role("combobox", name="Model", exact=True).click()
    page.locator("li").get_by_text("magnitude 80", exact=False).locator("visible=true").last.click()
    page.wait_for_function("new URLSearchParams(location.search).get('focus')")
    t.says(re.compile("fewer non-zero parameters"))
    page.wait_for_function(f"!document.body.innerText.includes({first!r})")

    page.get_by_role("button", name="Code", exact=True).click()
    code = page.get_by_label("Python", exact=True)
    code.wait_for()
    page.get_by_role("button", name="Copy: Python").click()
    t.says("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == code.inner_text()
    assert pruned[1] in copied
    assert pruned[0] not in copied
    assert "pruneviz figure" in page.get_by_label("Command line", exact=True).inner_text()
    page.keyboard.press("Escape")
    code.wait_for(state="hidden")

    page.get_by_label("Save this view as").fill("a <b>view</b>")
    page.get_by_role("button", name="Save view").click()
    t.says("Saved as 'a <b>view</b>'.")
    assert "?view=" in page.url
    page.get_by_role("button", name="Compare none").click()
    t.says("Compared with it: nothing yet")
    page.keyboard.press("Control+z")
    t.says("Compared with it: 2 of at most 16")
    page.keyboard.press("Control+Shift+z")
    t.says("Compared with it: nothing yet")
    page.get_by_label("Save this view as").focus()
    page.keyboard.press("Control+z")  # the field's own
    t.nav("Layers")
    t.says("Compared with it: nothing yet")
    page.get_by_role("button", name="Open view").click()
    t.says("Differs by more than retraining alone changes here")
    address = page.url

    other = tab(t.app)
    other.page.goto(address)
    other.says("Compared with it: 2 of at most 16")
    other.says("Differs by more than retraining alone changes here")
    other.page.get_by_role("button", name="Delete view").click()
    other.says("Deleted the view 'a <b>view</b>'.")
    assert "models=" in other.page.url
