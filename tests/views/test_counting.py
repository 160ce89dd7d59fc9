"""Points that are too many to be drawn one by one, counted in cells: beside a plain loop, and on the screen."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from bokeh.events import PanStart, RangesUpdate, SelectionGeometry

from pruneviz.core.selection import Column
from pruneviz.views.bokeh_renderer import Sources, draw, update
from pruneviz.views.counting import CODES, Counts, colours, counts, each, levels, looks, told
from pruneviz.views.marks import Axis, Counted, Frame, Picture
from pruneviz.views.matplotlib_renderer import draw as draw_on_paper

WINDOW = (-2.0, 2.0, 0.0, 3.0)
MARK = Counted("rows", "x", "y", "group", ("hue-0", "hue-1", "hue-2"), (8, 6))
rng = np.random.default_rng(0)
N = 3000
X, Y, GROUP = rng.normal(size=N), rng.normal(1.5, 1, size=N), rng.integers(0, 3, N).astype(np.uint8)
X[:5], Y[5:9] = np.nan, np.inf
KEYS = tuple(f"test:{i}" for i in range(N))
FRAME = Frame("rows", KEYS, {"x": X, "y": Y, "group": GROUP}, counted=True)


def picture(frame=FRAME):
    plane = Column("margin", "a"), Column("margin", "b")
    axes = {"x": Axis("x", low=-2.0, high=2.0), "y": Axis("y", low=0.0, high=3.0)}
    return Picture("counted", "Counted", marks=(MARK,), selects="samples", frames=(frame,), plane=plane, **axes)


def slowly(among=None, window=WINDOW):
    """Cell by cell, which groups its points are of."""
    left, right, low, high = window
    found = {}
    for i in range(N):
        if (among is None or among[i]) and left <= X[i] < right and low <= Y[i] < high:
            cell = int((Y[i] - low) / (high - low) * 6), int((X[i] - left) / (right - left) * 8)
            found.setdefault(cell, Counter()).update([int(GROUP[i])])
    return found


@pytest.mark.parametrize("among", [None, X > 0.3])
def test_a_cell_has_the_points_that_lie_in_it_and_the_group_of_most_of_them(among):
    found, expected = counts(FRAME, MARK, WINDOW, among), slowly(among)
    assert found.number.sum() == sum(c.total() for c in expected.values())
    for cell, groups in expected.items():
        assert found.number[cell] == groups.total()
        assert found.group[cell] == min(g for g, k in groups.items() if k == max(groups.values()))


def test_looks_are_told_apart_and_grow_with_the_number():
    for groups in (1, 5, 11):
        table = colours(tuple(f"hue-{i}" for i in range(groups)), "dark")
        assert len(table) == CODES
        number = np.arange(0, 1000, dtype=np.uint32)[None]
        for group in range(groups):
            codes = looks(Counts(number, np.full(number.shape, group, np.uint8)), groups, 999)[0]
            assert codes[0] == 0
            assert (np.diff(codes[1:].astype(int)) >= 0).all()
            assert set((codes[1:].astype(int) - 1) // levels(groups)) == {group}
            assert table[codes[-1]].endswith("ff")
            assert table[codes[1]][:7] == table[codes[-1]][:7]


def drawn(sources=None):
    made = draw(picture(), sources=sources or Sources(lambda *at: None))
    return made, made.figure.renderers[0].data_source


def test_a_screen_is_sent_what_the_cells_hold_and_no_point():
    made, source = drawn()
    assert (source.data["count"][0] == counts(FRAME, MARK, WINDOW).number).all()
    assert sum(np.asarray(v[0]).nbytes for v in source.data.values()) < 8 * 6 * 3 + 64
    assert not made.figure.renderers[1].visible


def test_zooming_counts_anew_and_stays_while_the_picture_changes():
    made, source = drawn()
    near = (-0.5, 0.5, 1.0, 2.0)
    made.figure._trigger_event(RangesUpdate(made.figure, x0=near[0], x1=near[1], y0=near[2], y1=near[3]))
    assert (source.data["count"][0] == counts(FRAME, MARK, near).number).all()
    assert (source.data["x"], source.data["dh"]) == ([-0.5], [1.0])
    assert update(made, picture()) is made
    assert (source.data["count"][0] == counts(FRAME, MARK, near).number).all()


def test_what_is_selected_stands_out_in_every_picture_of_the_frame():
    sources = Sources()
    first, one = drawn(sources)
    _, other = drawn(sources)
    chosen = KEYS[100:900]
    sources.select("rows", chosen)
    some = counts(FRAME, MARK, WINDOW, np.isin(np.arange(N), np.arange(100, 900)))
    most = int(counts(FRAME, MARK, WINDOW).number.max())
    for source in (one, other):
        assert (source.data["selected"][0] == looks(some, 3, most)).all()
    assert first.figure.renderers[1].visible
    assert first.figure.renderers[0].glyph.global_alpha < 1
    assert sources.selected("rows") == chosen
    sources.select("rows", ())
    assert not first.figure.renderers[1].visible


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, lambda had, new: new),
        ({"shift": True}, lambda had, new: had | new),
        ({"ctrl": True}, lambda had, new: had & new),
        ({"shift": True, "ctrl": True}, lambda had, new: had - new),
    ],
)
def test_a_line_is_heard_with_what_it_selects_by_the_keys_that_are_held(keys, expected):
    heard = []
    sources = Sources(lambda *at: None, lambda *at: heard.append(at))
    made, _ = drawn(sources)
    sources.select("rows", KEYS[:1000])
    made.figure._trigger_event(PanStart(made.figure, modifiers={"shift": False, "ctrl": False, **keys}))
    box = {"type": "rect", "x0": 0.0, "x1": 1.0, "y0": 1.0, "y1": 2.0}
    made.figure._trigger_event(SelectionGeometry(made.figure, box, True))
    inside = {KEYS[i] for i in np.flatnonzero((X >= 0) & (X <= 1) & (Y >= 1) & (Y <= 2))}
    assert heard[0][1] == ((0.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0))
    assert set(heard[0][2]) == expected(set(KEYS[:1000]), inside)
    made.figure._trigger_event(SelectionGeometry(made.figure, {"type": "point", "x": 0, "y": 1}, True))
    assert heard[1][1:] == ((), ())


def test_paper_shows_the_same_cells():
    from matplotlib.colors import to_hex

    selected = Frame("rows", KEYS, FRAME.columns, KEYS[:50], counted=True)
    for frame, layers in ((FRAME, 1), (selected, 2)):
        images = draw_on_paper(picture(frame)).figure.axes[-1].images
        assert len(images) == layers
    shown = images[1].get_array()
    some = counts(FRAME, MARK, WINDOW, np.arange(N) < 50)
    assert ((shown[..., 3] > 0) == (some.number > 0)).all()
    at = tuple(np.argwhere(some.number > 0)[0])
    assert to_hex(shown[at][:3]) == colours(MARK.inks, "light")[looks(some, 3, 99)[at]][:7]


def test_one_by_one_those_that_flipped_come_first_and_what_is_shown_is_told():
    codes = np.zeros((1, 1000), np.int8)
    codes[0, 700:720] = 3
    kept = each(codes, 100)
    assert set(range(700, 720)) < set(kept)
    assert len(kept) == 100
    assert len(each(codes)) == 1000
    assert told(100, 1000, None).startswith("100 of 1,000 images drawn: all that flipped")
    assert told(1000, 1000, None) == ""
    assert "counted in cells, 8 by 6" in told(1000, 1000, (8, 6))


def test_a_million_points_take_a_moment():
    """How fast exactly is a matter for ``benchmarks/explorer.py``; this is far from it, on any machine."""
    n = 1_000_000
    x = rng.normal(size=n)
    frame = Frame("rows", (), {"x": x, "y": x[::-1], "group": np.zeros(n, np.uint8)}, counted=True)
    begun = time.process_time()
    found = counts(frame, MARK, (-9.0, 9.0, -9.0, 9.0))
    assert time.process_time() - begun < 1
    assert found.number.sum() == n
