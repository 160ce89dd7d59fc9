from __future__ import annotations

import math

import numpy as np
import pytest
from pictured import check_mark
from retrained import study
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.panels import Panel, Scale
from pruneviz.views.pictures import OF_ANALYSIS, PICTURES
from pruneviz_analyses.retrain_correlation import RetrainCorrelation

CELLS = (("conv1", 0.2, 2), ("conv1", 0.8, 8), ("conv2", 0.2, 2))
NAMES = OF_ANALYSIS["retrain_correlation"]


def drawn(name, state=None, methods=False, **more):
    asked = RetrainCorrelation(layers=("conv1",), permutations=99)
    tables = SyntheticTables(samples=900) if methods else study(cells=CELLS, **more)
    frames = asked.measure(tables)
    if methods:
        tables = Beside(tables, frames)
    else:
        tables.frames.update({k: f for k, f in frames.items() if len(f)})
    return PICTURES[name](tables, state or ViewState()), frames, tables


class Beside:
    """A study with tables besides."""

    def __init__(self, tables, frames):
        self.tables, self.frames = tables, frames

    def __getattr__(self, name):
        return getattr(self.tables, name)

    def table(self, name, run_ids=None):
        return self.frames[name].copy() if name in self.frames else self.tables.table(name, run_ids)


