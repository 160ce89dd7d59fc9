"""What somebody means who draws in a plane of images."""

from __future__ import annotations

import numpy as np
import pytest
from placed import PlacedTables

from pruneviz.core.selection import AllOf, AnyOf, Column, Ids, Inside, Selection
from pruneviz.core.viewstate import MOST_ADDRESS, ViewState
from pruneviz.views.outlining import MOST_CORNERS, rule_of, simplified
from pruneviz.views.pictures.projection import projections
from pruneviz.views.selecting import chosen, within
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.session import Session

STUDY = PlacedTables(replicates=1, methods=2, sparsities=(0.95,), samples=300, looked_at=200)
RUN = str(STUDY.runs["run_id"].iloc[3])
PICTURE = projections(STUDY, ViewState(models=(RUN,)))[1]
AT = STUDY.places(RUN)
RIGHT = ((2.0, -9.0), (9.0, -9.0), (9.0, 9.0), (2.0, 9.0))
TOP = ((-9.0, 2.0), (9.0, 2.0), (9.0, 9.0), (-9.0, 9.0))
RULE = Inside(Column("embedding x", RUN), Column("embedding y", RUN), RIGHT)


def keys(held):
    return tuple(f"test:{i}" for i in np.flatnonzero(held))


def drawn(corners, marked, before=None, selected=()):
    return rule_of(PICTURE, corners, marked, before, selected, STUDY)


IN_RIGHT, IN_TOP = within(AT[:, 0], AT[:, 1], RIGHT), within(AT[:, 0], AT[:, 1], TOP)


def test_a_line_is_the_rule_over_the_axes_of_the_picture_it_is_drawn_in():
    assert drawn(RIGHT, keys(IN_RIGHT)) == RULE
    assert drawn((), ("test:4",)) == Ids(("test:4",))
    assert drawn((), ()) is None


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


def test_one_drawing_is_one_step_back_and_a_click_shows_the_image():
    session = Session(CachedTables(STUDY), ViewState(models=(RUN,)))
    session._brushed("projected", keys(IN_RIGHT))  # the browser's points come before the line
    session._outlined(PICTURE, RIGHT, keys(IN_RIGHT))
    assert session.state.selection == Selection("samples", RULE)
    assert session.state.samples == keys(IN_RIGHT)
    session.undo()
    assert session.state.selection is None
    assert not session.can_undo
    session._outlined(PICTURE, (), ("test:5",))
    assert (session.state.samples, session.state.shown_sample) == (("test:5",), "test:5")
    session._brushed("projected", ())
    assert session.state.selection is None
    session._brushed("shown_sample", ("test:9",))
    assert session.state.shown_sample == "test:9"
    assert session.state.samples == ()
