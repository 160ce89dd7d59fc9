"""What somebody means who draws in a plane of images."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.events import SelectionGeometry
from placed import PlacedTables

from pruneviz.core.selection import AllOf, AnyOf, Column, Ids, Inside, Selection
from pruneviz.core.viewstate import MOST_ADDRESS, ViewState
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.embedded import plane_of
from pruneviz.views.outlining import MOST_CORNERS, rule_of, simplified
from pruneviz.views.pictures.projection import projections
from pruneviz.views.pictures.sample_scatter import sample_scatters
from pruneviz.views.selecting import chosen, numbers_of, sample_ids, within
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.selecting import portable, words
from pruneviz_apps.explorer.session import Session

STUDY = PlacedTables(replicates=1, methods=2, sparsities=(0.95,), samples=300, looked_at=200)
RUN = str(STUDY.runs["run_id"].iloc[3])
PICTURE = projections(STUDY, ViewState(models=(RUN,)))[1]
SCATTER = sample_scatters(STUDY, ViewState(models=(RUN,)))[0]
AT = STUDY.places(RUN)
RIGHT = ((2.0, -9.0), (9.0, -9.0), (9.0, 9.0), (2.0, 9.0))
TOP = ((-9.0, 2.0), (9.0, 2.0), (9.0, 9.0), (-9.0, 9.0))
RULE = Inside(*(Column(f"embedding {a}", RUN, plane_of(STUDY, RUN)) for a in "xy"), RIGHT)


def keys(held):
    return tuple(f"test:{i}" for i in np.flatnonzero(held))


def drawn(corners, marked, before=None, selected=()):
    return rule_of(PICTURE, corners, marked, before, selected, STUDY)


IN_RIGHT, IN_TOP = within(AT[:, 0], AT[:, 1], RIGHT), within(AT[:, 0], AT[:, 1], TOP)


def test_a_line_is_the_rule_over_the_axes_of_the_picture_it_is_drawn_in():
    assert drawn(RIGHT, keys(IN_RIGHT)) == RULE
    assert drawn((), ("test:4",)) == Ids(("test:4",))
    assert drawn((), ()) is None
    assert drawn(((90.0, 90.0), (91.0, 90.0), (91.0, 91.0)), ()) is None  # around nothing


@pytest.mark.parametrize(
    ("held", "kind"),
    [(IN_TOP, Inside), (IN_RIGHT | IN_TOP, AnyOf), (IN_RIGHT & ~IN_TOP, AllOf), (IN_RIGHT & IN_TOP, AllOf)],
)
def test_with_keys_held_it_adds_takes_away_or_narrows_as_the_browser_shows(held, kind):
    rule = drawn(TOP, keys(held), RULE, keys(IN_RIGHT))
    assert isinstance(rule, kind)
    assert chosen(Selection("samples", rule), STUDY) == keys(held)


def test_a_line_by_hand_keeps_its_shape_with_few_corners_and_fits_into_an_address():
    turn = np.linspace(0, 2 * np.pi, 700, endpoint=False)
    by_hand = tuple(zip(5 * np.cos(turn) + 0.1 * np.sin(40 * turn), 4 * np.sin(turn), strict=True))
    few = simplified(by_hand)
    assert 8 <= len(few) <= MOST_CORNERS
    before, after = (within(AT[:, 0], AT[:, 1], c) for c in (by_hand, few))
    assert (before != after).mean() < 0.02
    rule = Inside(RULE.x, RULE.y, few)
    query = ViewState(models=(RUN,), selection=Selection("samples", rule)).to_query()
    assert len(query) <= MOST_ADDRESS
    assert ViewState.from_query(query).selection.rule == rule
    assert simplified(RIGHT) == RIGHT
    assert len(simplified(((0.0, 0.0), (1.0, 1e-9), (2.0, 0.0)))) == 3


@pytest.mark.parametrize("picture", [PICTURE, SCATTER])
def test_one_drawing_is_one_step_back_and_a_click_shows_the_image(picture):
    """On both pages, and few images or many: what is drawn is a rule, which an address holds and which is carried."""
    session = Session(CachedTables(STUDY), ViewState(models=(RUN,)))
    shown = draw(picture, sources=session.sources)
    source = session.sources.by_name[picture.frames[0].name]
    x, y = (numbers_of(STUDY, c, picture.frames[0].keys) for c in picture.plane)
    right = within(x, y, RIGHT)

    def mark(held, geometry):
        source.selected.indices = list(map(int, np.flatnonzero(held)))  # the browser's points come before the line
        shown.figure._trigger_event(SelectionGeometry(shown.figure, geometry=geometry, final=True))

    mark(right, {"type": "poly", "x": [a for a, _ in RIGHT], "y": [b for _, b in RIGHT]})
    assert session.state.selection == Selection("samples", Inside(*picture.plane, RIGHT))
    assert session.state.samples == tuple(k for k, held in zip(picture.frames[0].keys, right, strict=True) if held)
    again = Session(CachedTables(STUDY), ViewState())
    again.go(session.address)
    assert again.state == session.state
    assert portable(session) is not None
    session.select(~session.state.selection.rule)
    out = int((~np.isfinite(numbers_of(STUDY, picture.plane[0], sample_ids(STUDY)))).sum())
    assert len(session.state.samples) == 300 - out - right.sum()  # those without a place are on no side of the line
    assert (f"Neither in this nor in its inverse: {out} images" in words(session)) == (out > 0)
    session.undo()
    session.undo()
    assert session.state.selection is None
    assert not session.can_undo
    mark(np.arange(len(x)) == 5, {"type": "point", "x": 0, "y": 0})
    assert (session.state.samples, session.state.shown_sample) == (("test:5",), "test:5")
    source.selected.indices = []
    assert session.state.selection is None
    session._brushed("shown_sample", ("test:9",))
    assert session.state.shown_sample == "test:9"
    assert session.state.samples == ()


def test_another_reference_leaves_the_names_of_columns_that_marks_go_by():
    """Else a page draws by a column that is gone, or not there yet, for a moment."""
    study = PlacedTables(replicates=2, methods=2, sparsities=(0.95,), samples=300)
    done = study.runs
    dense = [str(r) for r in done.loc[done["run_id"] == done["dense_run_id"], "run_id"]]
    model = str(done.loc[done["method"] != "dense", "run_id"].iloc[0])
    one, other = (sample_scatters(study, ViewState(models=(model,), reference=r))[0] for r in dense[:2])
    assert one.frames[0].columns.keys() == other.frames[0].columns.keys()
    assert [m.x for m in one.marks if hasattr(m, "where")] == [m.x for m in other.marks if hasattr(m, "where")]
