"""Pictures of layers: what became of weights and activations, and a layer from inside, random pruning beside all."""

from __future__ import annotations

import numpy as np
import pytest
from looked import layered
from synthetic import SyntheticTables

from pruneviz.core.masks import LayerWeights
from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.pictures import layer_mask
from pruneviz.views.pictures.density_map import density_map_info
from pruneviz.views.pictures.layer_activations import layer_activations_info
from pruneviz.views.pictures.layer_mask import layer_mask_info
from pruneviz.views.pictures.layer_weights import layer_weights_info
from pruneviz_analyses.similarity import Similarity
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.session import Session


@pytest.fixture(scope="module")
def tables() -> SyntheticTables:
    return SyntheticTables(samples=60)


def run(tables: SyntheticTables, method: str, target: str = "0.9") -> str:
    r = tables.runs
    at = (r["method"] == method) & (r["target"] == target) & (r["recovery"] == "none") & (r["replicate"] == 0)
    return str(r.loc[at, "run_id"].iloc[0])


def test_norms_are_held_to_the_references_with_the_random_control_beside_them(tables: SyntheticTables) -> None:
    model, control, dense = run(tables, "taylor"), run(tables, "random"), str(tables.runs["run_id"].iloc[0])
    picture = layer_weights_info(tables, ViewState(models=(model,)))
    shown = [k for k in picture.marks if isinstance(k, m.Points)]
    before = tables.table("layers", [dense])["l2_norm"].to_numpy(float)
    for mark, run_id in zip(shown, (model, control), strict=True):
        after = tables.table("layers", [run_id])["l2_norm"].to_numpy(float)
        assert mark.y == pytest.approx(100 * (after / before - 1))
    assert [k.filled for k in shown] == [True, False]
    assert [k.label.replace("\xa0", " ") for k in picture.legend[1:]] == ["taylor 90 %", "control: random 90 %"]
    (band,) = [k for k in picture.marks if isinstance(k, m.Band)]
    assert (band.low <= band.high).all()
    (said,) = picture.sentences
    assert "of taylor 90" in said
    assert "random pruning: " in said
    assert "retraining alone: " in said
    each = layer_weights_info(tables, ViewState())
    assert "against that of each run's own dense model" in each.subtitle
    assert "over up to 3 runs" in each.subtitle


def test_a_layer_from_inside_is_blank_where_nothing_is_kept(
    tables: SyntheticTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ViewState(models=(run(tables, "taylor"),), layer="fc2.weight")
    names = layer_mask.layers_of(tables, state)
    picture = layer_mask_info(tables, ViewState(models=state.models, layer=names[1]))
    (maps,) = [k for k in picture.marks if isinstance(k, m.Maps)]
    found = tables.weights(state.models[0], names[1])
    assert found is not None
    assert ((maps.places[1] > 0) == found.kept.reshape(len(found.kept), -1)).all()  # few enough for a cell each
    assert maps.hover["model"][2].startswith("control: random")
    assert picture.title == f"Inside {names[1]}"
    assert layer_mask_info(tables, ViewState(layer="gone")).title == f"Inside {names[0]}"
    monkeypatch.setattr(SyntheticTables, "weights", lambda *asked: None)
    assert "not kept in this store" in layer_mask_info(tables, state).empty


def test_cells_hold_means_over_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_mask, "_CELLS", (2, 2))
    values = np.arange(1.0, 16.0, dtype=np.float32).reshape(3, 5)
    kept = np.ones((3, 5), bool)
    kept[:2, :3] = False
    kept[2, 4] = False
    coarse = layer_mask._coarse(LayerWeights(-values, kept))
    assert np.isnan(coarse[0, 0])
    assert coarse[0, 1] == (4 + 5 + 9 + 10) / 4
    assert coarse[1, 1] == 14 / 2


def test_activations_of_the_models_compared_or_how_to_have_them(tables: SyntheticTables) -> None:
    assert "similarity = {}" in layer_activations_info(tables, ViewState()).empty
    study = layered(models=3, constant=True)
    study.rows = [{**r, "control_run_id": "p01" if r["run_id"] == "p00" else None} for r in study.rows]
    study = study.analysed(Similarity())
    picture = layer_activations_info(study, ViewState(reference="d0", models=("p00",)))
    cka = study.table("similarity").set_index(["run_id", "reference_run_id", "layer"])["cka"]
    shown = [k for k in picture.marks if isinstance(k, m.Points)]
    assert shown[0].y == pytest.approx([cka["p00", "d0", "l0"]])
    assert shown[1].y == pytest.approx([cka["p01", "d0", "l0"], cka["p01", "d0", "l1"]])
    (mark,) = [k for k in picture.marks if isinstance(k, m.Text)]
    assert list(mark.text) == ["✕"]
    assert picture.sentences[-1].endswith("l1 says the same for every image.")
    assert "dense models among themselves: " in picture.sentences[0]
    assert layer_activations_info(study, ViewState()).subtitle.startswith("Methods at ")
    other = layer_activations_info(study, ViewState(reference="d1", models=("p00",)))
    assert "Take their own dense model" in other.empty


def test_a_click_on_a_layer_of_the_map_shows_it(tables: SyntheticTables) -> None:
    session = Session(CachedTables(tables), ViewState(page="layers"))
    (cells,) = [k for k in density_map_info(tables, session.state).marks if isinstance(k, m.Cells)]
    session.sources.on_select(density_map_info(tables, session.state).selects, cells.keys[1])
    assert session.state.layer == layer_mask.layers_of(tables, session.state)[1]
    assert ViewState.from_query(session.state.to_query()) == session.state
