from __future__ import annotations

import numpy as np
import pytest
from calibrated import make
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.pictures.calibration import calibration_info
from pruneviz.views.pictures.reliability import reliability_info


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


@pytest.fixture(scope="module")
def tables():
    return make(5, sure=4.0).analysed()


def test_without_the_analysis_they_say_how_to_get_one() -> None:
    for info in (reliability_info, calibration_info):
        assert "Add calibration = {} under [analyses]" in info(SyntheticTables(samples=60), ViewState()).empty


def test_the_diagram_shows_the_bins_that_hold_images_and_which_are_outside_chance(tables) -> None:
    picture = reliability_info(tables, ViewState(reference="d0", models=("p00", "r00")))
    points = of(picture, m.Points)
    assert len(points) == 3
    bins = tables.table("calibration_bins")
    for point, run in zip(points, ("d0", "p00", "r00"), strict=True):
        own = bins[(bins["run_id"] == run) & (bins["binning"] == "width") & (bins["samples"] > 0)]
        assert point.x == pytest.approx(100 * own["confidence"].to_numpy(float))
        assert point.y == pytest.approx(100 * own["accuracy"].to_numpy(float))
        chance = (own["expected_low"] <= own["accuracy"]) & (own["accuracy"] <= own["expected_high"])
        assert list(point.filled) == [not c for c in chance]
    assert len({(k.ink, k.dash) for k in of(picture, m.Line)}) == 4  # each model, and the diagonal
    assert len(of(picture, m.Band)) == 1  # with three models, the reference's alone
    assert len(of(reliability_info(tables, ViewState(models=("p00",))), m.Band)) == 2
    assert any("beyond chance" in s and "overconfident on average" in s for s in picture.sentences)
    for mark in picture.marks:
        check_mark(mark, picture)


def test_alone_the_reference_is_shown_and_how_to_see_more(tables) -> None:
    picture = reliability_info(tables, ViewState())
    assert len(of(picture, m.Points)) == 1
    assert picture.notes == ("Choose models to compare to see theirs as well.",)


def test_every_arm_has_a_row_with_its_floor_and_its_changes(tables) -> None:
    picture = calibration_info(tables, ViewState())
    assert picture.y.categories[1:] == (
        "dense",
        "dense · finetune",
        "magnitude · 0.9 · finetune",
        "random · 0.9",
    )
    assert picture.x.categories == ("ECE", "ECE squared, change", "Brier, change", "NLL, change (nats)")
    arms = tables.table("calibration_arms").set_index(["arm", "metric"])
    (floors,) = of(picture, m.Boxes)
    mass = of(picture, m.Points)[2]
    row = arms.loc[("net · magnitude · finetune · 0.9", "ece_mass")]
    scale = (floors.right[2] - floors.left[2]) / row["floor"]
    assert mass.x[2] - floors.left[2] == pytest.approx(scale * row["mean"])
    intervals = of(picture, m.Intervals)
    assert len(intervals) == 3
    assert all(len(k.y) == 3 for k in intervals)  # the dense models have no change
    brier = [p for p in of(picture, m.Points) if "change" in p.hover][1]
    assert brier.y.tolist() == [2, 3, 4]
    assert brier.filled[1] is True  # the interval of the one that is too sure leaves 0 out
    assert all(-0.5 < v < 3.5 for p in of(picture, m.Points) for v in p.x)
    assert "with 95 % intervals, each alone (n = 5)" in picture.subtitle
    for mark in picture.marks:
        check_mark(mark, picture)


def test_with_few_dense_models_there_are_no_intervals() -> None:
    few = make(3).analysed()
    picture = calibration_info(few, ViewState())
    assert not of(picture, m.Intervals)
    assert "intervals need 5" in picture.subtitle


def test_models_compared_have_their_own_intervals(tables) -> None:
    picture = calibration_info(tables, ViewState(reference="d1", models=("p10", "b1")))
    assert len(picture.y.categories) == 1 + 3
    assert "over test images, each alone, these models fixed" in picture.subtitle
    (interval,) = {len(k.y) for k in of(picture, m.Intervals)}
    assert interval == 2
    alone = [p for p in of(picture, m.Points) if p.marker == "diamond"]
    assert all(p.y.tolist() == [2] for p in alone)  # only the retrained one has retraining beside it
    assert np.isfinite(alone[0].x).all()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_can_be_drawn(tables, theme: str) -> None:
    state = ViewState(models=("p00", "b0"))
    for info in (reliability_info, calibration_info):
        assert draw(info(tables, state), theme=theme).figure is not None
