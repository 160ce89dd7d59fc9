from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from featured import make
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.featured import label_places
from pruneviz.views.pictures import OF_ANALYSIS, PICTURES
from pruneviz_analyses.feature_geometry import FeatureGeometry

NAMES = OF_ANALYSIS["feature_geometry"]
COMPARED = ViewState(reference="d0", models=("m0", "x0"))


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


@pytest.fixture(scope="module")
def tables():
    return make(5).analysed()


@pytest.fixture(scope="module")
def many():
    """Thirty classes, of which the tables hold the nearest five alone."""
    return make(1, FeatureGeometry(layout="mds", resamples=200, attributed=1), n=90, classes=30).analysed()


@pytest.mark.parametrize("name", NAMES)
def test_without_the_analysis_they_say_how_to_get_one(name):
    picture = PICTURES[name](SyntheticTables(samples=60), ViewState())
    assert "Add feature_geometry = {} under [analyses]" in picture.empty


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("state", [ViewState(), COMPARED, replace(COMPARED, samples=("test:1", "test:2"))])
def test_their_marks_are_sound_and_can_be_drawn(tables, many, name, state):
    for study in (tables, many):
        picture = PICTURES[name](study, state)
        if study is tables:
            assert not picture.empty
        for mark in picture.marks:
            check_mark(mark, picture)
        assert (draw(picture).figure is None) == bool(picture.empty)


def test_each_class_is_joined_to_where_the_other_model_has_it(tables):
    picture = PICTURES["geometry_classes"](tables, COMPARED)
    one, two, reference = of(picture, m.Points)
    classes = tables.table("feature_geometry_classes")
    clean = classes[classes["condition"] == "clean"].set_index(["run_id", "label"])
    assert reference.y == pytest.approx([math.degrees(clean.loc[("d0", k), "angle"]) for k in range(4)])
    assert two.x == pytest.approx([clean.loc[("x0", k), "norm"] for k in range(4)])
    line = of(picture, m.Line)[0]
    assert line.x[:2] == pytest.approx([reference.x[0], one.x[0]])
    assert np.isnan(line.y[2])
    assert {t for k in of(picture, m.Text) for t in k.text} == set(tables.classes)
    assert any("the angle changes most for" in s and "these two models" in s for s in picture.sentences)
    alone = PICTURES["geometry_classes"](tables, ViewState())
    assert alone.notes == ("Choose models to compare to see what changes.",)


def test_of_many_classes_those_that_move_most_are_named(many):
    picture = PICTURES["geometry_classes"](many, COMPARED)
    assert sum(len(k.text) for k in of(picture, m.Text)) == 20
    assert "20 of 30 classes named: those that move most; the others are faint." in picture.notes


def test_every_arm_has_a_row_with_its_margins_clean_and_corrupted(tables):
    picture = PICTURES["geometry_margins"](tables, ViewState())
    assert picture.y.categories == (
        "",
        "dense",
        "dense · finetune",
        "magnitude · 50 % · finetune",
        "random · 50 % · finetune",
    )
    crosses = [k for k in of(picture, m.Points) if k.marker == "x"]
    assert [len(k.x) for k in crosses] == [8, 8, 8]  # two corruptions of each arm; none in the column of changes
    (interval,) = of(picture, m.Intervals)
    assert interval.y.tolist() == [2, 3, 4]
    arms = tables.table("feature_geometry_arms").set_index(["arm", "condition", "metric"])
    row = arms.loc[("net · magnitude · finetune · 0.5", "clean", "margin_scaled")]
    assert "margin over norm" in picture.x.categories[1]
    means = [k for k in of(picture, m.Points) if "change" in k.hover]
    assert f"{row['difference_low']:.3g}".replace("-", "−")[:4] in means[2].hover["change"][1]
    (diamonds,) = [k for k in of(picture, m.Points) if k.marker == "diamond"]
    assert diamonds.y.tolist() == [3, 4]  # the retrained model beside what was pruned
    assert "intervals need 5 dense models" in PICTURES["geometry_margins"](make(2).analysed(), ViewState()).subtitle


