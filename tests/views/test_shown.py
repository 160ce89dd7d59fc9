"""Pictures as notebooks have them: one study, one view, one selection, in Python and by hand."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bokeh.events import SelectionGeometry
from placed import PlacedTables
from synthetic import SyntheticTables

import pruneviz as pv
from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.core.selection import Column, Ids, Inside, Not, Range, Selection, Values
from pruneviz.core.viewstate import MOST_MODELS, ViewState
from pruneviz.views import catalogue
from pruneviz.views.inline import Showing
from pruneviz.views.pictures import PICTURES
from pruneviz.views.selecting import chosen

STUDY = SyntheticTables(replicates=1, methods=3, sparsities=(0.5, 0.9), samples=120)
RUNS = [str(r) for r in STUDY.runs["run_id"]]
NAMES = [str(n) for n in STUDY.runs["name"]]
MODELS = [RUNS[3], RUNS[6]]
SHIRTS = {"column": "label", "values": ["Shirt"]}
FIRST_SHIRTS = tuple(chosen(Selection("samples", Values(Column("label"), ("Shirt",))), STUDY))


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_a_function_that_says_what_it_shows(name: str) -> None:
    show = getattr(pv.views, name)
    assert show is getattr(pv.views, name)
    assert show.__name__ == name
    assert name in dir(pv.views)
    told = inspect.getdoc(show) or ""
    given = inspect.signature(show).parameters
    assert {"view", "models", "reference", "selection", "colour", "theme"} <= given.keys()
    assert all(f"    {k}: " in told for k in given)
    assert ":func:" not in told


def test_no_module_of_the_room_hides_a_picture() -> None:
    assert {m.name for m in pkgutil.iter_modules(pv.views.__path__)}.isdisjoint(catalogue.names())


def test_what_draws_is_loaded_when_something_is_drawn() -> None:
    heavy = "{'bokeh', 'panel', 'pandas', 'scipy', 'torch', 'matplotlib', 'IPython'}"
    code = f"import sys, pruneviz as pv; pv.views.tradeoff, dir(pv.views); print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_unknown_picture_is_answered_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match=r"got 'tradeof'; allowed: .*smallest.*Did you mean 'tradeoff'"):
        _ = pv.views.tradeof
    assert not hasattr(pv.views, "nothing")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colr": 1}, "keyword: got 'colr'; allowed: .*Did you mean 'colour'"),
        ({"page": "runs"}, "keyword: got 'page'"),
        ({"colour": "red"}, "colour: got 'red'; allowed: change, class"),
        ({"models": "dense"}, "models: got 'dense'; allowed: a list"),
        ({"models": ["nobody"]}, "'nobody' fits no run"),
        ({"models": [RUNS[0], f"{RUNS[1]}0"]}, "fits no run"),
        ({"reference": "nobody"}, "reference: 'nobody' fits no run"),
        ({"view": "nothing"}, "view: got 'nothing'"),
        ({"selection": "nothing"}, "selection: got 'nothing'; allowed: no name: none is saved yet"),
        ({"selection": ["test:1", "elsewhere"]}, "got 'elsewhere'; allowed: ids of the study's samples; 1 of 2"),
        ({"selection": {"column": "nope", "values": []}}, "got 'nope'; allowed"),
        ({"selection": {"what": 1}}, "one of these forms"),
        ({"selection": pd.DataFrame({"a": [1]})}, "a table with a column sample_id or run_id"),
        ({"selection": 5}, "selection: got 5"),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        pv.views.flips(STUDY, **options)


def test_what_is_no_study_is_told() -> None:
    with pytest.raises(UsageError, match=r"allowed: a study.*pv\.open\('runs/a'\)"):
        pv.views.flips("runs/a")


def test_models_are_named_or_chosen_by_rule_and_said_so() -> None:
    named = pv.views.flips(STUDY, models=[NAMES[3], RUNS[6][:8]])
    assert named.view.models == named.state.models == tuple(MODELS)
    assert not any("Compared are" in n for n in named.info.notes)
    by_rule = pv.views.flips(STUDY)
    assert by_rule.view.models
    assert not by_rule.state.models
    assert "The test split had no part in this choice." in by_rule.info.notes[-1]
    assert not pv.views.tradeoff(STUDY).view.models  # shows all that there are


def test_pictures_of_one_state_follow_one_selection() -> None:
    look = pv.views.State(STUDY, models=MODELS)
    scatter, images, own = (
        pv.views.sample_scatter(look),
        pv.views.images(look),
        pv.views.sample_scatter(look, sample_metric="loss"),
    )
    assert len(scatter.infos) == 2 + 1  # with the random control of one
    assert "Loss" in own.info.subtitle
    assert "Margin" in scatter.info.subtitle
    scatter.selection = SHIRTS
    assert images.selection == scatter.selection == Selection("samples", Values(Column("label"), ("Shirt",)))
    assert scatter.selected == look.selected == FIRST_SHIRTS
    assert own.info.frames[0].selected == FIRST_SHIRTS
    assert f"{len(FIRST_SHIRTS)} selected images" in images.info.subtitle
    look.selection = None
    assert scatter.selection is None
    assert images.selected == ()


def test_a_state_has_the_selection_of_all_its_pictures() -> None:
    look = pv.views.State(STUDY)
    with pytest.raises(UsageError, match=r"got selection beside a State.*state.selection"):
        pv.views.images(look, selection=SHIRTS)
    with pytest.raises(UsageError, match="got view beside a State"):
        pv.views.images(look, view="?page=runs")


def test_many_forms_mean_a_selection() -> None:
    shown = pv.views.images(STUDY, models=MODELS)
    samples = STUDY.table("samples", [RUNS[0]])
    wrong = samples[samples["label"] != samples["prediction"]]
    of_run = {"column": "loss", "run": NAMES[3], "low": 1.0}
    for given, rule in [
        (list(FIRST_SHIRTS), Ids(FIRST_SHIRTS)),
        (wrong, Ids(tuple(wrong["sample_id"]))),
        (wrong["sample_id"], Ids(tuple(wrong["sample_id"]))),
        (of_run, Range(Column("loss", RUNS[3]), 1.0)),  # named by its name, kept by its id
        (Not(Ids(FIRST_SHIRTS)), Not(Ids(FIRST_SHIRTS))),
        ({"of": "samples", "rule": SHIRTS}, Values(Column("label"), ("Shirt",))),
    ]:
        shown.selection = given
        assert shown.selection == Selection("samples", rule)
        assert shown.selected == chosen(Selection("samples", rule), STUDY)
    shown.selection = Selection("runs", Ids(tuple(RUNS[4:6])))
    assert shown.state.models == tuple(RUNS[4:6])
    shown.selection &= ~shown.selection  # what is selected stays a value: combined as rules are
    assert shown.selected == ()


def test_points_that_are_runs_select_the_models_compared() -> None:
    look = pv.views.State(STUDY)
    chart, scatter = pv.views.tradeoff(look), pv.views.sample_scatter(look)
    assert chart.selection is None
    chart.selection = RUNS[3:5]
    assert chart.selection == Selection("runs", Ids(tuple(RUNS[3:5])))
    assert look.models == chart.selected == scatter.view.models == tuple(RUNS[3:5])
    chart.selection = {"column": "method", "values": ["dense"]}
    assert set(look.models) <= set(RUNS)
    with pytest.raises(UsageError, match="at most 16 models"):
        pv.views.tradeoff(SyntheticTables(samples=10)).selection = {"column": "accuracy", "low": 0}


def test_saved_views_and_addresses_are_where_one_begins() -> None:
    STUDY.workspace.save_view("mine", ViewState(models=tuple(MODELS), sample_metric="loss"))
    assert pv.views.sample_scatter(STUDY, view="mine").view.sample_metric == "loss"
    by_address = pv.views.sample_scatter(
        STUDY, view=f"?models={RUNS[3]}&selection=x" if False else f"?models={RUNS[3]}"
    )
    assert by_address.view.models == (RUNS[3],)
    STUDY.workspace.save_selection("shirts", Selection("samples", Values(Column("label"), ("Shirt",))))
    shown = pv.views.images(STUDY, selection="shirts")
    assert shown.selected == FIRST_SHIRTS
    assert "‘shirts’" in repr(shown.state)


def test_what_cannot_be_shown_says_so_and_is_not_saved(tmp_path: Path) -> None:
    shown = pv.views.pq_index(STUDY)
    assert "Add pq_index = {} under [analyses]" in repr(shown)
    with pytest.raises(PrunevizError, match=r"^pq_index: This study has not measured"):
        shown.save(tmp_path / "a.pdf")
    assert "shown_sample='test:0'" in pv.views.sample_detail(STUDY).info.empty
    with pytest.raises(UsageError, match=r"allowed endings: \.pdf, \.svg, \.png, \.html"):
        pv.views.tradeoff(STUDY).save("a.docx")


class Links(HTMLParser):
    """What a page fetches, and what it runs by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {k}={v}" for k, v in attrs if k in ("src", "href", "onerror")]


