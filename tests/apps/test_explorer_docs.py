"""The docs show every page of both surfaces, in light and dark, with words for those who do not see it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pruneviz_apps.explorer.sidebar import PAGES
from pruneviz_apps.streamlit_ui import navigation

DOCS = Path(__file__).parents[2] / "docs"
MOST_BYTES = 2_500_000  # of all pictures of a surface together


@pytest.mark.parametrize(
    ("page_of", "folder", "names"),
    [("explorer.md", "pages", [p for p, _, _ in PAGES]), ("streamlit.md", "streamlit", list(navigation.PAGES))],
)
def test_every_page_is_shown_in_light_and_dark(page_of: str, folder: str, names: list[str]) -> None:
    text = (DOCS / page_of).read_text("utf-8")
    shown = re.findall(rf'images/{folder}/(\w+)-(light|dark)\.png"(?: alt="(.+?)")?', text)
    assert {(page, theme) for page, theme, _ in shown} == {(p, t) for p in names for t in ("light", "dark")}
    assert all(len(words) > 30 for _, theme, words in shown if theme == "light")
    pictures = sorted((DOCS / "images" / folder).glob("*.png"))
    assert [p.stem for p in pictures] == sorted(f"{page}-{theme}" for page, theme, _ in shown)
    assert sum(p.stat().st_size for p in pictures) <= MOST_BYTES