def test_layouts_say_how_they_were_made_and_join_what_is_near(tables):
    picture = PICTURES["geometry_layout"](tables, COMPARED)
    heads = [t.text[0] for t in of(picture, m.Text) if t.bold]
    assert heads[0].startswith("Models, over all conditions (MDS, stress ")
    assert heads[1].startswith("Conditions, random controls aside (MDS")
    models, conditions = of(picture, m.Points)
    assert set(models.keys) == set(tables.nets)
    assert set(models.selected) == {"d0", "m0", "x0"}
    assert models.marker[models.keys.index("d0")] == "star"
    tree = of(picture, m.Line)
    assert len(tree[0].x) == 3 * (len(models.x) - 1)
    assert len(tree[1].x) == 3 * 2
    places = {t for k in of(picture, m.Text) for t in k.text}
    assert {"clean", "contrast 3", "brightness 3"} <= places
    assert conditions.hover["nearest"]
    assert all(0 <= v <= picture.width for k in (models, conditions) for v in k.x)
    # The plane keeps proportions: distances in pixels are those of the table, times one number.
    own = tables.table("feature_geometry_layout")
    own = own[own["kind"] == "models"].set_index("item").loc[list(models.keys)]
    px, given = np.hypot(np.diff(models.x), np.diff(models.y)), np.hypot(np.diff(own["x"]), np.diff(own["y"]))
    assert np.std(px / given) / np.mean(px / given) < 1e-6


def test_too_few_for_a_layout_is_said():
    study = make(1, FeatureGeometry(resamples=200), more=False)
    study.rows = [r for r in study.rows if r["run_id"] != "x0"]
    assert "A layout needs three models" in PICTURES["geometry_layout"](study.analysed(), ViewState()).empty


def test_spread_is_shown_class_by_class(tables, many):
    picture = PICTURES["geometry_spread"](tables, COMPARED)
    assert picture.y.categories == tables.classes
    classes = tables.table("feature_geometry_classes")
    own = classes[(classes["condition"] == "clean") & (classes["run_id"] == "x0")]
    assert of(picture, m.Points)[0].x == pytest.approx(own["apart_over_spread"].to_numpy(float))
    assert picture.sentences[0].startswith("Of the variance of all features, this lies between classes: ")
    assert len(PICTURES["geometry_spread"](many, COMPARED).y.categories) == 30


def test_few_classes_are_parallel_coordinates_with_norm_and_margin(tables):
    picture = PICTURES["geometry_confusion"](tables, COMPARED)
    assert picture.width > 0
    heads = [k for k in of(picture, m.Text) if "norm" in k.text]
    assert heads[0].text == [*tables.classes, "norm", "margin"]
    assert len(heads) == 3  # the reference and both compared
    lines = of(picture, m.Points)
    assert len(lines) == 3 * 4
    pairs = tables.table("feature_geometry_pairs")
    row = pairs[(pairs["run_id"] == "d0") & (pairs["condition"] == "clean") & (pairs["label"] == 2)]
    assert lines[2].hover["mean"][:4] == [f"{math.degrees(v):.1f}°" for v in row["angle"]]
    assert lines[2].filled == [False, False, True, False, False, False]


def test_selected_images_are_lines_of_their_own(tables):
    traced = tables.table("feature_geometry_angles")["sample_id"].iloc[0]
    picture = PICTURES["geometry_confusion"](tables, replace(COMPARED, samples=(traced,)))
    own = [k for k in of(picture, m.Line) if k.ink == "ink"]
    assert len(own) == 3
    assert len(own[0].x) == 4 + 2 + 1
    assert "Thin lines: 1 selected image." in picture.subtitle
    other = PICTURES["geometry_confusion"](tables, replace(COMPARED, samples=("nowhere",)))
    assert any("None of the selected images" in n for n in other.notes)


def test_more_classes_are_a_matrix():
    study = make(1, FeatureGeometry(layout="mds", resamples=200, attributed=0), n=64, classes=16, more=False).analysed()
    picture = PICTURES["geometry_confusion"](study, ViewState(reference="d0", models=("m0",)))
    (cells,) = of(picture, m.Cells)
    assert len(cells.x) == 16 * 16
    pairs = study.table("feature_geometry_pairs").set_index(["run_id", "condition", "label", "class"])["angle"]
    gap = math.degrees(pairs["m0", "clean", 3, 5] - pairs["m0", "clean", 3, 3])
    at = np.flatnonzero((cells.y == 3) & (cells.x == 5))[0]
    assert cells.text[at] == f"{gap:.0f}"
    assert cells.text[np.flatnonzero((cells.y == 3) & (cells.x == 3))[0]] == ""


