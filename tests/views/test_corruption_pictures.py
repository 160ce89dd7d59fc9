from __future__ import annotations

import numpy as np
import pytest
from corrupted import SEVERITIES, N, make
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.pictures.corruption_errors import corruption_errors_info
from pruneviz.views.pictures.fragile_images import fragile_images_info
from pruneviz.views.pictures.redundancy import redundancy_info
from pruneviz.views.pictures.robustness import robustness_info

ALL = (robustness_info, corruption_errors_info, redundancy_info, fragile_images_info)
PRUNED = "net · magnitude · finetune · 0.9"


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


@pytest.fixture(scope="module")
def tables():
    return make(5).analysed()


def test_without_the_analysis_they_say_how_to_get_one() -> None:
    for info in ALL:
        assert "Add corruption_robustness = {} under [analyses]" in info(SyntheticTables(samples=60), ViewState()).empty


def test_the_matrix_has_a_row_for_each_arm_and_frost_last(tables) -> None:
    picture = robustness_info(tables, ViewState())
    assert picture.x.categories == ("clean", "gaussian noise", "shot noise", "fog", "contrast", "frost (apart)")
    assert [c for c in picture.y.categories if c.strip()] == [
        "dense",
        "dense · finetune",
        "random · 90\u00a0% · finetune",
        "magnitude · 90\u00a0% · finetune",
    ]
    (cells,) = of(picture, m.Cells)
    arms = tables.table("corruption_robustness_arms").set_index(["arm", "corruption"])
    at = [i for i, (x, y) in enumerate(zip(cells.x, cells.y, strict=True)) if (x, y) == (3, 6)]
    accuracy = arms.loc[(PRUNED, "fog"), "accuracy"]
    assert cells.text[at[0]] == f"{100 * accuracy:.0f}"
    assert cells.hover["against dense"][at[0]].startswith("−")
    assert any("Frost" in n for n in picture.notes)
    for mark in picture.marks:
        check_mark(mark, picture)


def test_courses_go_over_the_severities_on_one_scale(tables) -> None:
    picture = robustness_info(tables, ViewState())
    (cells,) = of(picture, m.Cells)
    lines = of(picture, m.Line)
    assert len(lines) == 4 + 3  # each arm's, and the dense models' beside the others
    dense = lines[0]
    course = dense.y[(dense.x > 2.5) & (dense.x < 3.5)]
    means = tables.table("corruption_robustness")
    own = means[(means["kind"] == "dense") & (means["corruption"] == "fog")].groupby("severity")["accuracy"].mean()
    assert len(course) == SEVERITIES
    low = float(cells.ticks[0][1].split()[0].strip(" %\u00a0")) / 100
    assert course == pytest.approx(1 + 0.4 - 0.8 * (own.to_numpy() - low) / (1 - low))
    assert np.isnan(dense.y).any()  # broken between the columns


def test_models_compared_have_rows_of_their_own(tables) -> None:
    picture = robustness_info(tables, ViewState(reference="d1", models=("p10", "r10")))
    assert len([c for c in picture.y.categories if c.strip()]) == 3
    assert "the models compared" in picture.subtitle


def test_errors_stand_beside_the_dense_model_with_intervals(tables) -> None:
    picture = corruption_errors_info(tables, ViewState())
    assert picture.y.categories[1:5] == ("mean of 4", "noise of 2", "gaussian noise", "shot noise")
    assert len(of(picture, m.Intervals)) == 2 * 2  # two arms in two columns
    points = of(picture, m.Points)
    assert [p.marker for p in points] == ["diamond", "circle"] * 2
    assert points[1].filled[0]  # what corruption takes more of pruned models leaves 1 out
    assert not any(points[0].filled)
    assert all(column - 0.5 < v < column + 0.5 for p, column in zip(points, (0, 0, 1, 1), strict=True) for v in p.x)
    arms = tables.table("corruption_robustness_arms").set_index(["arm", "corruption"])
    assert (
        points[1]
        .hover["relative corruption error"][0]
        .startswith(f"{arms.loc[(PRUNED, 'mean'), 'relative_error']:.2f}")
    )
    assert any(n.startswith("Not shown: random · 90\u00a0% · finetune") for n in picture.notes)
    assert picture.y.categories[-1] == "frost (apart)"
    assert picture.subtitle.startswith(
        "Arms at 90\u00a0%, after finetune; means over dense models (n = 5), 95 % intervals"
    )
    for mark in picture.marks:
        check_mark(mark, picture)


