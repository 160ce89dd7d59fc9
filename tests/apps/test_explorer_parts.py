"""The explorer's parts without a browser: what a session does, what is read once, what is refused."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from synthetic import SyntheticTables, empty

from pruneviz.core.errors import UsageError
from pruneviz.core.selection import Column, Ids, Named, Range, Rule, Selection
from pruneviz.core.viewstate import MOST_MODELS, ViewState
from pruneviz.views.comparison import NONE_SELECTED
from pruneviz.views.pictures.class_changes import class_changes_info
from pruneviz.views.pictures.flips import flips_info
from pruneviz.views.pictures.images import images_info, pages
from pruneviz.views.pictures.sample_grid import sample_grid_info
from pruneviz.views.pictures.sample_scatter import sample_scatters
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.code import code
from pruneviz_apps.explorer.compare_page import suggested
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.needs import needs
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.runs_page import RunsPage
from pruneviz_apps.explorer.saved_views import SavedViews
from pruneviz_apps.explorer.selecting import words
from pruneviz_apps.explorer.selection_bar import SelectionBar
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.shell import Shell
from pruneviz_apps.explorer.sidebar import PAGES
from pruneviz_apps.panel_app import start

TESTS = Path(__file__).parents[1]
# Bokeh's own use of pandas, which the newest pandas is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


@dataclass(eq=False)
class Counting(SyntheticTables):
    """Counts what is read."""

    read: list[str] = field(default_factory=list)

    @property
    def runs(self) -> pd.DataFrame:
        self.read.append("runs")
        return super().runs

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        self.read.append(name)
        return super().table(name, run_ids)


def session(tables: SyntheticTables | None = None) -> Session:
    return Session(CachedTables(tables or SyntheticTables(samples=60)), ViewState())


def ids(tables: SyntheticTables, count: int) -> tuple[str, ...]:
    runs = tables.runs
    return tuple(str(r) for r in runs.loc[runs["method"] != "dense", "run_id"][:count])


def test_tables_are_read_once_until_runs_land() -> None:
    study = Counting(samples=60, landed=10)
    tables = CachedTables(study)
    for _ in range(3):
        assert len(tables.runs) == 126
        tables.table("layers")
    assert study.read.count("runs") == study.read.count("layers") == 1
    assert not tables.refresh()
    study.land(20)
    assert tables.refresh()
    assert (tables.runs["status"] == "done").sum() == 20
    assert study.read.count("runs") == 2


def test_every_change_is_told_once_and_the_same_state_is_not() -> None:
    s, told = session(), []
    s.listen(lambda: told.append(s.state))
    s.change(page="runs")
    s.change(page="runs")
    assert told == [ViewState(page="runs")]


def test_what_is_not_allowed_becomes_a_sentence() -> None:
    s = session()
    s.change(models=tuple(f"{i:012x}" for i in range(17)))
    assert "at most 16" in s.notice
    assert s.state == ViewState()


def test_more_models_than_fit_are_left_out_and_counted() -> None:
    tables = SyntheticTables(samples=60)
    s = session(tables)
    s.compare(ids(tables, 20))
    assert s.state.models == ids(tables, MOST_MODELS)
    assert "4 others left out" in s.notice


def test_a_part_that_fails_does_not_stop_the_others() -> None:
    s, seen, notices = session(), [], []

    def fails() -> None:
        raise ValueError("<b>oops</b>")

    s.listen(fails)
    s.listen(lambda: seen.append(1))
    s.on_notice(notices.append)
    s.change(page="runs")
    assert seen == [1]
    assert notices == ["A part of this page could not be shown: ValueError: <b>oops</b>"]
    assert "<b>" not in fragments.notice(notices[0])


def test_runs_that_are_gone_are_dropped_and_said() -> None:
    tables = SyntheticTables(samples=60)
    s = session(tables)
    state = s.known(ViewState(models=(*ids(tables, 2), "gone"), reference="also gone"))
    assert state == ViewState(models=ids(tables, 2))
    assert s.notice == "2 models asked for are not here."


def test_an_empty_click_in_the_chart_keeps_the_comparison() -> None:
    tables = SyntheticTables(samples=60)
    s = session(tables)
    s.sources.on_select("runs", ids(tables, 2))
    s.sources.on_select("runs", ())
    assert s.state.models == ids(tables, 2)
    s.sources.on_select("samples", ("test:1",))
    s.sources.on_select("samples", ())
    assert s.state.samples == ()


def test_a_comparison_to_begin_with_has_one_model_of_each_method() -> None:
    tables = SyntheticTables(samples=60)
    found, words = suggested(tables, ViewState())
    runs = tables.runs.set_index("run_id").loc[list(found)]
    assert sorted(runs["method"]) == ["gradient", "magnitude", "snip", "taylor"]  # the control stands beside them
    assert set(runs["target"]) == {"0.9"}
    assert words.replace("\u00a0", " ") == "Compare each method at 90 % with finetune"
    assert suggested(empty(), ViewState()) == ((), "")


def test_the_target_to_begin_with_is_the_one_that_most_methods_have() -> None:
    tables = SyntheticTables(samples=60)
    lone = (tables._all_runs["target"] != "0.95") & ~tables._all_runs["method"].isin(["dense", "random", "magnitude"])
    tables._all_runs = tables._all_runs[~lone]  # all methods at 0.95, one and the control at the others
    found, words = suggested(tables, ViewState())
    assert len(found) == 4
    assert "95" in words


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        with pytest.raises(UsageError, match="--port"):
            start(lambda: SyntheticTables(samples=10), port=s.getsockname()[1])


def test_the_app_starts_without_torch_and_listens_on_this_machine_alone() -> None:
    code = """