def test_pictures_are_saved_for_screens_and_for_paper(tmp_path: Path) -> None:
    shown = pv.views.sample_scatter(STUDY, models=MODELS)
    assert shown.save(tmp_path / "a.html") == (tmp_path / "a.html",)
    page = (tmp_path / "a.html").read_text("utf-8")
    links = Links()
    links.feed(page)
    assert links.found == []  # nothing is fetched
    written = shown.save(tmp_path / "a.png")
    assert [f.name for f in written] == ["a_1.png", "a_2.png", "a_3.png"]
    assert all(f.read_bytes().startswith(b"\x89PNG") for f in written)
    assert pv.views.tradeoff(STUDY).save(tmp_path / "b.svg") == (tmp_path / "b.svg",)


def test_a_saved_page_shows_hostile_names_as_text(tmp_path: Path) -> None:
    study = SyntheticTables(replicates=1, methods=1, sparsities=(0.9,), samples=20, hostile=True)
    pv.views.flips(study).save(tmp_path / "a.html")
    links = Links()
    links.feed((tmp_path / "a.html").read_text("utf-8"))
    assert links.found == []


def test_outside_a_notebook_it_is_words() -> None:
    shown = pv.views.flips(STUDY, models=MODELS)
    data, _ = shown._repr_mimebundle_()
    assert data == {"text/plain": repr(shown)}
    assert repr(shown).startswith(f"<flips of {STUDY.name!r}: Predictions that flipped.")


