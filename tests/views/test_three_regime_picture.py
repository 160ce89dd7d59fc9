"""Phase diagrams as pictures: what stands where, and what a click selects."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from pictured import check_mark
from regimes import PAPER, RegimeTables, spec, study

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import Sources, draw
from pruneviz.views.pictures.three_regime import MOST_DIAGRAMS, three_regime_info
from pruneviz.views.pictures.three_regime_lines import MOST_TEMPERATURES, three_regime_lines_info
from pruneviz_analyses.three_regime import ThreeRegime


def measured(tables):
    tables.frames.update(ThreeRegime().measure(tables))
    return tables


def cells(picture):
    return [k for k in picture.marks if isinstance(k, m.Cells)]


def by_place(mark):
    """Texts by row and column, from the top left."""
    rows, columns = sorted(set(mark.y)), sorted(set(mark.x))
    return {(rows.index(y), columns.index(x)): t for x, y, t in zip(mark.x, mark.y, mark.text, strict=True)}


def test_four_maps_with_the_hottest_on_top_and_the_sparsest_on_the_right():
    picture = three_regime_info(measured(study(models=1)), ViewState())
    maps = [by_place(c) for c in cells(picture)]
    assert len(maps) == 4
    at = {(1, 0.5): (0, 0), (4, 0.5): (1, 0), (16, 0.5): (2, 0), (1, 0.9): (0, 1), (4, 0.9): (1, 1), (16, 0.9): (2, 1)}
    for key, (lmc, cka, error) in PAPER.items():
        assert maps[0][at[key]].partition("\n")[0] == f"{lmc:.3f}".replace("-", "−")
        assert maps[1][at[key]] == f"{cka:.3f}"
        assert maps[2][at[key]] == f"{100 * error:.1f}"
    assert maps[3][at[4, 0.9]] == "0.00"
    assert maps[3][at[16, 0.9]] == "1.00"
    assert maps[0][at[16, 0.9]].endswith("\nI")
    for mark in picture.marks:
        check_mark(mark, picture)


def test_boundaries_run_where_the_regime_changes_and_nowhere_else():
    picture = three_regime_info(measured(study(models=1)), ViewState())
    lines = [k for k in picture.marks if isinstance(k, m.Line) and k.ink == "ink"]
    assert len(lines) == 4
    first = cells(picture)[0]
    xs, ys = sorted(set(first.x)), sorted(set(first.y))
    edges = np.column_stack([lines[0].x, lines[0].y]).reshape(-1, 3, 2)[:, :2]
    middles = {tuple(np.round(e.mean(axis=0), 6)) for e in edges}
    between = {(xs[0], (ys[0] + ys[1]) / 2), (xs[1], (ys[0] + ys[1]) / 2), (xs[1], (ys[1] + ys[2]) / 2)}
    between |= {((xs[0] + xs[1]) / 2, ys[2])}
    assert middles == {tuple(np.round(b, 6)) for b in between}
    level = three_regime_info(measured(study(cells=dict.fromkeys(PAPER, (0.0, 0.99, 0.1)))), ViewState())
    assert not [k for k in level.marks if isinstance(k, m.Line)]
    assert level.sentences == ("No transition found in this range: a barrier in no cell.",)


def test_a_cell_tells_the_runs_behind_it():
    tables = measured(study(models=2))
    mark = cells(three_regime_info(tables, ViewState()))[0]
    table = tables.table("three_regime")
    assert {k for keys in mark.keys for k in keys} == {k for ids in table["run_ids"] for k in ids.split()}
    assert all(len(keys) == 4 for keys in mark.keys)
    assert mark.hover["runs"][0] == "4 retrainings of 2 dense models"
    assert mark.hover["regime"][0].startswith(("II", "I "))
    assert all(ids.split(" ")[0] in keys for ids, keys in zip(mark.hover["their ids"], mark.keys, strict=True))


def test_a_click_on_a_cell_selects_its_runs():
    heard = []
    picture = three_regime_info(measured(study(models=1)), ViewState())
    drawn = draw(picture, sources=Sources(on_select=lambda what, keys: heard.append((what, keys))))
    index = next(i for i, k in enumerate(picture.marks) if isinstance(k, m.Cells))
    source = drawn._parts[index].source
    source.selected.indices = [2]
    assert heard == [("runs", picture.marks[index].keys[2])]
    assert source.selected.indices == []
    assert any(type(t).__name__ == "TapTool" for t in drawn.figure.tools)


def test_cells_without_a_line_are_marked_and_the_collapsed_counted():
    picture = three_regime_info(measured(study(models=1, seeds=3, collapsed=2)), ViewState())
    mark = cells(picture)[0]
    assert set(mark.text) == {"✕"}
    assert np.isnan(mark.value).all()
    assert "12 retrainings left out" in picture.notes[0]
    assert "2 collapsed" in mark.hover["runs"][0]
    assert picture.sentences == ("No two retrainings could be compared.",)
    draw(picture)


def test_thresholds_are_named_as_this_tools():
    picture = three_regime_info(measured(study(models=2)), ViewState())
    assert "this tool's, not the paper's" in picture.subtitle
    assert any("below −0.02" in k.label for k in picture.legend)
    assert any("from 0.95" in k.label for k in picture.legend)
    assert not any("no advice" in k.label for k in picture.legend)
    unnamed = {**PAPER, (16, 0.9): (-0.3, 0.99, 0.4)}
    other = three_regime_info(measured(study(cells=unnamed)), ViewState())
    assert any("barrier, yet similar: no advice" in k.label for k in other.legend)
    assert [t for t in cells(other)[0].text if t.endswith("\n–")]


@pytest.mark.parametrize("count", [2, 5])
def test_other_swept_values_are_diagrams_below_each_other(count):
    asked = spec(train={"epochs": [1, 4], "lr": [0.01 * (i + 1) for i in range(count)]})
    tables = RegimeTables(asked)
    for train in asked.trains:
        tables.cell(tables.dense(asked.dense_label(asked.models[0], train), 0), 0.5, 0.0, 0.99)
    tables.frames.update(ThreeRegime(temperature="epochs").measure(tables))
    picture = three_regime_info(tables, ViewState())
    shown = min(count, MOST_DIAGRAMS)
    assert len(cells(picture)) == 4 * shown
    assert bool(picture.notes) == (count > MOST_DIAGRAMS)
    assert picture.height > shown * 200


def test_without_the_analysis_it_says_what_to_do_and_filters_are_kept():
    assert "three_regime = {}" in three_regime_info(RegimeTables(), ViewState()).empty
    tables = measured(study())
    gone = three_regime_info(tables, ViewState(filters=(("method", ("random",)),)))
    assert gone.empty.startswith("No diagram is left")


def test_errors_are_shown_with_what_they_rest_on():
    picture = three_regime_info(measured(study(models=1)), ViewState())
    assert "Errors are of 100 validation images, whose choice alone makes a standard error of up to 4.9 points" in (
        picture.subtitle
    )
    assert any(
        isinstance(k, m.Text) and "Error after retraining (%, 100 validation images)" in k.text for k in picture.marks
    )
    hover = cells(picture)[2].hover
    at = hover["epochs"].index("16"), hover["error"]
    assert at[1][at[0]] == "10.0\u00a0% ± 3 points (validation)"
    for unknown in (measured(study(models=1, val_images=0)), _older(study(models=1))):
        picture = three_regime_info(unknown, ViewState())
        assert "Errors are of" not in picture.subtitle
        assert any(
            isinstance(k, m.Text) and "Error after retraining (%, validation images)" in k.text for k in picture.marks
        )
        assert "±" not in "".join(cells(picture)[2].hover["error"])


def _older(tables):
    """As an earlier version wrote it."""
    cells = measured(tables).frames["three_regime"]
    tables.frames["three_regime"] = cells.drop(columns=["error_se", "judged_images"])
    return tables


def test_the_densities_of_barriers_are_told_from_the_least_to_the_most():
    both = {**PAPER, (16, 0.5): (-0.1, 0.9, 0.2)}
    (told,) = three_regime_info(measured(study(cells=both)), ViewState()).sentences
    assert told == "Barriers in 2 of 6 cells, at densities from 10\u00a0% to 50\u00a0%."
    (told,) = three_regime_info(measured(study()), ViewState()).sentences
    assert told == "Barriers in 1 of 6 cells, at a density of 10\u00a0%."


def test_intervals_are_shown_where_there_are_some():
    tables = measured(study(models=5))
    mark = cells(three_regime_info(tables, ViewState()))[0]
    assert all("…" in t for t in mark.hover["LMC"])
    frame = tables.frames["three_regime"]
    assert math.isfinite(frame["lmc_low"].iloc[0])
    hidden = replace(ViewState(), theme="dark")
    assert three_regime_info(tables, hidden).subtitle.count("95 %") == 1


# -- the lines


def hills(picture):
    """How far each curve's middle stands above its ends, in pixels upwards."""
    return [(k.y[0] + k.y[-1]) / 2 - k.y[5] for k in picture.marks if isinstance(k, m.Line) and k.ink != "faint"]