import sys
from synthetic import SyntheticTables
from pruneviz_apps.panel_app import start
server = start(lambda: SyntheticTables(samples=10), port=0)
print([m for m in ("torch", "sklearn", "matplotlib") if m in sys.modules], server.address)
server.stop()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TESTS)
    assert done.stdout.strip() == "[] 127.0.0.1"


@pytest.mark.parametrize("value", ["<img src=x onerror=alert(1)>", "a & b", "{braces}", "'quoted\""])
def test_fragments_escape_whatever_they_are_given(value: str) -> None:
    made = [
        fragments.heading(value, value),
        fragments.section(value),
        fragments.sentences([value]),
        fragments.tiles([(value, value, value)]),
        fragments.steps([(value, value)]),
        fragments.notice(value),
        fragments.note(value),
    ]
    for html in made:
        assert "<img" not in html
        assert "a & b" not in html


# -- the table of runs


def test_the_table_of_runs_follows_the_filters_and_ticks_leave_what_they_hide() -> None:
    tables = SyntheticTables(samples=60)
    s, runs = session(tables), tables.runs
    page = RunsPage(s)
    page.show()
    assert len(page.table.value) == 126
    hidden = str(runs.loc[runs["method"] == "magnitude", "run_id"].iloc[0])
    s.compare((hidden,))
    page.filters.boxes["method"].value = ["taylor"]
    page.filters.boxes["target"].value = ["0.9"]
    page.show()
    kept = runs[((runs["method"] == "taylor") & (runs["target"] == "0.9")) | (runs["method"] == "dense")]
    assert page._ids == list(kept["run_id"])
    assert list(page.table.value["method"].unique()) == ["dense", "taylor"]
    said = "of 126 runs shown. Filtered: method is taylor; target is 0.9; dense models stay."
    assert f"{len(kept)} {said}" in page.head.object
    ticked = str(kept.loc[kept["method"] == "taylor", "run_id"].iloc[0])
    page.table.selection = [page._ids.index(ticked)]
    assert s.state.models == (hidden, ticked)
    page._clicked(SimpleNamespace(row=page._ids.index(ticked)))  # on its star
    assert (s.state.reference, s.state.models) == (ticked, (hidden,))
    again = session(tables)
    again.go(s.address)
    assert again.state.filters == s.state.filters
    made = code(s.tables, replace(s.state, page="runs"), tables.workspace).python
    assert "runs = filtered(study.runs, view)" in made
    for _ in range(3):
        s.undo()
    assert s.state.filters == (("method", ("taylor",)),)
    page.filters.every.clicks += 1
    page.show()
    assert len(page.table.value) == 126
    assert not page.filters.every.visible


# -- selections, and undoing them


def test_selections_filters_and_comparisons_are_undone_and_redone_and_pages_are_not() -> None:
    s = session()
    first, second = ids(s.tables, 2)
    s.compare((first,))
    s.change(page="compare", theme="dark")
    s.compare((first, second))
    s.select(Range(Column("margin", first), high=0.5))
    few = s.state.samples
    assert 0 < len(few) < 60
    s.undo()
    assert (s.state.samples, s.state.selection, s.state.models) == ((), None, (first, second))
    s.undo()
    assert (s.state.models, s.state.page, s.state.theme) == ((first,), "compare", "dark")
    s.redo()
    s.redo()
    assert (s.state.models, s.state.samples) == ((first, second), few)
    assert not s.can_redo
    s.undo()
    s.compare((second,))  # another way on: what was undone is gone
    assert not s.can_redo
    for _ in range(5):
        s.undo()
    assert s.state.models == ()
    assert not s.can_undo


