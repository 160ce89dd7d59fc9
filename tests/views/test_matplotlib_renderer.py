"""The renderer for paper: draws every picture in the size asked for, as vectors, the same bytes every time."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from calibrated import make
from coursed import study
from PIL import Image
from pypdf import PdfReader
from synthetic import HOSTILE, SCRIPT, SyntheticTables

from pruneviz.core.errors import UsageError
from pruneviz.core.viewstate import ViewState
from pruneviz.views import PICTURES
from pruneviz.views import marks as m
from pruneviz.views.matplotlib_letters import Letters
from pruneviz.views.matplotlib_renderer import INCH, ONE_COLUMN, TWO_COLUMNS, PaperFigure, draw
from pruneviz.views.palette import ink

MM = INCH / 72


@pytest.fixture(scope="module")
def tables() -> SyntheticTables:
    return SyntheticTables(samples=120)


def state_of(tables: SyntheticTables, count: int) -> ViewState:
    runs = tables.runs
    return ViewState(models=tuple(str(r) for r in runs.loc[runs["method"] != "dense", "run_id"][:count]))


def page(drawn: PaperFigure) -> PdfReader:
    return PdfReader(io.BytesIO(drawn.content("pdf")))


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_drawn(tables: SyntheticTables, name: str) -> None:
    picture = PICTURES[name](tables, state_of(tables, 5))
    drawn = draw(picture, width=TWO_COLUMNS)
    wide = float(page(drawn).pages[0].mediabox.width) * MM
    assert wide <= TWO_COLUMNS + 0.1
    assert picture.width or wide == pytest.approx(TWO_COLUMNS, abs=0.1)
    assert drawn.caption.startswith(picture.title)


MARKS = (
    m.Points(
        np.arange(3.0), np.arange(3.0), ["hue-0", "dense", "control"], ["star", "x", "cross"], [True, False, True]
    ),
    m.Points(np.arange(3.0), np.ones(3), "hue-1", "diamond", False, keys=("a", "b", "c"), selected=("b",)),
    m.Line(np.arange(3.0), np.arange(3.0), "hue-2", "dotdash"),
    m.Band(np.arange(3.0), np.zeros(3), np.ones(3), "hue-2"),
    m.Rule("x", 1.0),
    m.Rule("y", 1.0, dash="dotted"),
    m.Bars(np.arange(2.0), np.zeros(2), np.ones(2), ["lost", "gained"], hatch="x"),
    m.Intervals(np.arange(2.0), np.zeros(2), np.ones(2), ["lost", "gained"]),
    m.Boxes(np.zeros(2), np.ones(2), np.zeros(2), np.ones(2), "right-fill"),
    m.Text(np.zeros(2), np.ones(2), ["one", "two"], "soft", "right", True),
    m.Maps(np.full((2, 3, 4), 255, np.uint8), "change", np.zeros(2), np.arange(2.0), 0.5, 0.4),
    m.Maps(np.zeros((1, 2, 2), np.uint8), "density", np.zeros(1), np.zeros(1), 1.0, 1.0),
    m.Images(np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1), np.zeros(1), 1.0, 1.0),
    m.Cells(np.arange(2.0), np.zeros(2), np.array([0.1, np.nan]), "density", ["1 %", ""], ((0.0, "none"),), "kept"),
)


@pytest.mark.parametrize("mark", MARKS, ids=lambda k: type(k).__name__)
def test_every_kind_of_mark_is_drawn(mark: m.Mark) -> None:
    blank = draw(m.Picture("x", "t", x=m.Axis("x"), y=m.Axis("y"))).content("pdf")
    assert draw(m.Picture("x", "t", x=m.Axis("x"), y=m.Axis("y"), marks=(mark,))).content("pdf") != blank


def test_what_stands_at_one_place_has_a_range_around_it() -> None:
    at = np.array([10.0, 10.0])
    for kind in ("linear", "log"):
        axis = m.Axis("x", kind, ticks=(1.0, 10.0, 100.0))
        axes = draw(m.Picture("x", "t", x=axis, y=axis, marks=(m.Points(at, at, "dense"),))).figure.axes[1]
        assert axes.get_xlim()[0] < 10 < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < 10 < axes.get_ylim()[1]


def test_linked_points_show_what_is_selected(tables: SyntheticTables) -> None:
    state = state_of(tables, 1)
    all_of_them = PICTURES["sample_scatter"](tables, state)
    some = PICTURES["sample_scatter"](tables, replace(state, samples=("test:3", "test:4")))
    drawn, chosen = draw(all_of_them), draw(some)

    def markers(figure: PaperFigure, least: float) -> int:
        lines = [k for k in figure.figure.axes[1].lines if k.get_linestyle() == "None"]
        return sum(len(k.get_xdata()) for k in lines if mpl.colors.to_rgba(k.get_markeredgecolor())[3] > least)

    assert (markers(drawn, 0.0), markers(drawn, 0.2), markers(chosen, 0.0), markers(chosen, 0.2)) == (120, 120, 120, 2)


def test_points_stand_where_the_picture_says(tables: SyntheticTables) -> None:
    picture = PICTURES["tradeoff"](tables, ViewState())
    drawn = draw(picture).figure.axes[1]
    wanted = np.concatenate([np.c_[k.x, k.y] for k in picture.marks if isinstance(k, m.Points)])
    found = np.concatenate([np.asarray(c.get_offsets()) for c in drawn.collections if len(c.get_offsets())])
    assert {tuple(p) for p in wanted} <= {tuple(p) for p in found}
    assert drawn.get_xscale() == "log"
    colours = {mpl.colors.to_hex(c) for k in drawn.collections for c in k.get_edgecolor()}
    inks = {i for k in picture.marks if isinstance(k, m.Points) for i in ([k.ink] if isinstance(k.ink, str) else k.ink)}
    assert {ink(i, "light") for i in inks} <= colours


PROGRAM = """
import sys
from synthetic import SyntheticTables
from pruneviz.core.viewstate import ViewState
from pruneviz.views import PICTURES
from pruneviz.views.matplotlib_renderer import draw
t = SyntheticTables(samples=60, hostile=True, methods=2)
runs = t.runs
state = ViewState(models=tuple(runs.loc[runs["method"] != "dense", "run_id"][:2]))
for name in ("tradeoff", "images"):
    drawn = draw(PICTURES[name](t, state))
    for kind in ("pdf", "svg"):
        open(f"{sys.argv[1]}-{name}.{kind}", "wb").write(drawn.content(kind))
