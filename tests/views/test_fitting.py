"""Words fit into their places, on screens and on paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from synthetic import HOSTILE, SCRIPT, SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import PICTURES, bokeh_renderer, matplotlib_renderer
from pruneviz.views import marks as m
from pruneviz.views.fitting import NARROW, across, shortened, width
from pruneviz.views.matplotlib_letters import Letters
from pruneviz.views.pictures.sample_grid import TILE

WIDE = ("W" * 40, "MMMM wide MMMM words", "\u6f22\u5b57" * 9, HOSTILE, SCRIPT, "i" * 60, "e\u0301" * 30, "Shirt")
EVERYDAY = ("magnitude (uniform) 50 % ×3", "lenet5-fashion #0", "T-shirt/top", "gaussian noise", "W" * 20, "Ankle boot")


class Hostile(SyntheticTables):
    @property
    def classes(self) -> tuple[str, ...]:
        return WIDE


STUDY = Hostile(replicates=1, methods=2, sparsities=(0.5, 0.95), samples=16, class_count=len(WIDE))
IDS = [str(r) for r in STUDY.runs["run_id"]]
STATE = ViewState(models=tuple(IDS[2:5]), shown_sample="test:1")


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("text", EVERYDAY)
def test_widths_are_those_of_a_wide_font_or_a_little_more(text: str, bold: bool) -> None:
    assert 0.98 < width(text, 10, bold) / Letters().width(text, 10, bold) < 1.15


@pytest.mark.parametrize("text", WIDE)
@pytest.mark.parametrize("most", [5, 40, 90, 1000])
def test_a_text_is_shortened_no_more_than_it_has_to_be(text: str, most: int) -> None:
    def wide(t: str) -> float:
        return width(t, 11)

    found = shortened(text, most, wide)
    assert wide(found) <= most or found == "…"
    assert found == text or wide(text) > most
    assert found == text or most < 20 or wide(found) > most - 4 * wide("W")


def beyond(texts: Sequence[str], x: np.ndarray, size: float, bold: bool, tile: float) -> list[str]:
    return [t for t, left in zip(texts, x, strict=True) if left % tile + width(t, size, bold) > tile - 2]


def test_names_stay_in_their_tiles_on_screens() -> None:
    picture = PICTURES["sample_grid"](STUDY, STATE)
    drawn = bokeh_renderer.draw(picture)
    assert drawn.figure is not None
    words = [k for k in picture.marks if isinstance(k, m.Text)]
    assert any(beyond(k.text, k.x, k.size, k.bold, TILE) for k in words)  # the picture itself has whole names
    sources = [r.data_source.data for r in drawn.figure.renderers if type(r.glyph).__name__ == "Text"][-len(words) :]
    for k, sent in zip(words, sources, strict=True):
        assert beyond(sent["text"], np.asarray(sent["x"]), k.size, k.bold, TILE) == []


@pytest.mark.parametrize("name", ["sample_grid", "images"])
def test_names_stay_in_their_places_on_paper(name: str) -> None:
    picture = PICTURES[name](STUDY, STATE)
    figure = matplotlib_renderer.draw(picture).figure
    figure.set_dpi(300)  # letters of few dots have other widths
    axes = next(a for a in figure.axes if a.get_label() == "drawing")
    words = [k for k in picture.marks if isinstance(k, m.Text) and k.room is not None]
    room = {(float(x), float(y)): float(k.room or 0) for k in words for x, y in zip(k.x, k.y, strict=True)}
    pixel = float(np.diff(axes.transData.transform([(0, 0), (1, 0)])[:, 0])[0])
    found = [(t, room[t.get_position()]) for t in axes.texts if t.get_position() in room]
    assert len(found) > 16
    assert [t.get_text() for t, most in found if t.get_window_extent().width > 1.02 * pixel * most] == []


def test_titles_and_names_of_axes_fit_a_narrow_window() -> None:
    long = "test accuracy minus that of plain magnitude, from the same dense model (points) · higher is better"
    columns = ("relative corruption error (1: as the dense model)", "loss under corruption, against dense (points)")
    x, y = m.Axis(long, "categories", columns), m.Axis(long, "categories", ("magnitude (uniform) · finetune",))
    drawn = bokeh_renderer.draw(m.Picture("p", "p", x=x, y=y, height=400))
    assert drawn.figure is not None
    below, beside = drawn.figure.xaxis[0], drawn.figure.yaxis[0]
    assert str(below.axis_label).split("\n")[-1] == "higher is better"  # broken there first
    assert "(points)" in str(below.axis_label)  # and never at a unit
    room = across(drawn.picture)
    assert 300 < room < NARROW
    assert all(width(line, 13) <= room for line in str(below.axis_label).split("\n"))
    assert all(width(line, 13) <= 400 for line in str(beside.axis_label).split("\n"))
    names = [str(n) for n in dict(below.major_label_overrides).values()]
    assert [" ".join(n.split("\n")) for n in names] == list(columns)
    assert all(width(line, 12) <= room / 2 for n in names for line in n.split("\n"))


def test_long_names_leave_the_axes_on_paper_their_width() -> None:
    study = SyntheticTables(replicates=3, methods=4, sparsities=(0.5, 0.8, 0.95), samples=60, long_names=True, models=2)
    figure = matplotlib_renderer.draw(PICTURES["lineage"](study, ViewState())).figure
    axes = next(a for a in figure.axes if a.get_label() == "drawing")
    assert axes.get_position().width > 0.8
    shown = [t.get_text() for t in axes.texts]
    assert "random · finetune ×9" in shown
    assert any(t.startswith("a-") and "…" in t for t in shown)