def test_a_brush_is_a_selection_and_clearing_it_is_none() -> None:
    s = session()
    s.sources.on_select("samples", ("test:3", "test:1"))  # type: ignore[misc]  # it is set by the session
    assert s.state.selection == Selection("samples", Ids(("test:3", "test:1")))
    assert s.state.samples == ("test:1", "test:3")
    s.sources.on_select("samples", ())  # type: ignore[misc]
    assert s.state.selection is None


def test_a_selection_that_the_address_has_no_room_for_says_so() -> None:
    s = session(SyntheticTables(samples=600))
    s.select(Ids(tuple(f"test:{i}" for i in range(500))))
    assert "select" not in s.address
    assert words(s).startswith("500 images selected. The address has no room for them: save the selection")
    s.save_view("these")
    assert words(s) == "500 images selected."
    s.select(Ids(("test:1", "test:2")))
    assert "select" in s.address
    assert words(s) == "2 images selected."


def test_a_saved_selection_is_selected_and_one_that_cannot_be_is_a_sentence() -> None:
    s = session()
    (run,) = ids(s.tables, 1)
    s.tables.workspace.save_selection("hard", Selection("samples", Range(Column("margin", run), high=0.2)))
    s.select(Named("hard"))
    assert s.state.samples
    assert "selection=hard" in s.state.to_query()
    again = session(s.tables._study)  # type: ignore[arg-type]  # the synthetic study
    assert again.known(ViewState.from_query(s.state.to_query())) == s.state
    s.select(Named("heard"))
    assert "Did you mean 'hard'" in s.notice
    assert s.state.selection == Selection("samples", Named("hard"))
    s.select(Range(Column("margin", run), low=1e9))
    assert s.notice.startswith("No image of the test split is selected by")
    assert s.known(ViewState(selection=Selection("samples", Named("gone")))).selection is None
    assert s.notice.startswith("The selection asked for could not be made")


def test_undoing_brings_back_what_a_saved_selection_meant_before_it_was_replaced_or_deleted() -> None:
    s = session()
    run, *_ = ids(s.tables, 1)
    bar = SelectionBar(s)

    def save(rule: Rule) -> tuple[str, ...]:
        s.select(rule)
        meant = s.state.samples
        bar.name.value = "q"
        bar._save()
        return meant

    hard, few = Range(Column("margin", run), high=0.2), Ids(("test:1", "test:2"))
    first = save(hard)
    assert s.notice.startswith("Saved as 'q': margin of ")
    assert run not in s.notice  # by its name, not its id
    second = save(few)
    assert s.notice.startswith("'q' is taken by: margin of ")
    assert (s.state.selection, s.tables.workspace.selections["q"].rule) == (Selection("samples", few), hard)
    bar._save()
    assert s.notice.startswith("Saved as 'q': 2 chosen one by one. It was: margin of ")
    assert (s.state.selection, s.state.samples) == (Selection("samples", Named("q")), second)
    s.undo()
    s.undo()  # to what was called q before
    assert (s.state.selection, s.state.samples) == (Selection("samples", hard), first)
    s.redo()
    s.redo()
    bar.show()
    s.change(refining=True)
    bar.show()
    bar._drop()
    assert s.notice == "Deleted 'q'; it meant: 2 chosen one by one."
    assert (s.state.selection, s.state.samples) == (Selection("samples", few), second)
    s.select(~few)
    s.undo()
    assert (s.state.selection, s.state.samples) == (Selection("samples", few), second)
    save(few)
    session(s.tables._study).delete_selection("q")  # type: ignore[arg-type]  # elsewhere
    s.select(None)
    s.undo()
    assert (s.state.selection, s.state.samples) == (None, ())
    assert "got 'q'" in s.notice