"""


def test_two_drawings_are_the_same_bytes_whatever_matplotlibrc_says(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.grid: True\nfont.size: 30\nsavefig.bbox: tight\nlines.linewidth: 9\n")
    for seed, home in (("1", "none"), ("77", str(tmp_path))):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1]), "MATPLOTLIBRC": home}
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path / seed)], env=env, check=True, timeout=100, capture_output=True
        )
    written = sorted(p.name.partition("-")[2] for p in tmp_path.glob("1-*"))
    assert len(written) == 4
    for name in written:
        assert (tmp_path / f"1-{name}").read_bytes() == (tmp_path / f"77-{name}").read_bytes(), name


def test_letters_are_embedded_and_can_be_searched(tables: SyntheticTables) -> None:
    found = page(draw(PICTURES["tradeoff"](tables, ViewState())))
    text = " ".join(found.pages[0].extract_text().split())
    assert "magnitude" in text
    assert "higher is better" in text
    fonts = [f.get_object() for f in found.pages[0]["/Resources"]["/Font"].values()]
    for font in fonts:
        assert font["/Subtype"] == "/Type0"
        descendant = font["/DescendantFonts"][0].get_object()
        assert descendant["/Subtype"] == "/CIDFontType2"  # TrueType, as publishers want it; not Type 3
        assert "/FontFile2" in descendant["/FontDescriptor"].get_object()
    assert found.metadata is None or "/CreationDate" not in found.metadata


def test_names_are_never_typeset(tables: SyntheticTables) -> None:
    hostile = SyntheticTables(samples=60, hostile=True, methods=2)
    drawn = draw(PICTURES["class_changes"](hostile, state_of(hostile, 2)), width=TWO_COLUMNS)
    assert HOSTILE[:8] in page(drawn).pages[0].extract_text()
    dollars = replace(PICTURES["tradeoff"](tables, ViewState()), x=m.Axis(r"$\frac{1}{2}$ and $x$"))
    assert r"$\frac{1}{2}$" in page(draw(dollars)).pages[0].extract_text()
    assert SCRIPT[:8] not in draw(dollars).content("svg").decode()


def test_letters_that_the_font_lacks_are_told(tables: SyntheticTables) -> None:
    picture = replace(PICTURES["tradeoff"](tables, ViewState()), x=m.Axis("剪枝 x"))
    drawn = draw(picture)
    assert any("剪" in r and "lacks 2" in r for r in drawn.remarks)
    drawn.content("png")  # a warning would be an error


def test_letters_too_small_to_read_are_told(tables: SyntheticTables) -> None:
    picture = PICTURES["images"](tables, state_of(tables, 16))
    narrow = draw(picture, width=ONE_COLUMN)
    assert any("smallest letters" in r for r in narrow.remarks)
    assert not draw(PICTURES["images"](tables, state_of(tables, 1)), width=TWO_COLUMNS).remarks


def test_a_text_is_as_wide_as_its_widest_line() -> None:
    letters = Letters("")
    assert letters.width("wide\ni", 9) == letters.width("wide", 9) > letters.width("i", 9) > 0
    assert letters.width("", 9) == 0


def test_texts_stay_in_their_cells(tables: SyntheticTables) -> None:
    study = SyntheticTables(samples=60, extra_layers=9)
    drawn = draw(PICTURES["density_map"](study, state_of(study, 3)), width=TWO_COLUMNS)
    drawn.figure.draw_without_rendering()
    axes = drawn.figure.axes[1]
    (left, _), (right, _) = axes.transData.transform([(0, 0), (1, 0)])
    assert all(t.get_window_extent().width <= right - left for t in axes.texts)


def test_nothing_sticks_out(tables: SyntheticTables) -> None:
    for name, width in (("tradeoff", 60.0), ("smallest", ONE_COLUMN), ("flips", 60.0), ("class_changes", ONE_COLUMN)):
        figure = draw(PICTURES[name](tables, state_of(tables, 5)), width=width).figure
        figure.draw_without_rendering()
        box = figure.axes[1].get_tightbbox()
        assert box.x0 >= -1, name
        assert box.x1 <= figure.bbox.width + 1, name
        legend = [t.get_window_extent() for t in figure.axes[0].texts]
        assert all(t.x1 <= figure.bbox.width + 1 for t in legend), name
        assert all(t.y0 >= box.y1 - 1 for t in legend), name


def test_sizes_and_kinds_are_those_asked_for(tables: SyntheticTables) -> None:
    picture = PICTURES["tradeoff"](tables, ViewState())
    drawn = draw(picture, width=100.0, height=80.0, title=True)
    box = page(drawn).pages[0].mediabox
    assert (float(box.width) * MM, float(box.height) * MM) == (pytest.approx(100, abs=0.1), pytest.approx(80, abs=0.1))
    assert picture.title in " ".join(page(drawn).pages[0].extract_text().split())
    svg = drawn.content("svg").decode()
    assert re.search(r'width="283\.\d+pt"', svg)
    assert "<dc:date>" not in svg
    with Image.open(io.BytesIO(drawn.content("png"))) as image:
        assert image.width == int(100 / INCH * 300)
        assert image.info.get("Software") is None
    with pytest.raises(UsageError, match="installed"):
        draw(picture, font="No Such Font At All")


def test_pictures_of_analyses_are_drawn() -> None:
    calibrated, coursed = make(5, sure=4.0).analysed(), study().analysed()
    for name, tables in (("reliability", calibrated), ("calibration", calibrated), ("pq_index", coursed)):
        models = tuple(tables.runs["run_id"].iloc[-2:])
        picture = PICTURES[name](tables, ViewState(models=models))
        assert not picture.empty
        assert draw(picture, width=TWO_COLUMNS).content("pdf").startswith(b"%PDF")
