"""Reports of synthetic studies, rendered once for all tests that look at them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from reportable import Reportable

from pruneviz.report import Wanted
from pruneviz.report.compose import compose
from pruneviz.report.html import Rendered, render


def rendered(study: Reportable, models: list[str] | None = None) -> Rendered:
    return render(compose(study, Wanted(models=models), ".html"), lambda what: None)


class Page(HTMLParser):
    """What a browser finds in a page: its elements, the cells of its tables by id, and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[tuple[str, str | None]]]] = {}
        self.runs: dict[str, list[str]] = {}
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._ids: list[tuple[str, str]] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag in ("div", "details", "section") and found.get("id"):
            self._name = str(found["id"])
        if tag == "tr":
            self.tables.setdefault(self._name, []).append([])
            self.runs.setdefault(self._name, []).append(found.get("data-run") or "")
        if tag in ("td", "th"):
            self.tables[self._name][-1].append(("", found.get("data-value")))
        if tag == "script":
            self.scripts.append((found, ""))
        if tag in ("td", "th", "script", "small", "sup"):
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "script", "small", "sup"):
            self._open = "td" if tag in ("small", "sup") else ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self._open in ("td", "th"):
            text, value = self.tables[self._name][-1][-1]
            self.tables[self._name][-1][-1] = text + data, value


@pytest.fixture(scope="session")
def study() -> Reportable:
    """A study in which some runs failed and some wait."""
    return Reportable(methods=6, samples=200, failed=2, waiting=3, warned=("Layer fc1.weight keeps nothing.",))


@pytest.fixture(scope="session")
def page(study: Reportable) -> Page:
    return Page(rendered(study).html)