def test_a_barrier_is_a_hill_on_the_line():
    tables = measured(study(models=2))
    picture = three_regime_lines_info(tables, ViewState())
    for mark in picture.marks:
        check_mark(mark, picture)
    found = hills(picture)
    assert len(found) == 6  # three temperatures at two loads, the densest first, the coldest first
    assert found[3] > 10 * max(abs(h) for i, h in enumerate(found) if i != 3)
    titles = [k.text[0] for k in picture.marks if isinstance(k, m.Text) and k.bold]
    assert titles == ["density 50\u00a0%", "density 10\u00a0%"]
    points = [k for k in picture.marks if isinstance(k, m.Points)][3]
    assert points.hover["regime"][0] == "I"
    assert points.hover["train error"][5].startswith("40.1")  # 0.1 + 0.3005, the mean of two
    draw(picture)


def test_lines_of_cells_with_collapsed_retrainings_are_left_out():
    gone = three_regime_lines_info(measured(study(models=1, seeds=3, collapsed=1)), ViewState())
    assert gone.empty.startswith("No line")
    assert "three_regime = {}" in three_regime_lines_info(RegimeTables(), ViewState()).empty


def test_of_many_temperatures_some_are_shown_with_both_ends():
    asked = spec(train={"epochs": list(range(1, 12))})
    tables = RegimeTables(asked)
    for train in asked.trains:
        tables.cell(tables.dense(asked.dense_label(asked.models[0], train), 0), 0.5, 0.0, 0.99)
    picture = three_regime_lines_info(measured(tables), ViewState())
    labels = [k.label for k in picture.legend if k.kind == "line"]
    assert len(labels) == MOST_TEMPERATURES == len(hills(picture))
    assert (labels[0], labels[-1]) == ("11", "1")
    assert "6 of 11 temperatures shown" in picture.notes[0]
