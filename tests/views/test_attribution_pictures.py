from __future__ import annotations

import numpy as np
import pytest
from attributed import SIDE, Attributed, make
from pictured import check_mark
from references import attribution_slow as slow
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw, update
from pruneviz.views.pictures.attribution_maps import attribution_maps_info
from pruneviz.views.pictures.attribution_similarity import attribution_similarity_info


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


def texts(picture: m.Picture) -> list[str]:
    return [t for k in of(picture, m.Text) for t in k.text]


@pytest.fixture(scope="module")
def tables() -> Attributed:
    return make(6, pruned=1.5).analysed()


@pytest.mark.parametrize("info", [attribution_maps_info, attribution_similarity_info])
def test_without_the_analysis_they_say_how_to_get_one(info) -> None:
    assert "Add attributions = {} under [analyses]" in info(SyntheticTables(samples=60), ViewState()).empty


@pytest.mark.parametrize("info", [attribution_maps_info, attribution_similarity_info])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_their_marks_are_sound_and_drawn(info, theme, tables) -> None:
    before, after = info(tables, ViewState()), info(tables, ViewState(models=("p10", "x10"), reference="d1"))
    for picture in (before, after):
        assert not picture.empty
        for mark in picture.marks:
            check_mark(mark, picture)
        assert draw(picture, theme=theme).figure is not None
    assert update(draw(before), after, theme=theme).picture is after


def test_each_model_has_its_map_and_what_differs_beside_the_reference(tables) -> None:
    picture = attribution_maps_info(tables, ViewState(models=("p10", "x10"), reference="d1"))
    (maps,) = of(picture, m.Maps)
    assert maps.places.shape == (3 * 2 * (1 + 2 * 2), SIDE, SIDE)  # images, ways, reference and two of each model
    at = {key: i for i, key in enumerate(zip(*(maps.hover[k] for k in ("model", "image", "shown")), strict=True))}
    names = {"d1": "dense", "p10": "magnitude 90\N{NO-BREAK SPACE}% finetune"}
    frame = tables.table("attributions_maps").set_index(["run_id", "sample_id", "attribution"])["values"]
    scaled = {}
    for run, name in names.items():
        values = np.asarray(frame.loc[(run, "test:0", "lrp")], float).reshape(SIDE, SIDE)
        scaled[run] = values / np.quantile(np.abs(values), 0.99)
        wanted = np.clip(np.rint(127.5 * (1 + scaled[run])), 0, 255)
        np.testing.assert_array_equal(maps.places[at[name, "test:0", "LRP"]], wanted)
    difference = np.clip(np.rint(127.5 * (1 + scaled["p10"] - scaled["d1"])), 0, 255)
    shown = "LRP, minus the dense model's"
    np.testing.assert_array_equal(maps.places[at[names["p10"], "test:0", shown]], difference)
    rank = slow.spearman(*(np.asarray(frame.loc[(r, "test:0", "lrp")], float).tolist() for r in names))
    assert f"{rank:.2f}".replace("-", "−") in texts(picture)


def test_images_that_flip_most_and_random_ones_stand_in_turn_and_say_which_they_are(tables) -> None:
    picture = attribution_maps_info(tables, ViewState())
    (images,) = of(picture, m.Images)
    assert images.hover["image"] == ["test:12", "test:0", "test:13"]
    assert images.hover["chosen"] == ["one of those that flip most", "drawn at random", "one of those that flip most"]
    assert picture.subtitle.startswith("3 images of 14.")
    assert "coat · drawn at random" in texts(picture)
    second = attribution_maps_info(tables, ViewState(first_sample=4))
    assert of(second, m.Images)[0].hover["image"] == ["test:1", "test:2", "test:3"]


def test_selected_images_are_shown_where_they_have_maps(tables) -> None:
    picture = attribution_maps_info(tables, ViewState(samples=("test:5", "test:99")))
    assert of(picture, m.Images)[0].hover["image"] == ["test:5"]
    assert "1 of 2 selected images have maps." in picture.notes


def test_by_itself_the_first_dense_models_own_runs_are_shown(tables) -> None:
    (maps,) = of(attribution_maps_info(tables, ViewState()), m.Maps)
    names = list(dict.fromkeys(maps.hover["model"]))
    assert names[0] == "dense"
    assert [n.split(" ")[0] for n in names] == ["dense", "dense", "random", "magnitude"]


def test_a_model_without_maps_is_named_and_many_are_cut() -> None:
    study = make(6)
    study.maps = [r for r in study.maps if r["run_id"] != "p00"]
    picture = attribution_maps_info(study, ViewState(models=("p00", "r00", "x00", "p10", "r10", "x10")))
    assert "The first 4 of 5 models compared are shown." in picture.notes
    assert "1 model compared has no maps yet." in picture.notes
    study.maps = [{**r, "values": np.zeros(SIDE * SIDE, np.float32)} for r in study.maps]
    flat = attribution_maps_info(study, ViewState(models=("r00",)))
    assert "flat" in texts(flat)
    assert set(of(flat, m.Maps)[0].places.reshape(-1)) == {128}


def test_what_stands_beside_fewer_runs_says_so(tables, monkeypatch) -> None:
    arms = tables.table("attributions_arms")
    monkeypatch.setitem(tables.frames, "attributions_arms", arms.assign(control_runs=arms["control_runs"] - 2))
    means = [p for p in of(attribution_similarity_info(tables, ViewState()), m.Points) if p.hover]
    at = means[1].hover["arm"].index("magnitude · 90\N{NO-BREAK SPACE}% · finetune")
    assert means[1].hover["random pruning alike"][at].endswith(" (of 4 of 6 runs)")
    assert "runs)" not in means[1].hover["retraining alone"][at]


def test_every_arm_stands_beside_retraining_and_random_pruning(tables) -> None:
    picture = attribution_similarity_info(tables, ViewState())
    assert picture.x.categories == ("GradCAM", "LRP")
    assert picture.y.categories[1] == "two dense models"
    assert picture.y.categories[2].startswith("dense · finetune")
    arms = tables.table("attributions_arms").set_index(["arm", "attribution", "similarity"])
    row = arms.loc[("net · magnitude · finetune · 0.9", "lrp", "rank")]
    mean = [p for p in of(picture, m.Points) if p.hover][1]
    place = picture.y.categories.index("magnitude · 90\N{NO-BREAK SPACE}% · finetune")
    at = mean.y.tolist().index(place)
    ticks = [t for t in of(picture, m.Text) if "0.5" in t.text][1]
    zero, one = (ticks.x[list(ticks.text).index(t)] for t in ("0", "1"))
    assert mean.x[at] == pytest.approx(zero + row["mean"] * (one - zero))
    assert mean.filled[at] is True  # its difference from retraining has an interval without 0
    assert len(of(picture, m.Intervals)) == 2
    assert {p.marker for p in of(picture, m.Points)} == {"circle", "diamond", "x"}
    assert "with 95 % intervals over dense models, seeds and images" in picture.subtitle
    assert "runs)" not in "".join(mean.hover["random pruning alike"])
    few = attribution_similarity_info(make(3).analysed(), ViewState())
    assert not of(few, m.Intervals)
    assert "intervals need 5 dense models" in few.subtitle
    alone = attribution_similarity_info(tables, ViewState(filters=(("method", ("random",)),)))
    assert not any("magnitude" in c for c in alone.y.categories)