def points(picture, marker=None):
    return [k for k in picture.marks if isinstance(k, m.Points) and (marker is None or k.marker == marker)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("state", [ViewState(), ViewState(theme="dark")])
def test_their_marks_are_sound_and_hover_says_what_each_is(name, state):
    picture, _, _ = drawn(name, state, methods=name == "retrain_rankings")
    assert not picture.empty
    for mark in picture.marks:
        check_mark(mark, picture)
    assert all(p.hover for p in points(picture))


@pytest.mark.parametrize("name", NAMES)
def test_without_anything_seen_they_say_what_to_do(name):
    picture = PICTURES[name](study(models=0), ViewState())
    assert "retrain_correlation" in picture.empty


def test_each_layer_and_ratio_has_its_pair_of_scatters():
    picture, frames, tables = drawn("retrain_scatters", models=2, agreement=0.7)
    heads = [t.text[0] for t in picture.marks if isinstance(t, m.Text) and t.bold]
    assert heads == ["conv1 at 0.2", "conv1 at 0.8", "conv2 at 0.2"]
    said = [t.text[0] for t in picture.marks if isinstance(t, m.Text) and t.text[0].startswith("τ ")]
    assert len(said) == 6
    row = frames["retrain_correlation"].iloc[0]
    assert row["outcome"] == "test_accuracy"
    assert said[0].startswith(f"τ {row['tau']:.2f}".replace("-", "−"))
    assert f"ceiling {row['ceiling']:.2f}: {row['verdict']}" in said[0]
    assert ", p " in said[0]
    # Every set once in each scatter: a star for the least loss, the others as points.
    stars, others = points(picture, "star"), [p for p in points(picture) if p.marker != "star"]
    assert len(stars) == 3 * 2 * 2
    assert sum(len(p.x) for p in stars + others) == 3 * 2 * 2 * 16
    assert {p.ink for p in stars} == {"hue-0", "hue-1"}
    assert "Short retraining manufactures correlation" in picture.subtitle
    # The first star stands at the left of its dense model's points: it has the least loss before.
    first = [p for p in points(picture) if p.ink == "hue-0"][:2]
    assert first[1].x[0] < first[0].x.min()
    assert len(tables.table("retrain_correlation_subsets")) == 3 * 2 * 45


def test_more_accurate_is_higher_and_larger_loss_further_right():
    picture, _, _ = drawn("retrain_scatters", models=1, noise=0.0)
    accuracy = points(picture)[0]
    losses = [float(t.replace(",", "")) for t in (s.replace("−", "-") for s in accuracy.hover["pruned train loss"])]
    shown = [float(t.split("\u00a0")[0]) for t in accuracy.hover["final test accuracy"]]
    assert list(np.argsort(accuracy.x)) == list(np.argsort(losses))
    assert shown[int(np.argmin(accuracy.y))] == max(shown)


def test_tau_has_a_point_for_each_dense_model_and_no_interval_for_few():
    picture, frames, _ = drawn("retrain_tau", models=3)
    assert picture.y.categories == ("conv1 at 0.2", "conv1 at 0.8", "conv2 at 0.2")
    assert not [k for k in picture.marks if isinstance(k, m.Intervals)]
    assert "no intervals" in picture.subtitle
    accuracy = next(p for p in points(picture, "circle") if p.ink == "hue-0")
    models = frames["retrain_correlation_models"]
    assert sorted(accuracy.x) == sorted(models.loc[models["outcome"] == "test_accuracy", "tau"])
    means = next(p for p in points(picture, "diamond"))
    cells = frames["retrain_correlation"]
    assert list(means.x) == pytest.approx(list(cells.loc[cells["outcome"] == "test_accuracy", "tau"]))
    ceilings = points(picture, "x")
    assert (ceilings[0].x < 0).all()  # beside τ with accuracy, which is negative where it tells
    assert (ceilings[1].x > 0).all()
    told = "With final test accuracy, detected in 3 of 3 dense models: conv1 at 0.2, conv1 at 0.8 and conv2 at 0.2."
    assert picture.sentences == (told,)
    assert "left for accuracy, right for loss" in picture.subtitle


def test_five_dense_models_have_intervals_and_what_is_not_measurable_is_grey():
    picture, _, _ = drawn("retrain_tau", models=5)
    assert len([k for k in picture.marks if isinstance(k, m.Intervals)]) == 2
    noisy, frames, _ = drawn("retrain_tau", models=3, noise=60.0)
    low = frames["retrain_correlation"].query("outcome == 'test_accuracy'")["ceiling"] < 0.3
    assert low.any()
    grey = [ink == "soft" for ink in points(noisy, "diamond")[0].ink]
    assert grey == list(low)
    assert any("not measurable here" in s for s in noisy.sentences)


def test_models_can_be_filtered_and_are_named_where_there_are_several():
    picture, _, _ = drawn("retrain_tau", names=("mini", "midi"))
    assert picture.y.categories[0] == "mini, conv1 at 0.2"
    assert len(picture.y.categories) == 6
    only = ViewState().with_filter("model", ("midi",))
    picture, _, _ = drawn("retrain_tau", only, names=("mini", "midi"))
    assert len(picture.y.categories) == 3
    picture, _, _ = drawn("retrain_scatters", only, names=("mini", "midi"))
    assert len([t for t in picture.marks if isinstance(t, m.Text) and t.bold]) == 3


def test_rankings_have_a_row_for_each_target():
    picture, frames, _ = drawn("retrain_rankings", methods=True)
    assert len(picture.y.categories) == len(frames["retrain_correlation_rankings"]) == 4
    each = points(picture, "circle")[0]
    assert sorted(each.x) == sorted(frames["retrain_correlation_ranked"]["tau"])
    assert "4 methods" in picture.subtitle  # random controls aside


# -- panels


@pytest.mark.parametrize("values", [[0.0, 1.0], [3.0], [-2e-5, 7e-5], [1e4, 3e6], [math.nan, 2.0, 2.5], []])
def test_scales_hold_their_values_and_have_a_few_round_ticks(values):
    scale = Scale.around(np.array(values, float))
    assert all(scale.low < v < scale.high for v in values if math.isfinite(v))
    assert all(scale.low <= t <= scale.high for t in scale.ticks)
    assert 1 <= len(scale.ticks) <= 6


def test_a_panel_puts_values_between_its_edges_and_larger_ones_higher():
    panel = Panel(50, 20, 200, 100, Scale(0, 10, (0, 5, 10)), Scale(-1, 1, (-1, 0, 1)))
    assert list(panel.across(np.array([0.0, 5, 10]))) == [50, 150, 250]
    assert list(panel.down(np.array([-1.0, 0, 1]))) == [120, 70, 20]
    texts = [t for mark in panel.frame("x", "y") if isinstance(mark, m.Text) for t in mark.text]
    assert texts == ["0", "5", "10", "−1", "0", "1", "x", "y"]