def test_many_classes_are_a_ranking_of_pairs(many):
    picture = PICTURES["geometry_confusion"](many, COMPARED)
    assert len(picture.y.categories) == 25
    assert all("→" in c for c in picture.y.categories)
    reference = of(picture, m.Points)[-1]
    pairs = many.table("feature_geometry_pairs").set_index(["run_id", "label", "class"])["angle"]
    by_name = {n: i for i, n in enumerate(many.classes)}
    for x, y in zip(reference.x, reference.y, strict=True):
        a, b = (by_name[n] for n in picture.y.categories[int(y)].split(" → "))
        assert x == pytest.approx(math.degrees(pairs["d0", a, b] - pairs["d0", a, a]))
    assert any("only the nearest others are kept" in n for n in picture.notes)


def test_each_image_stands_beside_two_maps_of_each_model(tables):
    picture = PICTURES["geometry_sensitivity"](tables, COMPARED)
    (images,) = of(picture, m.Images)
    maps = of(picture, m.Maps)
    assert len(images.pixels) == 2
    assert len(maps) == 2 * 2 * 3
    table = tables.table("feature_geometry_sensitivity")
    own = table[(table["run_id"] == "d0") & (table["kind"] == "occlusion")]
    own = own[own["sample_id"] == own["sample_id"].iloc[0]]
    grid = own["value"].to_numpy(float).reshape(8, 8)
    assert maps[0].ramp == "change"
    assert (maps[0].places[0] > 128)[grid > 0.05 * np.abs(grid).max()].all()  # blue where hiding lowers it
    assert maps[2].ramp == "density"
    assert maps[2].places.max() == 255
    other = next(i for i in tables.data.test.ids if i not in set(table["sample_id"]))
    told = PICTURES["geometry_sensitivity"](tables, replace(COMPARED, samples=(str(other),)))
    assert any("None of the selected images was asked for its pixels" in n for n in told.notes)


def test_names_beside_points_keep_off_each_other():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(20, 380, 12), rng.uniform(20, 280, 12)
    texts = [f"a name {i}" for i in range(12)]
    at_x, at_y, align = label_places(x, y, texts, 400, 300)
    boxes = []
    for left, top, text, side in zip(at_x, at_y, texts, align, strict=True):
        long = 6.6 * len(text)
        left = left if side == "left" else left - long
        assert -1 < left < left + long < 401
        boxes.append((left, top - 8, left + long, top + 8))
    over = [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[:i]
        if min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
    ]
    assert not over


def test_margins_say_where_fewer_runs_have_a_value(tables, monkeypatch):
    arms = tables.table("feature_geometry_arms")
    few = ((arms["metric"] == "angle") & (arms["method"] == "magnitude")).to_numpy(bool)
    changed = arms.assign(runs=arms["runs"].where(~few, arms["runs"] - 1))
    monkeypatch.setitem(tables.frames, "feature_geometry_arms", changed)
    picture = PICTURES["geometry_margins"](tables, ViewState())
    hover = next(k.hover for k in of(picture, m.Points) if "change" in k.hover)
    at = next(i for i, arm in enumerate(hover["arm"]) if arm.startswith("magnitude"))
    whole = int(arms["runs"].max())
    assert hover["angle"][at].endswith(f"° (of {whole - 1} of {whole} runs)")
    assert hover["of"][at].startswith(f"{whole} runs of ")
    assert not any("runs" in t for t in (*hover["margin over norm"], *hover["retraining alone"]))


def test_margins_name_the_level_that_was_asked(tables, monkeypatch):
    assert "with 95 % intervals" in PICTURES["geometry_margins"](tables, ViewState()).subtitle
    monkeypatch.setattr(tables, "options_of", lambda analysis: {"level": 0.8})
    assert "with 80 % intervals" in PICTURES["geometry_margins"](tables, ViewState()).subtitle
