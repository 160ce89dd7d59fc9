from __future__ import annotations

import numpy as np
import pytest
from looked import Looked, layered, overlapping, scored
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.pictures.similarity_criteria import similarity_criteria_info
from pruneviz.views.pictures.similarity_layers import similarity_layers_info
from pruneviz.views.pictures.similarity_masks import similarity_masks_info
from pruneviz.views.pictures.similarity_matrix import similarity_matrix_info
from pruneviz.views.pictures.similarity_turnover import similarity_turnover_info
from pruneviz_analyses.similarity import Similarity
from pruneviz_analyses.similarity.schemas import MASKS

analysis = Similarity(resamples=200)
INFOS = (similarity_layers_info, similarity_matrix_info, similarity_masks_info, similarity_criteria_info)


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


def turning() -> Looked:
    """A method in three levels whose masks move away from those chosen at once, with its random control."""
    study, rows = Looked(), []
    for d in range(2):
        study.add(f"d{d}")
        for method, once in (("magnitude", (50, 20, 8)), ("random", (25, 6, 2))):
            for level, both in enumerate(once, start=1):
                kept = (50, 25, 12)[level - 1]
                study.add(f"{method}{d}{level}", method, dense=f"d{d}", level=level, seed=0, recovery="rewind")
                row = {"run_id": f"{method}{d}{level}", "layer": "l", "units": 100, "kept": kept}
                rows.append({**row, "reference_run_id": f"d{d}", "relation": "at once", "reference_kept": kept})
                rows[-1]["both"] = both
                if level > 1:
                    before = {"reference_run_id": f"{method}{d}{level - 1}", "relation": "levels"}
                    rows.append({**row, **before, "reference_kept": (50, 25, 12)[level - 2], "both": kept})
    return study.seen(MASKS, rows).analysed(analysis)


@pytest.fixture(scope="module")
def tables() -> Looked:
    study = layered()
    masks, criteria = overlapping(np.random.default_rng(0)), scored()
    study.rows += [r for r in masks.rows if r["method"] != "dense"]
    study.frames |= masks.frames | criteria.frames
    return study.analysed(analysis)


def test_without_the_analysis_they_say_how_to_get_one() -> None:
    nothing = SyntheticTables(samples=60)
    for info in INFOS[:3]:
        assert "Add similarity = {} under [analyses]" in info(nothing, ViewState()).empty
    assert 'criteria = ["magnitude", "taylor"]' in similarity_criteria_info(nothing, ViewState()).empty
    assert "goes through levels" in similarity_turnover_info(nothing, ViewState()).empty


def test_each_layer_stands_beside_retraining_and_other_dense_models(tables: Looked) -> None:
    picture = similarity_layers_info(tables, ViewState())
    assert picture.x.categories == ("l0", "l1")
    arms = tables.table("similarity_arms").set_index(["kind", "layer"])["cka"]
    points = of(picture, m.Points)
    labels = [p.hover["with the dense model"][0] for p in points]
    assert labels == ["retrained, not pruned (ft)", "magnitude · ft", "another dense model"]
    for point, kind in zip(points, ("retrained", "pruned", "replicate"), strict=True):
        assert point.y == pytest.approx([arms[kind, "l0"], arms[kind, "l1"]])
    bars = [k for k in of(picture, m.Line) if len(k.x) == 2 and k.x[0] == k.x[1]]
    assert len(bars) == 2 * 2  # none for the pairs of dense models
    assert "bars are 95 % intervals" in picture.subtitle
    assert picture.sentences[0].startswith("The least alike is l1 after magnitude · ft: CKA 0.6")


def test_layers_without_a_value_are_marked_and_explained() -> None:
    picture = similarity_layers_info(layered(seeds=1, constant=True).analysed(analysis), ViewState())
    assert "mean over dense models (n = 4 to 5)" in picture.subtitle
    assert [list(t.text) for t in of(picture, m.Text)] == [["✕"]]
    assert any(k.label.startswith("✕: in some models") for k in picture.legend)


