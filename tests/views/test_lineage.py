from __future__ import annotations

import numpy as np
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import Sources, draw
from pruneviz.views.marks import Picture
from pruneviz.views.pictures.lineage import MOST_ROWS, lineage_info

SMALL = SyntheticTables(replicates=1, methods=2, sparsities=(0.5, 0.9), samples=50)
MANY = SyntheticTables(replicates=3, seeds=2, methods=5, sparsities=(0.5, 0.8), samples=50)


def points(picture: Picture) -> m.Points:
    return next(k for k in picture.marks if isinstance(k, m.Points))


def test_every_run_stands_beside_the_run_it_was_made_from() -> None:
    picture = lineage_info(SMALL, ViewState())
    runs = SMALL.runs.set_index("run_id")
    found = points(picture)
    assert picture.selects == "runs"
    nodes, steps = found.keys[: len(runs)], found.keys[len(runs) :]
    assert set(nodes) == set(runs.index)
    assert set(steps) == set(runs.index[runs["parent_run_id"].notna()])  # a step is known by the run that it made
    at = {k: (x, y) for k, x, y in zip(nodes, found.x, found.y, strict=False)}
    for run_id, (x, _) in at.items():
        recovered = runs.loc[run_id, "recovery"] != "none"
        assert round(x) == (2 if recovered else 0 if runs.loc[run_id, "method"] == "dense" else 1)
    lines = [k for k in picture.marks if isinstance(k, m.Line)]
    ends = {(float(k.x[-1]), float(k.y[-1]), float(k.y[0])) for k in lines}
    pairs = [(r, str(runs.loc[r, "parent_run_id"])) for r in steps]
    assert ends == {(*at[child], at[parent][1]) for child, parent in pairs}
    assert len({y for k, (_, y) in at.items() if k not in set(runs["parent_run_id"])}) == len(at) - len(
        set(runs["parent_run_id"].dropna())
    )  # no two leaves in one row


def test_a_click_selects() -> None:
    from bokeh.models import TapTool

    heard: list[tuple[str, tuple[str, ...]]] = []
    drawn = draw(lineage_info(SMALL, ViewState()), sources=Sources(on_select=lambda *what: heard.append(what)))
    assert drawn.figure is not None
    (tap,) = (t for t in drawn.figure.tools if isinstance(t, TapTool))
    (renderer,) = tap.renderers
    keys = renderer.data_source.data["key"]
    renderer.data_source.selected.indices = [len(keys) - 1]  # a step
    assert heard == [("runs", (keys[-1],))]


def test_a_click_on_several_that_are_shown_as_one_selects_them_all() -> None:
    heard: list[tuple[str, tuple[str, ...]]] = []
    picture = lineage_info(MANY, ViewState())
    drawn = draw(picture, sources=Sources(on_select=lambda *what: heard.append(what)))
    assert drawn.figure is not None
    runs = MANY.runs.set_index("run_id")
    shown = points(picture)
    source = drawn.figure.renderers[-2].data_source  # below the words
    at = next(
        i for i, k in enumerate(shown.keys) if tuple(runs.loc[k, ["method", "recovery"]]) == ("taylor", "finetune")
    )
    source.selected.indices = [at]
    ((what, ids),) = heard
    assert what == "runs"
    assert len(ids) == int(shown.hover["runs"][at]) > 1
    one = runs.loc[list(ids)]
    assert len(one[["model", "method", "target", "recovery"]].drop_duplicates()) == 1
    again = lineage_info(MANY, ViewState(models=ids[1:]))
    assert set(points(again).selected) == {shown.keys[at]}  # also where only some of them are compared
    assert points(again).hover["runs"][at].endswith(f"{len(ids) - 1} of them compared")
    assert "seed" not in points(again).hover["step"][at]  # it says what all have in common


def test_of_several_those_that_were_measured_are_selected() -> None:
    some = SyntheticTables(replicates=3, methods=5, sparsities=(0.5, 0.8), samples=50, waiting=1)
    runs = some.runs.set_index("run_id")
    waiting = str(runs.index[runs["status"] == "waiting"][0])
    found = points(lineage_info(some, ViewState()))
    same = ["method", "target", "recovery"]
    alike = set(runs.index[(runs[same] == runs.loc[waiting, same]).all(axis=1)])
    assert alike - {waiting} in [set(ids) for ids in found.stands_for]


def test_what_is_compared_is_selected_and_said() -> None:
    runs = SMALL.runs
    one = str(runs.loc[(runs["method"] != "dense") & (runs["recovery"] != "none"), "run_id"].iloc[0])
    picture = lineage_info(SMALL, ViewState(models=(one,)))
    assert points(picture).selected == (one,)
    (said,) = picture.sentences
    assert "then finetune" in said
    assert "at 50" in said
    assert " From " in said


def test_many_runs_are_laid_together_with_counts() -> None:
    picture = lineage_info(MANY, ViewState())
    text = next(k for k in picture.marks if isinstance(k, m.Text)).text
    assert any("×" in t for t in text)
    assert f"{len(MANY.runs)} runs are shown as" in picture.notes[0]
    found = points(picture)
    shown = dict(zip(found.keys, found.hover["runs"], strict=True))
    assert sum(int(c.replace(",", "")) for c in shown.values()) == len(MANY.runs)


def test_the_most_rows_are_said() -> None:
    many = SyntheticTables(replicates=1, models=16, methods=10, sparsities=(0.5,), samples=50)
    picture = lineage_info(many, ViewState())
    assert len(picture.y.categories) <= MOST_ROWS
    assert " shown, in the study's order" in picture.notes[-1]
    assert np.isfinite(points(picture).y).all()


def test_nothing_yet_is_said() -> None:
    assert lineage_info(SyntheticTables(replicates=0, methods=0), ViewState()).empty
