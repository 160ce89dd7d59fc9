from __future__ import annotations

import pytest
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.pictures.density_map import density_map_info, targets


def cells_of(picture: m.Picture) -> m.Cells:
    (cells,) = [k for k in picture.marks if isinstance(k, m.Cells)]
    return cells


def test_a_row_for_each_method_at_one_target_as_a_mean_over_runs() -> None:
    tables = SyntheticTables()
    picture = density_map_info(tables, ViewState(target="0.8"))
    assert picture.y.categories == ("random", "magnitude", "gradient", "taylor", "snip")
    assert picture.x.categories == ("conv1", "conv2", "fc1", "fc2", "fc3")
    cells = cells_of(picture)
    at = next(i for i in range(len(cells.x)) if (cells.x[i], cells.y[i]) == (2, 1))
    runs = tables.runs
    ids = runs.loc[(runs["method"] == "magnitude") & (runs["target"] == "0.8") & (runs["recovery"] == "none"), "run_id"]
    layers = tables.table("layers", list(ids))
    mean = layers.loc[layers["layer"] == "fc1.weight", "density"].mean()
    assert 10 ** (2 * cells.value[at] - 2) == pytest.approx(mean)
    assert "mean of 3 runs" in cells.hover["model"][at]
    assert "80" in picture.subtitle


def test_models_compared_have_a_row_each() -> None:
    tables = SyntheticTables()
    ids = tuple(tables.runs["run_id"].iloc[[4, 8]])
    picture = density_map_info(tables, ViewState(models=ids))
    assert len(picture.y.categories) == 2
    assert len(cells_of(picture).x) == 2 * 5
    runs = tables.runs
    pruned = runs[(runs["method"] == "taylor") & (runs["target"] == "0.9")].iloc[0]
    beside = density_map_info(tables, ViewState(models=(pruned["run_id"],)))
    assert beside.y.categories == ("taylor 90\xa0%", "control: random 90\xa0%")


def test_a_layer_of_which_nothing_is_left_is_marked() -> None:
    tables = SyntheticTables(replicates=1)
    cells = cells_of(density_map_info(tables, ViewState(target="0.95")))
    dead = [t for t, strong in zip(cells.text, cells.strong, strict=True) if strong]
    assert dead == ["none ✕"]


def test_targets_from_least_to_most_removed() -> None:
    assert [t for t, _ in targets(SyntheticTables(), ViewState())] == ["0.5", "0.8", "0.9", "0.95"]


def test_many_layers_stand_upright_without_numbers() -> None:
    picture = density_map_info(SyntheticTables(extra_layers=80, replicates=1), ViewState())
    assert picture.x.upright
    assert not "".join(cells_of(picture).text).strip("✕")
    assert sum(bool(c) for c in picture.x.categories) <= 60
