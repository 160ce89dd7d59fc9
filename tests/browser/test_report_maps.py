"""Maps of numbers in the report, in a real browser: their colours follow the theme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attributed import reported

from pruneviz.report import write_report
from pruneviz.views.palette import RAMPS

pytestmark = pytest.mark.browser

# The colours of the first map as it is drawn.
PALETTE = """Bokeh.documents[0].roots().find(r => r.name === 'attribution_maps')
    .renderers.map(r => r.glyph.color_mapper).find(Boolean).palette"""
SEEN = """() => {
    const drawn = Bokeh.index.roots.find(v => v.model.name === 'attribution_maps').export('png', false).canvas;
    const data = drawn.getContext('2d').getImageData(0, 0, drawn.width, drawn.height).data;
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) colours.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
    return [...colours];
}"""


def rgb(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_maps_follow_the_theme(browser: Any, tmp_path: Path, scheme: str) -> None:
    file = write_report(reported(), tmp_path / "r.html").path
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme=scheme, offline=True)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.wait_for_function("Bokeh.index.roots.every(v => v.is_idle)")
    for at in (scheme, "dark" if scheme == "light" else "light"):
        page.emulate_media(color_scheme=at)
        page.wait_for_timeout(200)
        ends = RAMPS["change"][at == "dark"]
        palette = page.evaluate(PALETTE)
        assert (palette[0], palette[-1]) == (ends[0], ends[-1])
        assert {rgb(ends[0]), rgb(ends[-1])} <= set(page.evaluate(SEEN))
    context.close()
    assert wrong == []
