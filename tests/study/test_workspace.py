"""Selections and views that people keep with a study."""

from __future__ import annotations

import pytest

from pruneviz.core.errors import SpecError, StoreError
from pruneviz.core.selection import Column, Ids, Named, Range, Selection
from pruneviz.core.viewstate import ViewState
from pruneviz.study.store import Store
from pruneviz.study.workspace import Saved, Workspace

HARD = Selection("samples", Range(Column("margin", "r1"), high=0.2))


@pytest.fixture
def workspace(tmp_path):
    return Workspace(Store.create(tmp_path / "s"), "mine")


def test_what_is_saved_is_there_for_another_process(workspace):
    assert workspace.selections == {}
    workspace.save_selection(" hard ones ", HARD)
    view = ViewState(page="compare", models=("a" * 12,), selection=Selection("samples", Named("hard ones")))
    workspace.save_view("the flips", view)
    other = Workspace(Store(workspace.store.root), "mine")
    assert other.selections == {"hard ones": HARD}
    assert other.views == {"the flips": view}
    assert Workspace(other.store, "another study").selections == {}


def test_nothing_overwritten_or_deleted_is_lost(workspace):
    workspace.save_selection("hard", HARD)
    workspace.save_selection("hard", Selection("samples", Ids(("test:1",))))
    workspace.delete_selection("hard")
    assert workspace.selections == {}
    earlier = sorted((workspace.folder / "earlier").iterdir())
    assert [p.name for p in earlier] == ["selections.1.json", "selections.2.json"]
    assert "margin" in earlier[0].read_text("utf-8")


def test_selections_may_build_on_each_other_but_not_in_a_circle(workspace):
    workspace.save_selection("hard", HARD)
    workspace.save_selection("easy", Selection("samples", ~Named("hard")))
    with pytest.raises(SpecError, match="that the selection itself does not refer to"):
        workspace.save_selection("hard", Selection("samples", Named("easy")))
    with pytest.raises(SpecError, match="easy do"):
        workspace.delete_selection("hard")
    assert workspace.selections["hard"] == HARD


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\nb"])
def test_names_that_cannot_be_shown_are_refused(workspace, name):
    with pytest.raises(SpecError, match="printable characters"):
        workspace.save_selection(name, HARD)


def test_deleting_what_is_not_there_names_what_is(workspace):
    workspace.save_view("flips", ViewState())
    with pytest.raises(SpecError, match="Did you mean 'flips'"):
        workspace.delete_view("flps")


def test_a_damaged_file_is_said_and_not_written_over(workspace):
    workspace.save_selection("hard", HARD)
    path = workspace.folder / "selections.json"
    path.write_text('{"hard": {"of": "samples"}}', "utf-8")
    with pytest.raises(StoreError, match="Mend the file"):
        workspace.save_selection("other", HARD)
    path.write_text("{", "utf-8")
    with pytest.raises(StoreError, match="cannot be read"):
        _ = workspace.selections
    assert path.read_text("utf-8") == "{"


def test_what_is_saved_reads_and_writes_as_a_dictionary(workspace):
    saved = Saved(Selection, lambda: workspace.selections, workspace.save_selection, workspace.delete_selection)
    assert repr(saved) == "<0 saved selections>"
    saved["hard"] = HARD
    assert workspace.selections == dict(saved) == {"hard": HARD}  # one thing, wherever it is changed
    assert "hard" in saved
    assert saved.get("soft", HARD) is HARD
    assert repr(saved) == "<1 saved selections>\n  hard: samples: margin of r1 ≤ 0.2"
    with pytest.raises(SpecError, match=r"saved selection: got 'hart'; allowed: hard. Did you mean 'hard'"):
        _ = saved["hart"]
    with pytest.raises(SpecError, match=r"got 3; allowed: a pv\.Selection"):
        saved["soft"] = 3
    del saved["hard"]
    assert len(saved) == 0