def test_few_dense_models_give_points_alone() -> None:
    picture = corruption_errors_info(make(3).analysed(), ViewState())
    assert not of(picture, m.Intervals)
    assert "no intervals: these need 5" in picture.subtitle
    assert "none detected" not in [k.label for k in picture.legend]
    assert "none detected" in [k.label for k in corruption_errors_info(make(5).analysed(), ViewState()).legend]


def test_collapsed_models_alone_make_no_picture() -> None:
    state = ViewState(filters=(("method", ("random",)), ("recovery", ("finetune",))))
    collapsed = make(5, retrained=False).analysed()
    assert "have little left to lose" in corruption_errors_info(collapsed, state).empty


def test_the_matrix_of_corruptions_has_images_below_and_models_above() -> None:
    tables = make(5, seeds=2).analysed()  # random controls do not count, and four others have to be there
    picture = redundancy_info(tables, ViewState())
    (cells,) = of(picture, m.Cells)
    assert len(cells.x) == 2 * 10
    below = cells.y > cells.x
    assert [h == "fail the same images" for h in cells.hover["whether they"]] == below.tolist()
    assert len(of(picture, m.Line)) == len(
        [s for s in tables.table("corruption_robustness_corruptions").groupby("cluster").size() if s > 1]
    )
    names = list(picture.x.categories)
    assert abs(names.index("fog") - names.index("contrast")) == 1
    for mark in picture.marks:
        check_mark(mark, picture)


def test_images_that_pruning_loses_come_first(tables) -> None:
    picture = fragile_images_info(tables, ViewState())
    images = tables.table("corruption_robustness_images").pivot(index="sample_id", columns="kind", values="survival")
    clean = tables.table("corruption_robustness_images")
    kept = clean[(clean["kind"] == "dense") & (clean["clean"] == 1)]["sample_id"]
    lost = (images["pruned"] - images["retrained"]).loc[kept]
    shown = of(picture, m.Images)[0].hover["image"]
    assert len(shown) == 10
    assert lost[shown[0]] == lost.min()
    assert f"of {len(kept):,} images that every dense model has right uncorrupted" in picture.subtitle
    bars = [b for b in of(picture, m.Boxes) if b.hover]
    assert len(bars) == 4
    width = bars[2].right - bars[2].left
    assert width == pytest.approx(130 * images.loc[list(shown), "pruned"].to_numpy())
    second = fragile_images_info(tables, ViewState(first_sample=10))
    assert not set(of(second, m.Images)[0].hover["image"]) & set(shown)
    for mark in picture.marks:
        check_mark(mark, picture)


def test_selected_images_are_shown_alone(tables) -> None:
    picture = fragile_images_info(tables, ViewState(samples=("test:3", "test:4")))
    assert set(of(picture, m.Images)[0].hover["image"]) == {"test:3", "test:4"}
    assert "of 2 selected images" in picture.subtitle
    assert "None of the selected" in fragile_images_info(tables, ViewState(samples=(f"test:{N}",))).empty


def test_one_corruption_has_nothing_to_be_compared_with() -> None:
    study = make(2)
    study.right = {r: {n: own[n] for n in ("clean", "fog")} for r, own in study.right.items()}
    assert "One corruption alone cannot be compared" in redundancy_info(study.analysed(), ViewState()).empty


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_can_be_drawn(tables, theme: str) -> None:
    for info in ALL:
        assert draw(info(tables, ViewState()), theme=theme).figure is not None
