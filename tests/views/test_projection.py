"""Images by their features: linked scatters, the grid, one image, and rules drawn as lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bokeh.events import SelectionGeometry
from pictured import check_mark
from placed import NEIGHBOURS, PlacedTables
from synthetic import SyntheticTables

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import Column, Inside, Named, Range, Selection
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import changes
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import Sources, draw, outline, update
from pruneviz.views.embedded import plane_of
from pruneviz.views.neighbourhoods import neighbourhoods
from pruneviz.views.pictures.projection import projection_info, projections
from pruneviz.views.pictures.sample_detail import sample_detail_info
from pruneviz.views.pictures.sample_grid import ON_PAGE, sample_grid_info, sorted_ids
from pruneviz.views.selecting import chosen, within

STUDY = PlacedTables(replicates=2, methods=2, sparsities=(0.5, 0.95), samples=500)
RUNS = [str(r) for r in STUDY.runs["run_id"]]
DENSE, PRUNED = RUNS[0], tuple(RUNS[2:5])
STATE = ViewState(models=PRUNED)
CORNERS = ((4.0, -2.5), (9.0, -2.5), (9.0, 2.5), (4.0, 2.5))


def linked(picture):
    return [k for k in picture.marks if isinstance(k, m.LinkedPoints)]


def lasso(run):
    return Inside(Column("embedding x", run), Column("embedding y", run), CORNERS)


def test_every_model_has_a_scatter_of_the_same_images_in_the_same_plane():
    pictures = projections(STUDY, STATE)
    assert pictures[0].title.startswith("★ ")
    assert len(pictures) == 4
    frame = pictures[0].frames[0]
    assert all(
        p.frames[0] is frame and (p.x.low, p.x.high) == (pictures[0].x.low, pictures[0].x.high) for p in pictures
    )
    assert frame.keys == tuple(f"test:{i}" for i in range(400))
    for r, p in zip((DENSE, *PRUNED), pictures, strict=True):
        for mark in p.marks:
            check_mark(mark, p)
        ring = linked(p)[-1]
        assert (ring.ring, ring.where) == (True, ("every", 1))
        assert np.stack([frame.columns[ring.x], frame.columns[ring.y]], 1) == pytest.approx(STUDY.places(r))
        assert p.plane == tuple(Column(f"embedding {a}", r, plane_of(STUDY, r)) for a in "xy")
    assert len({p.plane[0].plane for p in pictures}) == 1  # what is drawn in one can be carried to another
    assert "400 of 500 test images were looked at" in " ".join(pictures[0].notes)
    assert "Neighbourhoods changed against its dense model" in pictures[1].sentences[0]
    assert "(mean over 400 images" in pictures[1].sentences[0]
    assert not pictures[0].sentences


@pytest.mark.parametrize("colour", ["outcome", "class", "prediction", "margin", "confidence", "loss", "change"])
def test_every_image_has_one_colour_and_the_legend_says_which(colour):
    pictures = projections(STUDY, replace(STATE, colour=colour))
    frame = pictures[0].frames[0]
    assert len(pictures[0].legend) == len(linked(pictures[0])) - 1
    for p in pictures:
        groups = linked(p)[:-1]
        held = np.array([np.asarray(frame.columns[g.where[0]]) == g.where[1] for g in groups])
        assert (held.sum(axis=0) == 1).all()
        assert p.legend == (pictures[0].legend if p is pictures[0] else ())
    looks = {(g.ink, g.marker, g.filled) for g in linked(pictures[0])[:-1]}
    assert len(looks) == len(pictures[0].legend)


def test_changes_of_neighbourhoods_are_told_with_what_varied_and_anew_for_a_selection():
    runs = STUDY.runs.set_index("run_id")
    model = next(r for r in RUNS if runs.at[r, "method"] == "magnitude")
    control, ids = str(runs.at[model, "control_run_id"]), ("test:3", "test:5", "test:450")  # the last not looked at
    said = neighbourhoods(STUDY, [DENSE, model], ViewState())
    change = STUDY.table("embeddings").set_index("run_id")["change"]
    same = ["method", "target", "recovery"]
    alike = [r for r in RUNS if tuple(runs.loc[r, same]) == tuple(runs.loc[model, same])]
    assert len(alike) == 2
    low, high = sorted(change[alike])
    assert said == {
        model: f"Neighbourhoods changed against its dense model: {change[model]:.2f} (mean over 400 images; over 2 "
        f"dense models {low:.2f} to {high:.2f}). Random pruning of as much: {change[control]:.2f}."
    }
    each = STUDY.table("embeddings_changes").set_index(["run_id", "sample_id"])["change"]
    some = neighbourhoods(STUDY, [model], ViewState(samples=ids))[model]
    for run, words in ((model, "model: {:.2f} (mean over 2 selected images"), (control, "as much: {:.2f}.")):
        assert words.format(each[run, "test:3"] / 2 + each[run, "test:5"] / 2) in some
    nothing = neighbourhoods(STUDY, [model], ViewState(samples=ids[2:]))[model]
    assert nothing == "None of the selected images has a neighbourhood here."
    five = PlacedTables(replicates=5, methods=1, sparsities=(0.5,), samples=60)
    (of_five,) = neighbourhoods(five, list(five.runs["run_id"])[2:3], ViewState()).values()
    assert "over 5 dense models " in of_five
    assert "95\xa0% interval " in of_five


def test_a_change_of_neighbourhood_is_a_column_that_rules_read():
    run = PRUNED[0]
    changed = STUDY.table("embeddings_changes", [run]).set_index("sample_id")["change"]
    rule = Selection("samples", Range(Column("change of neighbourhood", run), 0.5))
    assert chosen(rule, STUDY) == tuple(changed.index[changed >= 0.5])
    assert 0 < len(chosen(rule, STUDY)) < 400
    with pytest.raises(SpecError, match="a model that was made from a dense one"):
        chosen(Selection("samples", rule.rule.carried({run: DENSE})), STUDY)


def test_colours_are_outcomes_and_steps_of_the_same_numbers_in_all_models():
    frame = projection_info(STUDY, STATE).frames[0]
    a, b = (STUDY.table("samples", [r]).iloc[:400] for r in (DENSE, PRUNED[0]))
    expected = changes(a["label"].to_numpy(int), a["prediction"].to_numpy(int), b["prediction"].to_numpy(int))
    assert list(frame.columns[f"group {PRUNED[0]}"]) == list(expected)
    frame = projections(STUDY, replace(STATE, colour="prediction"))[0].frames[0]
    for r in (DENSE, PRUNED[0]):  # a class has the same look in every model
        said = STUDY.table("samples", [r])["prediction"].iloc[:400].to_numpy()
        assert list(frame.columns[f"group {r}"]) == list(said)
    frame = projections(STUDY, replace(STATE, colour="margin"))[0].frames[0]
    every = np.concatenate([STUDY.table("samples", [r])["margin"].iloc[:400] for r in (DENSE, *PRUNED)])
    edges = np.quantile(every, [0.2, 0.4, 0.6, 0.8])
    for r in (DENSE, PRUNED[1]):
        own = STUDY.table("samples", [r])["margin"].iloc[:400].to_numpy()
        assert list(frame.columns[f"group {r}"]) == [int((edges <= v).sum()) for v in own]


def test_many_images_are_counted_and_can_be_drawn_one_by_one(monkeypatch):
    monkeypatch.setattr("pruneviz.views.pictures.projection.MOST_POINTS", 300)
    many = projections(STUDY, STATE)[0]
    (mark,) = many.marks
    assert isinstance(mark, m.Counted)
    check_mark(mark, many)
    assert many.frames[0].keys == tuple(f"test:{i}" for i in range(400))
    assert many.notes[0].startswith("400 images, counted in cells, 240 by 160 of whatever part is shown:")
    each = projections(STUDY, replace(STATE, all_points=True))[0]
    assert each.frames[0].keys == many.frames[0].keys
    assert not each.frames[0].counted
    assert not any("counted" in n or "drawn" in n for n in each.notes)


def test_of_many_classes_the_most_frequent_have_a_colour_and_that_is_said():
    tables = PlacedTables(class_count=30, replicates=1, methods=1, sparsities=(0.5,), samples=300)
    first = projection_info(tables, ViewState(colour="class"))
    assert "10 of 30 classes have a colour: the most frequent." in first.notes
    assert first.legend[-1].label == "other classes"


def test_without_the_analysis_or_with_runs_that_lack_it_it_says_what_to_do():
    plain = SyntheticTables(replicates=1, methods=1, samples=50)
    assert "Add embeddings = {} under [analyses]" in projection_info(plain, ViewState()).empty
    assert sample_grid_info(plain, ViewState()).marks
    assert "add embeddings = {}" in sample_detail_info(plain, ViewState(shown_sample="test:3")).notes[0]
    some = PlacedTables(replicates=1, methods=1, sparsities=(0.5,), samples=60, lacking=1)
    ids = [str(r) for r in some.runs["run_id"]]
    pictures = projections(some, ViewState(models=(ids[2], ids[-1])))
    assert len(pictures) == 2
    assert pictures[0].notes[-1].startswith("Not looked at yet: ")
    empty = SyntheticTables(landed=0)
    assert projection_info(empty, ViewState()).empty
    assert sample_grid_info(empty, ViewState()).empty
    assert sample_detail_info(empty, ViewState(shown_sample="x")).empty


# -- a line drawn around points


def test_a_lasso_is_a_rule_about_the_models_own_places():
    for run in (DENSE, PRUNED[1]):
        at = STUDY.places(run)
        inside = np.flatnonzero(within(at[:, 0], at[:, 1], CORNERS))
        assert chosen(Selection("samples", lasso(run)), STUDY) == tuple(f"test:{i}" for i in inside)
    carried = lasso(DENSE).carried({DENSE: PRUNED[1]})
    assert carried == lasso(PRUNED[1])
    assert chosen(Selection("samples", carried), STUDY) != chosen(Selection("samples", lasso(DENSE)), STUDY)


def test_a_line_belongs_to_the_layout_that_it_was_drawn_in():
    """With other places, as other options give, the same corners are around other images."""
    x, y = projections(STUDY, STATE)[1].plane
    drawn = Selection("samples", Inside(x, y, CORNERS))
    assert chosen(drawn, STUDY) == chosen(Selection("samples", lasso(PRUNED[0])), STUDY)
    assert Selection.from_plain(drawn.to_plain()) == drawn
    again = PlacedTables(replicates=2, methods=2, sparsities=(0.5, 0.95), samples=500, looked_at=300)
    with pytest.raises(SpecError, match=r"drawn in another layout of the images.*Draw it again"):
        chosen(drawn, again)


def test_it_survives_the_address_and_being_saved():
    selection = Selection("samples", lasso(PRUNED[0]))
    again = ViewState.from_query(replace(STATE, selection=selection).to_query())
    assert again.selection == selection
    STUDY.workspace.save_selection("drawn", selection)
    kept = STUDY.workspace.selections
    named = Selection("samples", Named("drawn"))
    assert chosen(named, STUDY, kept) == chosen(selection, STUDY)
    with pytest.raises(SpecError, match=r"embedding x of .*Add embeddings = \{\}"):
        chosen(selection, SyntheticTables(replicates=2, methods=2, sparsities=(0.5, 0.95), samples=500))


def test_what_is_drawn_in_a_plane_is_heard_with_its_corners():
    heard = []
    sources = Sources(lambda *at: None, lambda picture, *drawn: heard.append((picture.name, *drawn)))
    drawn = draw(projection_info(STUDY, STATE), sources=sources)

    line = {"type": "poly", "x": [0, 1, 1], "y": [0, 0, 1]}
    for final in (False, True):
        drawn.figure._trigger_event(SelectionGeometry(drawn.figure, line, final))
    assert heard == [("projection_1", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), ())]
    assert outline({"type": "rect", "x0": 3, "x1": 1, "y0": 0, "y1": 2}) == ((1, 0), (3, 0), (3, 2), (1, 2))
    assert outline({"type": "point", "x": 1, "y": 2}) == ()
    ring = [r for r in drawn.figure.renderers if r.hover_glyph is not None and r.hover_glyph != "auto"]
    assert len(ring) == 1
    assert update(drawn, projection_info(STUDY, replace(STATE, colour="class"))) is drawn


def test_selecting_by_the_program_is_not_heard_as_a_persons():
    heard = []
    sources = Sources(on_select=lambda *at: heard.append(at))
    draw(projection_info(STUDY, replace(STATE, samples=("test:1",))), sources=sources)
    sources.select("projected", ("test:2",))
    assert sources.selected("projected") == ("test:2",)
    assert heard == []
    sources.by_name["projected"].selected.indices = [3]
    assert heard == [("projected", ("test:3",))]


# -- the images


def test_the_grid_is_sorted_by_any_number_of_any_model_both_ways():
    margin = STUDY.table("samples", [PRUNED[2]]).set_index("sample_id")["margin"]
    for descending in (True, False):
        state = replace(STATE, sort="margin", sort_of=PRUNED[2], descending=descending)
        order = sorted_ids(STUDY, state)
        assert [margin[i] for i in order] == sorted(margin, reverse=descending)
        picture = sample_grid_info(STUDY, state)
        (cells,) = [k for k in picture.marks if isinstance(k, m.Cells)]
        assert [k[0] for k in cells.keys] == list(order[:ON_PAGE])
        assert ("largest" if descending else "smallest") in picture.subtitle
        for mark in picture.marks:
            check_mark(mark, picture)
    change = replace(STATE, sort="change", sort_of=PRUNED[0])
    assert set(sorted_ids(STUDY, change)[400:]) == {f"test:{i}" for i in range(400, 500)}  # not known: last
    assert set(sorted_ids(STUDY, replace(change, descending=False))[400:]) == {f"test:{i}" for i in range(400, 500)}
    some = replace(STATE, samples=("test:3", "test:9"))
    assert set(sorted_ids(STUDY, some)) == {"test:3", "test:9"}
    second = sample_grid_info(STUDY, replace(STATE, first_sample=ON_PAGE))
    assert f"Images {ON_PAGE + 1} to {2 * ON_PAGE} of all 500 test images" in second.subtitle


def test_one_image_shows_every_model_and_its_neighbours_there():
    picture = sample_detail_info(STUDY, replace(STATE, shown_sample="test:7"))
    images = [k for k in picture.marks if isinstance(k, m.Images)]
    assert len(images) == 1 + 4
    near = STUDY.table("embeddings_neighbours", [PRUNED[0]])
    expected = near[near["sample_id"] == "test:7"].sort_values("rank")["neighbour_id"]
    assert images[2].hover["image"] == list(expected)
    assert len(expected) == NEIGHBOURS
    words = " ".join(t for k in picture.marks if isinstance(k, m.Text) for t in k.text)
    row = STUDY.table("samples", [PRUNED[0]]).set_index("sample_id").loc["test:7"]
    assert f"margin {row['margin']:.3g}"[:10] in words
    assert STUDY.classes[7] in words
    for mark in picture.marks:
        check_mark(mark, picture)
    assert "There is no test image nowhere" in sample_detail_info(STUDY, replace(STATE, shown_sample="nowhere")).empty
    assert "Choose an image" in sample_detail_info(STUDY, STATE).empty
