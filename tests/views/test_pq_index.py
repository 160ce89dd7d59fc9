from __future__ import annotations

import numpy as np
import pytest
from coursed import TURNS, study
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.pictures.pq_index import pq_index_info
from pruneviz.views.pictures.pq_index_layers import pq_index_layers_info


def of(picture: m.Picture, kind: type) -> list:
    return [k for k in picture.marks if isinstance(k, kind)]


@pytest.fixture(scope="module")
def picture() -> m.Picture:
    return pq_index_info(study().analysed(), ViewState())


def test_without_the_analysis_it_says_how_to_get_one() -> None:
    for info in (pq_index_info, pq_index_layers_info):
        assert "Add pq_index = {} under [analyses]" in info(SyntheticTables(samples=60), ViewState()).empty
    flat = study(truth=TURNS[:2]).analysed()
    assert "no course" in pq_index_info(flat, ViewState()).empty


def test_phases_are_marked_where_they_are_found(picture: m.Picture) -> None:
    boxes = of(picture, m.Boxes)
    assert [(round(float(b.left[0])), round(float(b.right[0]))) for b in boxes] == [(0, 5), (5, 9), (9, 12)]
    assert all(b.alpha > 0.3 for b in boxes)
    words = [t.text[0] for t in of(picture, m.Text) if t.align == "center"]
    assert words == ["▼ falls", "▲ rises", "▼ falls"]
    assert picture.sentences == (
        "net · magnitude · weight-rewind: PQI falls from level 0 to 5, rises from level 5 to 9, falls from level 9 to "
        "12, as the sparsity hypothesis says.",
    )


def test_what_is_not_told_from_noise_is_faint_and_said() -> None:
    falling = pq_index_info(study(truth=np.linspace(0.3, 0.1, 13)).analysed(), ViewState())
    assert "is not found (none detected: first fall, rise" in falling.sentences[0]
    few = pq_index_info(study(models=3).analysed(), ViewState())
    assert all(b.alpha < 0.1 for b in of(few, m.Boxes))
    assert [t.text[0] for t in of(few, m.Text) if t.align == "center"] == ["?"] * 3
    assert few.sentences == ("net · magnitude · weight-rewind: 3 dense models, too few to judge its course.",)
    assert not of(few, m.Band)
    assert "bands need 5 of them" in few.subtitle


def test_index_accuracy_and_density_share_the_levels_with_a_scale_each(picture: m.Picture) -> None:
    assert picture.y.categories == ("phases of PQI", "PQ index", "", "Gini index", "accuracy", "weights kept")
    lines = [k for k in of(picture, m.Line) if k.hover]
    assert len(lines) == 2 * 4
    for line in lines:
        assert line.x.tolist() == list(range(13))
    magnitude, random = lines[:2]
    assert magnitude.ink != random.ink == "control"
    assert magnitude.y.min() > 1 - 0.41
    assert magnitude.y.max() < 2 + 0.41
    assert magnitude.y[0] < magnitude.y[5] > magnitude.y[9] < magnitude.y[12]  # the axis grows downwards
    kept = lines[6]
    assert np.diff(kept.y) == pytest.approx(np.diff(kept.y)[0])  # a fixed share a level is a straight line
    assert magnitude.hover["kept"][1] == "80.00\u00a0%"
    assert len(of(picture, m.Band)) == 2 * 3
    for mark in picture.marks:
        check_mark(mark, picture)


def test_filters_and_what_they_leave() -> None:
    tables = study().analysed()
    shown = pq_index_info(tables, ViewState(filters=(("method", ("magnitude",)),)))
    assert len([k for k in of(shown, m.Line) if k.hover]) == 4
    assert "filters" in pq_index_info(tables, ViewState(filters=(("model", ("other",)),))).empty


def test_layers_stand_level_by_level_or_by_model_compared() -> None:
    tables = study().analysed()
    by_level = pq_index_layers_info(tables, ViewState())
    assert by_level.x.categories == ("whole model", "fc")
    assert by_level.y.categories[:2] == ("level 0 · dense", "level 1 · 80\u00a0% kept")
    (cells,) = of(by_level, m.Cells)
    assert len(cells.x) == 13 * 2
    means = tables.curves["magnitude"].mean(axis=0)
    assert cells.value[::2] == pytest.approx(means / means.max())
    compared = pq_index_layers_info(tables, ViewState(models=("magnitude0-4-0", "random2-1-0")))
    (cells,) = of(compared, m.Cells)
    assert len(compared.y.categories) == 2
    assert cells.value[0] == pytest.approx(tables.curves["magnitude"][0, 4] / tables.curves["random"][2, 1])
    check_mark(cells, compared)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_can_be_drawn(picture: m.Picture, theme: str) -> None:
    assert draw(picture, theme=theme).figure is not None
    assert draw(pq_index_layers_info(study().analysed(), ViewState()), theme=theme).figure is not None