def test_the_matrix_shows_every_pair_of_layers_and_turns_round_what_was_looked_at_so(tables: Looked) -> None:
    picture = similarity_matrix_info(tables, ViewState(reference="d0", models=("p00", "d1")))
    assert picture.x.categories == ("l0", "l1", "", "l0", "l1")
    (cells,) = of(picture, m.Cells)
    seen = tables.table("similarity_seen")
    own = seen[(seen["run_id"] == "p00") & (seen["reference_run_id"] == "d0")]
    at = {(x, y): v for x, y, v in zip(cells.x, cells.y, cells.value, strict=True)}
    for r in own.to_dict("records"):
        assert at[float(r["index"]), float(r["reference_index"]) + 1] == pytest.approx(max(r["cka"], 0))
    turned = similarity_matrix_info(tables, ViewState(reference="d1", models=("d0",)))
    assert len(of(turned, m.Cells)[0].x) == 4
    apart = similarity_matrix_info(tables, ViewState(reference="d0", models=("p10",)))
    assert 'similarity = {compare = "all"}' in apart.empty


def test_masks_stand_between_chance_and_all_that_the_counts_allow(tables: Looked) -> None:
    picture = similarity_masks_info(tables, ViewState())
    assert picture.x.categories == picture.y.categories == ("magnitude", "random")
    (cells,) = of(picture, m.Cells)
    (row,) = tables.table("similarity_methods").to_dict("records")
    assert cells.value == pytest.approx([0.5 + 0.5 * row["excess"]] * 2)
    assert sorted(zip(cells.x, cells.y, strict=True)) == [(0, 1), (1, 0)]
    assert list(cells.strong) == [False, False]
    assert "No overlap beyond chance is detected in 1 of 1 pair (95 % intervals, each alone)." in picture.sentences
    hidden = similarity_masks_info(tables, ViewState(filters=(("method", ("magnitude",)),)))
    assert "No two methods are left" in hidden.empty


def test_random_methods_share_a_seed_which_is_no_finding() -> None:
    study = overlapping(np.random.default_rng(0), draw=lambda n, a, b: min(a, b))
    for row in study.rows:
        row["method"] = "random(allocation=uniform)" if row["method"] == "magnitude" else row["method"]
    picture = similarity_masks_info(study.analysed(analysis), ViewState())
    assert picture.sentences == ()
    assert any("drawn with the same seed" in note for note in picture.notes)
    assert ", drawn with the same seed, both keep" in study.said(analysis)[0]


def test_criteria_have_all_units_below_the_diagonal_and_layers_above(tables: Looked) -> None:
    picture = similarity_criteria_info(tables, ViewState())
    assert picture.x.categories == ("a", "b")
    (cells,) = of(picture, m.Cells)
    at = {(x, y): v for x, y, v in zip(cells.x, cells.y, cells.value, strict=True)}
    table = tables.table("similarity_criteria")
    whole = table[table["layer"].isna()].set_index(["criterion", "other"])["spearman"]
    layers = table[table["layer"].notna() & (table["criterion"] == "a")]["spearman"]
    assert at[0, 1] == pytest.approx(0.5 + 0.5 * whole["a", "b"])
    assert at[1, 0] == pytest.approx(0.5 + 0.5 * layers.mean())
    assert at[1, 1] == pytest.approx(0.5 + 0.5 * whole["b", "b"])
    assert (0, 0) not in at  # nothing is drawn there, so it agrees with itself


def test_turnover_goes_from_the_choice_at_once_towards_chance() -> None:
    picture = similarity_turnover_info(turning(), ViewState())
    lines = of(picture, m.Line)
    assert picture.x.categories == ("1", "2", "3")
    assert [line.x.tolist() for line in lines] == [[0, 1, 2]] * 2
    assert lines[0].y[0] == pytest.approx(100)
    assert lines[1].y[0] == pytest.approx(0)
    assert picture.sentences[0].startswith("magnitude, with rewind: 100.0\u00a0% at level 1,")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_can_be_drawn(tables: Looked, theme: str) -> None:
    for info, study in (*((i, tables) for i in INFOS), (similarity_turnover_info, turning())):
        picture = info(study, ViewState())
        for mark in picture.marks:
            check_mark(mark, picture)
        assert draw(picture, theme=theme).figure is not None