def test_a_selection_that_holds_nothing_is_not_shown_as_everything() -> None:
    tables = SyntheticTables(samples=60)
    run, other = ids(tables, 2)
    s = session(tables)
    s.change(page="compare", models=(run, other))
    shown = {"flips": flips_info, "sample_grid": sample_grid_info}
    panes = [PicturePane(s, make, needs(name)) for name, make in shown.items()]
    for pane in panes:
        pane.show()
        assert pane._drawn is not None
        assert not pane._drawn.picture.empty
    s.select(Range(Column("margin", run), high=-1000))
    assert words(s).startswith("no images selected: margin of ")
    assert s.notice.startswith("No image of the test split is selected by: margin of ")
    assert run not in s.notice  # by its name, not its id
    for pane in panes:
        pane.show()
        assert pane._drawn.picture.empty == NONE_SELECTED
    assert pages(tables, s.state) == 0
    assert class_changes_info(tables, s.state).empty == images_info(tables, s.state).empty == NONE_SELECTED
    assert not sample_scatters(tables, s.state)[0].empty  # they show all, the selected stand out
    again = session(tables)
    again.go(s.address)
    assert again.state == s.state
    s.select(None)
    assert flips_info(tables, s.state).empty == ""


def test_a_view_is_kept_opened_found_by_its_address_and_deleted() -> None:
    tables = SyntheticTables(samples=60)
    s, models = session(tables), ids(tables, 3)
    s.change(page="compare", models=models[:2], theme="dark")
    s.select(Ids(("test:1", "test:2")))
    s.save_view(" two of them ")
    assert s.view == "two of them"
    assert s.address == "?view=two+of+them&theme=dark"
    kept = s.state
    s.compare(models)
    assert s.address == s.state.to_query()
    s.change(page="overview", theme="light")
    s.open_view("two of them")
    assert s.state == replace(kept, theme="light")
    assert s.address == "?view=two+of+them"
    s.undo()
    assert s.state.models == models
    other = session(tables)
    other.go("?view=two+of+them&theme=dark")
    assert (other.state, other.notice, other.address) == (kept, "", "?view=two+of+them&theme=dark")
    other.delete_view("two of them")
    assert "models=" in other.address
    other.go("?view=two+of+them")
    assert other.state == ViewState()
    assert "two of them" in other.notice
    s.open_view("two of them")
    assert "two of them" in s.notice
    other.go("?page=nowhere")
    assert (other.state.page, other.notice) == ("overview", "There is no page 'nowhere'; this is the overview.")


def test_the_name_of_a_kept_view_is_not_taken_over_without_asking() -> None:
    s = session()
    views = SavedViews(s)

    def save() -> None:
        views.name.value = "mine"
        views._save()

    save()
    s.change(page="runs")
    save()
    assert s.notice.startswith("'mine' is taken")
    assert s.tables.workspace.views["mine"].page == "overview"
    save()
    assert s.notice.startswith("Saved as 'mine'")
    assert s.tables.workspace.views["mine"].page == "runs"


def test_a_kept_view_may_name_runs_that_are_gone() -> None:
    tables = SyntheticTables(samples=60)
    tables.workspace.save_view("old", ViewState(page="layers", models=("gone", *ids(tables, 1))))
    s = session(tables)
    s.open_view("old")
    assert (s.state.page, s.state.models) == ("layers", ids(tables, 1))
    assert s.notice == "1 model asked for is not here."


def test_all_that_an_address_asks_in_vain_is_said_at_once() -> None:
    s = session()
    asked = ViewState(
        page="nowhere",
        models=("abc",),
        selection=Selection("samples", Named("gone")),
        filters=(("method", ("taylor", "tylor")), ("colour", ("red",))),
    )
    assert s.known(asked) == ViewState(filters=(("method", ("taylor",)),))
    for said in (
        "There is no page 'nowhere'",
        "1 model asked for is not here",
        "No run has the method 'tylor': it is left out of the filters.",
        "No run has the colour 'red'",
        "selection asked for",
    ):
        assert said in s.notice


@pytest.mark.parametrize("page", [name for name, _, _ in PAGES])
def test_an_address_shows_its_page_once(page: str) -> None:
    shell = Shell(CachedTables(SyntheticTables(samples=60, replicates=1, methods=2)), f"?page={page}")
    assert len(shell.body) == 1
    assert shell.session.state.page == page
    assert shell.session.notice == ""


def test_undo_and_redo_are_on_every_page() -> None:
    shell = Shell(CachedTables(SyntheticTables(samples=60, replicates=1, methods=2)), "?page=layers")
    s = shell.session
    assert {shell.undo, shell.redo} <= set(shell.page.header)
    assert shell.undo.disabled
    s.compare(ids(s.tables, 2))
    s.change(page="diff")
    assert not shell.undo.disabled
    assert shell.redo.disabled
    shell.undo.clicks += 1
    assert (s.state.page, s.state.models) == ("diff", ())
    shell.redo.clicks += 1
    assert s.state.models == ids(s.tables, 2)
