"""docs/explorer.md shows every page of the explorer, in light and dark, with words for those who do not see it."""

from __future__ import annotations

import re
from pathlib import Path

from pruneviz_apps.explorer.sidebar import PAGES

DOCS = Path(__file__).parents[2] / "docs"
MOST_BYTES = 2_500_000  # of all pictures of pages together


def test_every_page_is_shown_in_light_and_dark() -> None:
    text = (DOCS / "explorer.md").read_text("utf-8")
    shown = re.findall(r'images/pages/(\w+)-(light|dark)\.png"(?: alt="(.+?)")?', text)
    assert {(page, theme) for page, theme, _ in shown} == {(p, t) for p, _, _ in PAGES for t in ("light", "dark")}
    assert all(len(words) > 30 for _, theme, words in shown if theme == "light")
    pictures = sorted((DOCS / "images" / "pages").glob("*.png"))
    assert [p.stem for p in pictures] == sorted(f"{page}-{theme}" for page, theme, _ in shown)
    assert sum(p.stat().st_size for p in pictures) <= MOST_BYTES
