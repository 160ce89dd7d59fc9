from __future__ import annotations

import numpy as np
import pytest
from synthetic import SyntheticTables

from pruneviz.core.errors import SpecError
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import t_interval
from pruneviz.views import marks as m
from pruneviz.views.metrics import METRICS, measured
from pruneviz.views.pictures.tradeoff import tradeoff_info


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


def test_a_line_for_each_method_and_recovery_with_one_hue_for_each_method() -> None:
    tables = SyntheticTables(methods=3)
    lines = of(tradeoff_info(tables, ViewState()), m.Line)
    assert len(lines) == 3 * 2
    assert len({line.ink for line in lines}) == 3
    assert {line.dash for line in lines if line.ink == "control"} == {"solid", "dashed"}


def test_lines_average_seeds_within_dense_models_first() -> None:
    tables = SyntheticTables(methods=2, seeds=3, recoveries=("finetune",), sparsities=(0.9,))
    frame = tables.runs
    uneven = frame.drop(frame[(frame["method"] == "magnitude") & (frame["replicate"] == 0) & (frame["seed"] > 0)].index)
    shown = SyntheticTables(methods=2)
    shown.__dict__["_all_runs"] = uneven.reset_index(drop=True)
    (line,) = [k for k in of(tradeoff_info(shown, ViewState()), m.Line) if k.ink != "control"]
    runs = uneven[uneven["method"] == "magnitude"]
    expected = runs.groupby("replicate")["accuracy"].mean().mean()
    assert line.y == pytest.approx([100 * expected])
    assert line.y != pytest.approx([100 * runs["accuracy"].mean()], abs=1e-9)


def test_no_band_with_few_dense_models_and_a_t_interval_with_enough() -> None:
    few = tradeoff_info(SyntheticTables(replicates=4), ViewState())
    assert not of(few, m.Band)
    assert "n = 4" in few.subtitle
    assert "no bands" in few.subtitle
    tables = SyntheticTables(replicates=6, methods=2, recoveries=("none",))
    enough = tradeoff_info(tables, ViewState(x="sparsity_achieved", log_x=False))
    band = next(b for b in of(enough, m.Band) if b.ink != "control")
    runs = tables.runs
    at = runs[(runs["method"] == "magnitude") & (runs["sparsity_target"] == 0.5)]
    expected = t_interval(100 * at["accuracy"].to_numpy(float))
    assert band.x[0] == pytest.approx(50)
    assert band.low[0] == pytest.approx(expected.low, abs=0.15)  # resampled, so equal up to the draws
    assert band.high[0] == pytest.approx(expected.high, abs=0.15)
    assert "95 % intervals" in enough.subtitle
    assert "n = 6" in enough.subtitle


def test_the_reference_has_its_mark_and_dense_models_theirs() -> None:
    tables = SyntheticTables()
    picture = tradeoff_info(tables, ViewState())
    runs, star = of(picture, m.Points)
    assert star.marker == "star"
    assert len(star.x) == 1
    assert len(runs.x) == len(tables.runs) - 1
    assert list(runs.marker).count("diamond") == 2
    chosen = str(tables.runs["run_id"].iloc[20])
    _, star = of(tradeoff_info(tables, ViewState(reference=chosen)), m.Points)
    assert star.y == pytest.approx([100 * tables.runs["accuracy"].iloc[20]])


def test_compared_models_are_the_selected_points() -> None:
    tables = SyntheticTables()
    ids = tuple(tables.runs["run_id"].iloc[[5, 9]])
    points = of(tradeoff_info(tables, ViewState(models=ids)), m.Points)[0]
    assert points.selected == ids
    assert set(ids) <= set(points.keys)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_on_either_axis_with_its_unit_and_direction(name: str) -> None:
    tables = SyntheticTables(methods=6)  # the sixth prunes channels, so that every metric has values
    picture = tradeoff_info(tables, ViewState(x=name, y=name, log_x=False))
    assert not picture.empty
    assert METRICS[name].title in picture.x.title
    if METRICS[name].better:
        assert "is better" in picture.x.title


def test_values_are_shown_in_the_unit_of_the_title() -> None:
    tables = SyntheticTables()
    points = of(tradeoff_info(tables, ViewState(x="parameters_nonzero", y="loss")), m.Points)[0]
    done = measured(tables).set_index("run_id")
    assert points.x == pytest.approx(done.loc[list(points.keys), "parameters_nonzero"].to_numpy() / 1000)
    assert points.y == pytest.approx(done.loc[list(points.keys), "loss"].to_numpy())
    assert "(thousands)" in tradeoff_info(tables, ViewState(x="parameters_nonzero")).x.title


def test_what_has_no_place_is_counted() -> None:
    tables = SyntheticTables(methods=6)
    log = tradeoff_info(tables, ViewState(x="sparsity_achieved", log_x=True))
    assert log.notes == ("6 runs of 150 at 0 or below, where a logarithmic axis has no place.",)
    cut = tradeoff_info(tables, ViewState(x="parameters_cut"))
    assert "without parameters after cutting" in cut.notes[0]
    none = tradeoff_info(SyntheticTables(methods=2), ViewState(x="parameters_cut"))
    assert none.empty == "No run shown has a value for parameters after cutting. Choose another metric."


def test_log_ticks_are_round_and_cover_the_values() -> None:
    axis = tradeoff_info(SyntheticTables(), ViewState()).x
    assert {1.0, 2.0, 5.0, 10.0, 20.0} <= set(axis.ticks)


def test_filters_leave_the_dense_models() -> None:
    tables = SyntheticTables()
    state = ViewState().with_filter("method", ("snip",)).with_filter("recovery", ("none",))
    picture = tradeoff_info(tables, state)
    assert len(of(picture, m.Line)) == 1
    assert "dense models" in [k.label for k in picture.legend]
    assert "random (control)" not in [k.label for k in picture.legend]
    none = tradeoff_info(tables, ViewState(filters=(("method", ("erk",)),)))
    assert none.subtitle.endswith("; no pruned run is left by the filters.")


def test_an_unknown_metric_is_named_with_the_nearest() -> None:
    with pytest.raises(SpecError, match="accuracy"):
        tradeoff_info(SyntheticTables(), ViewState(y="acuracy"))


def test_bands_of_fractions_stay_fractions() -> None:
    for band in of(tradeoff_info(SyntheticTables(replicates=6, samples=20), ViewState()), m.Band):
        assert np.all((band.low >= 0) & (band.high <= 100))
