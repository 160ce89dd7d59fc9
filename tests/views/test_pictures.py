"""What holds for every picture, over studies of every kind."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from pictured import check_mark
from synthetic import SyntheticTables, empty

from pruneviz.core.viewstate import ViewState
from pruneviz.views import PICTURES
from pruneviz.views.palette import THEMES
from pruneviz.views.words_html import footing, heading

STUDIES = {
    "nothing planned": empty(),
    "one dense model": SyntheticTables(replicates=1, methods=0, retrained=False, samples=60),
    "nothing measured yet": SyntheticTables(samples=60, landed=0),
    "one model": SyntheticTables(replicates=1, methods=1, sparsities=(0.5,), recoveries=("none",), samples=60),
    "usual": SyntheticTables(samples=120),
    "replicated": SyntheticTables(replicates=6, seeds=2, methods=3, samples=60),
    "several models": SyntheticTables(models=3, replicates=2, samples=60),
    "hostile names": SyntheticTables(hostile=True, failed=2, waiting=3, samples=60),
    "all failed": SyntheticTables(replicates=1, methods=1, sparsities=(0.5,), failed=2, samples=60),
    "no validation": SyntheticTables(unmeasured=("val_accuracy", "val_loss"), samples=60),
    "many methods": SyntheticTables(methods=10, replicates=2, samples=60),
    "many layers": SyntheticTables(extra_layers=80, replicates=1, samples=60),
    "1000 classes": SyntheticTables(class_count=1000, samples=1500, replicates=2, methods=2),
    "no samples": SyntheticTables(samples=0, replicates=1),
}


def comparing(tables: SyntheticTables, count: int = 16) -> ViewState:
    runs = tables.runs
    done = runs[(runs["status"] == "done") & (runs["method"] != "dense")]
    return ViewState(models=tuple(str(r) for r in done["run_id"][:count]))


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest) -> SyntheticTables:
    return STUDIES[request.param]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("count", [0, 2, 16])
def test_every_picture_of_every_study(study: SyntheticTables, name: str, count: int) -> None:
    picture = PICTURES[name](study, comparing(study, count))
    if picture.empty:
        assert picture.empty.endswith((".", "…"))  # a sentence, which says why
        return
    for axis in (picture.x, picture.y):
        assert axis.title or axis.categories or picture.width
        assert all("\n" not in c for c in axis.categories)
    for mark in picture.marks:
        check_mark(mark, picture)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize("name", PICTURES)
def test_hostile_names_stay_text(name: str) -> None:
    tables = SyntheticTables(hostile=True, failed=1, samples=60)
    for state in (ViewState(), comparing(tables)):
        picture = PICTURES[name](tables, state)
        words = replace(picture, notes=(*picture.notes, "<script>x</script>"))
        for theme in THEMES:
            parser = Tags()
            parser.feed(heading(words, theme, heard=True) + footing(words, theme))
            assert parser.seen <= {"div", "h3", "p", "span", "svg", "rect", "path", "circle", "polygon"}


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_state_gives_the_same_picture(name: str) -> None:
    tables = STUDIES["usual"]
    state = comparing(tables, 3)
    a, b = PICTURES[name](tables, state), PICTURES[name](tables, state)
    assert (a.title, a.subtitle, a.sentences, a.x, a.y, a.legend) == (
        b.title,
        b.subtitle,
        b.sentences,
        b.x,
        b.y,
        b.legend,
    )


def test_nothing_heavy_is_imported_before_drawing() -> None:
    import subprocess
    import sys

    heavy = "bokeh", "pandas", "torch", "scipy", "panel"
    code = f"import sys, pruneviz.views; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
