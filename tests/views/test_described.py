"""Every picture says what it shows to those who hear the page."""

from __future__ import annotations

import re

from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.described import LONGEST, described
from pruneviz.views.marks import Picture
from pruneviz.views.pictures import PICTURES


def test_a_picture_is_told_by_title_axes_marks_and_legend() -> None:
    told = described(PICTURES["tradeoff"](SyntheticTables(replicates=2, methods=2), ViewState()))
    assert told.startswith("Accuracy over compression. ")
    assert "Across: compression: prunable parameters over kept (×) · higher is better (logarithmic)." in told
    assert "Up: accuracy, test split (%) · higher is better." in told
    assert re.search(r"\d+ points and \d+ lines\.", told)
    assert "Method: random (control) and magnitude." in told


def test_every_picture_has_a_name_that_can_be_listened_to() -> None:
    tables = SyntheticTables(samples=60, hostile=True, long_names=True)
    runs = tables.runs
    state = ViewState(models=tuple(runs.loc[runs["method"] != "dense", "run_id"][:2]))
    for make in PICTURES.values():
        told = described(make(tables, state))
        assert 10 < len(told) <= LONGEST
        assert "\n" not in told


def test_an_empty_picture_says_what_to_do() -> None:
    assert described(Picture("p", "What is missing", empty="Run it.")) == "What is missing. Run it."


def test_the_screen_has_the_words() -> None:
    drawn = draw(PICTURES["tradeoff"](SyntheticTables(replicates=1, methods=1), ViewState()))
    assert drawn.figure is not None
    assert drawn.figure.html_attributes["role"] == "figure"
    assert drawn.figure.html_attributes["aria-label"].startswith("Accuracy over compression")