def showing(shown: Any) -> Showing:
    """One as a notebook has it, without a notebook."""
    from bokeh.document import Document

    found = Showing(shown.infos, shown.view.theme, shown.state.selected, shown)
    found.panel.get_root(Document())
    shown._showings.append(found)
    return found


def brush(found: Showing, frame: str, places: list[int]) -> None:
    found.sources.by_name[frame].selected.indices = places


def test_a_brush_is_heard_and_seen_in_the_other_pictures() -> None:
    look = pv.views.State(STUDY, models=MODELS)
    scatter, other, images = (pv.views.sample_scatter(look), pv.views.sample_scatter(look), pv.views.images(look))
    mine, theirs, drawn = showing(scatter), showing(other), showing(images)
    before = drawn.drawn[0].picture
    brush(mine, "samples", [1, 5, 7])  # Bokeh then tells of the box, or as here of clicks
    mine.drawn[0].figure._trigger_event(SelectionGeometry(mine.drawn[0].figure, {"type": "point"}, True))
    assert look.selection == Selection("samples", Ids(("test:1", "test:5", "test:7")))
    assert theirs.sources.by_name["samples"].selected.indices == [1, 5, 7]
    assert drawn.drawn[0].picture is not before
    look.selection = ["test:2"]
    assert mine.sources.by_name["samples"].selected.indices == [2]
    brush(theirs, "samples", [])
    assert look.selection is None


def test_a_brush_over_more_runs_than_can_be_compared_says_what_it_leaves_out() -> None:
    study = SyntheticTables(methods=4, samples=10)
    shown = pv.views.tradeoff(study)
    runs = [str(r) for r in study.runs["run_id"]]
    shown.state.brushed("runs", tuple(runs[1:40]))
    assert shown.state.models == tuple(runs[1 : 1 + MOST_MODELS])
    assert shown.info.notes[-1] == "16 models are compared at most: 23 others left out."
    shown.state.change(log_y=True)
    assert not any("left out" in n for n in shown.info.notes)


def test_a_line_around_places_is_a_rule() -> None:
    study = PlacedTables(replicates=1, methods=2, sparsities=(0.95,), samples=120, looked_at=100)
    run = str(study.runs["run_id"].iloc[3])
    shown = pv.views.projection(study, models=[run])
    assert len(shown.infos) == 2
    line = ((0.0, -99.0), (99.0, -99.0), (99.0, 99.0), (0.0, 99.0))
    held = tuple(f"test:{i}" for i, (x, _) in enumerate(study.places(run)) if x > 0)
    shown.state.outlined(shown.infos[1], line, held)
    assert isinstance(shown.selection.rule, Inside)
    assert set(shown.selected) == set(held)
    shown.state.outlined(shown.infos[1], (), ("test:3",))
    assert shown.selection.rule == Ids(("test:3",))
    assert shown.state.view.shown_sample == "test:3"


def test_what_no_cell_shows_any_more_is_not_drawn() -> None:
    shown = pv.views.images(STUDY, models=MODELS)
    found = showing(shown)
    before = found.drawn[0].picture
    found.panel._cleanup(
        next(m for m, _ in found.panel._models.values())
    )  # what Panel does with an output that is gone
    shown.selection = SHIRTS
    assert found.drawn[0].picture is before
    assert shown._showings == []


def test_more_models_make_more_scatters_where_they_are_shown() -> None:
    shown = pv.views.sample_scatter(STUDY, models=MODELS)
    found = showing(shown)
    assert len(found.grid.objects) == 2 + 1  # with a random control
    shown.state.models = [*MODELS, RUNS[8]]
    assert len(found.grid.objects) == 3 + 2
    shown.state.models = MODELS[:1]
    assert len(found.grid.objects) == 1
    assert found.drawn[0].picture.title == shown.info.title
