"""Asking for images by a rule, and letting a rule be about another model, as both surfaces do."""

from __future__ import annotations

import pytest
from synthetic import SyntheticTables

from pruneviz.core.selection import Column, Contains, Range, Values
from pruneviz.core.viewstate import ViewState
from pruneviz_apps.explorer.analyses_page import AnalysesPage
from pruneviz_apps.explorer.diff_page import DiffPage
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.selecting import FIELDS, NAME, PREDICTED, carry, choices, refine, wanted
from pruneviz_apps.explorer.session import Session

TABLES = CachedTables(SyntheticTables(samples=80, methods=2, sparsities=(0.9,)))
RUNS = [str(r) for r in TABLES.runs["run_id"]]
DENSE, ONE, TWO = RUNS[0], RUNS[-2], RUNS[-1]


@pytest.fixture
def session() -> Session:
    return Session(TABLES, ViewState(page="samples", reference=DENSE, models=(ONE,)))


def test_images_are_found_by_a_part_of_their_name(session: Session) -> None:
    rule = wanted(session, NAME, "", (), "ST:7", "")
    assert rule == Contains(Column("sample_id"), "ST:7")
    session.select(rule)
    assert session.state.samples == ("test:7", *(f"test:{i}" for i in range(70, 80)))
    session.select(~rule)
    assert len(session.state.samples) == 80 - 11
    assert wanted(session, NAME, "", (), "", "") == "Type a part of an image's name."


def test_images_are_found_by_the_class_that_a_model_says(session: Session) -> None:
    assert PREDICTED in FIELDS
    name = choices(session, PREDICTED)[1]
    rule = wanted(session, PREDICTED, ONE, (name,), "", "")
    assert rule == Values(Column("prediction", ONE), (TABLES.classes[1],))
    session.select(rule)
    frame = TABLES.table("samples", [ONE])
    assert set(session.state.samples) == set(frame.loc[frame["prediction"] == 1, "sample_id"])


def test_a_rule_about_one_model_is_carried_to_another(session: Session) -> None:
    for about, to in ((ONE, TWO), (DENSE, TWO)):  # of the reference alone, too
        session.select(Range(Column("margin", about), high=0.0))
        carry(session, to)
        assert session.state.selection is not None
        assert session.state.selection.rule == Range(Column("margin", to), high=0.0)


def test_a_rule_about_two_models_is_not_carried_to_one(session: Session) -> None:
    right, wrong = Values(Column("correct", ONE), ("yes",)), Values(Column("correct", TWO), ("no",))
    session.select(right)
    refine(session, wrong, "and")
    before = session.state.selection
    carry(session, DENSE)
    assert session.state.selection == before
    assert session.notice.startswith("The selection is about 2 models: ")


def test_pages_that_follow_a_selection_say_what_is_selected_and_clear_it(session: Session) -> None:
    for page in (DiffPage(session), AnalysesPage(session)):
        page.show()
        assert not page.selected.panel.visible
        session.select(Contains(Column("sample_id"), "test:7"))
        page.show()
        assert page.selected.panel.visible
        assert "11 images selected: sample id contains" in page.selected.words.object
        session.select(None)
