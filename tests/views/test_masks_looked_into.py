from __future__ import annotations

import numpy as np
import pytest
from looked import checked, curves, cut_off
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.pictures.effective_sparsity import effective_sparsity_info
from pruneviz.views.pictures.layer_sensitivity import layer_sensitivity_info
from pruneviz.views.pictures.mask_checks import mask_checks_info
from pruneviz_analyses.effective_sparsity import EffectiveSparsity
from pruneviz_analyses.layer_sensitivity import LayerSensitivity
from pruneviz_analyses.mask_checks import MaskChecks

INFOS = {
    "layer_sensitivity": (layer_sensitivity_info, lambda **k: curves(**k).analysed(LayerSensitivity())),
    "effective_sparsity": (effective_sparsity_info, lambda **k: cut_off(**k).analysed(EffectiveSparsity())),
    "mask_checks": (mask_checks_info, lambda **k: checked(**k).analysed(MaskChecks(resamples=200))),
}


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


@pytest.mark.parametrize("name", INFOS)
def test_without_the_analysis_they_say_how_to_get_one(name: str) -> None:
    assert f"Add {name} = {{}} under [analyses]" in INFOS[name][0](SyntheticTables(samples=60), ViewState()).empty


@pytest.mark.parametrize("name", INFOS)
def test_with_few_dense_models_there_are_no_intervals(name: str) -> None:
    info, study = INFOS[name]
    picture = info(study(models=3), ViewState())
    assert "intervals need 5" in picture.subtitle
    assert not of(picture, m.Band)
    assert not of(picture, m.Intervals)


@pytest.mark.parametrize("name", INFOS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_can_be_drawn(name: str, theme: str) -> None:
    info, study = INFOS[name]
    picture = info(study(), ViewState())
    for mark in picture.marks:
        check_mark(mark, picture)
    assert draw(picture, theme=theme).figure is not None


def test_layers_stand_side_by_side_each_from_nothing_to_everything_removed() -> None:
    study = INFOS["layer_sensitivity"][1]()
    picture = layer_sensitivity_info(study, ViewState())
    assert picture.x.categories == ("a", "b")
    lines = [k for k in of(picture, m.Line) if k.hover]
    assert len(lines) == 2 * 2
    table = study.table("layer_sensitivity")
    own = table[(table["criterion"] == "magnitude") & (table["layer"] == "a")].sort_values("sparsity")
    assert lines[0].y == pytest.approx(100 * own["change"].to_numpy(float))
    assert lines[0].x == pytest.approx(-0.42 + 0.84 * own["sparsity"].to_numpy(float))
    assert len(of(picture, m.Band)) == 4
    assert lines[2].ink == "control"
    coarse = study.frames["layer_sensitivity"]  # of so few units that less goes than is asked
    study.frames["layer_sensitivity"] = coarse.assign(achieved=coarse["sparsity"].replace(0.9, 0.75))
    drawn = next(k for k in of(layer_sensitivity_info(study, ViewState()), m.Line) if k.hover)
    assert drawn.x == pytest.approx(-0.42 + 0.84 * np.array([0.0, 0.5, 0.75]))
    assert drawn.hover["sparsity of the layer"][2].replace("\u00a0", " ") == "75.0 % (90.0 % asked)"
    assert picture.sentences[0].startswith("Hurt most, by the mean fall in points over the sparsities that every layer")


def test_bands_are_not_cut_off() -> None:
    study = INFOS["layer_sensitivity"][1]()
    table = study.table("layer_sensitivity")
    given = study.table
    first = table.index[table["sparsity"] > 0][0]
    wide = table.assign(change_high=table["change_high"].where(table.index != first, 0.09))
    wide["change_low"] = wide["change_low"].where(table.index != first, -0.99)
    study.table = lambda name, ids=None: wide if name == "layer_sensitivity" else given(name, ids)
    picture = layer_sensitivity_info(study, ViewState())
    assert picture.y.low is not None
    assert picture.y.high is not None
    for band in of(picture, m.Band):
        assert picture.y.low < band.low.min()
        assert band.high.max() < picture.y.high


def test_curves_of_one_dense_model_by_the_names_of_their_weights_have_room() -> None:
    study = INFOS["layer_sensitivity"][1](models=1)
    table = study.table("layer_sensitivity")
    named = table.assign(layer=[f"{name}.weight" for name in table["layer"]])  # as studies write them
    given = study.table
    study.table = lambda name, ids=None: named if name == "layer_sensitivity" else given(name, ids)
    picture = layer_sensitivity_info(study, ViewState())
    assert picture.x.categories == ("a", "b")
    assert picture.y.low == pytest.approx(min(108 * float(named["change"].min()), -1.0))


def test_what_is_cut_off_stands_over_the_compression_with_its_intervals() -> None:
    study = INFOS["effective_sparsity"][1]()
    picture = effective_sparsity_info(study, ViewState())
    arms = study.table("effective_sparsity_arms").set_index("method")
    means = [p for p in of(picture, m.Points) if p.hover]
    assert sorted(float(p.y[0]) for p in means) == pytest.approx(sorted(100 * arms["cut_off"]))
    assert all(p.x == pytest.approx([10.0]) for p in means)
    bars = [k for k in of(picture, m.Line) if len(k.x) == 2 and k.x[0] == k.x[1]]
    assert len(bars) == 2
    assert "Most is cut off by net · magnitude" in picture.sentences[0]
    assert (
        "Nothing is cut off"
        in effective_sparsity_info(INFOS["effective_sparsity"][1](cut=(0, 0)), ViewState()).sentences[0]
    )


def test_checks_are_full_where_they_make_a_difference_and_controls_come_last() -> None:
    study = INFOS["mask_checks"][1]()
    picture = mask_checks_info(study, ViewState())
    assert picture.y.categories == (
        "magnitude 0.9: shuffled in layers",
        "magnitude 0.9: weights drawn anew",
        "random 0.9: shuffled in layers",
        "random 0.9: weights drawn anew",
    )
    means = [p for p in of(picture, m.Points) if p.hover]
    filled = dict(zip(np.concatenate([p.y for p in means]), [f for p in means for f in p.filled], strict=True))
    assert filled == {0: True, 1: False, 2: False, 3: False}
    each = [p for p in of(picture, m.Points) if not p.hover]
    assert sum(len(p.x) for p in each) == 4 * 5
    assert len(of(picture, m.Intervals)) == 2
