from __future__ import annotations

import numpy as np
import pytest
from looked import contested
from pictured import check_mark
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.bokeh_renderer import draw
from pruneviz.views.pictures.tournament import tournament_info
from pruneviz_analyses.tournament import Tournament


def picture(**how) -> m.Picture:
    return tournament_info(contested(**how).analysed(Tournament()), ViewState())


def of(shown: m.Picture, kind: type) -> list:
    return [k for k in shown.marks if isinstance(k, kind)]


def test_without_the_analysis_it_says_how_to_get_one() -> None:
    found = tournament_info(SyntheticTables(samples=60), ViewState())
    assert "Add tournament = {} under [analyses]" in found.empty


def test_rows_are_paired_differences_to_plain_magnitude() -> None:
    study = contested(models=6, gap=0.1).analysed(Tournament())
    shown = tournament_info(study, ViewState())
    assert [c.partition(" · ")[2] for c in shown.y.categories] == ["taylor", "lamp", "magnitude", "random"]
    table = study.table("tournament").set_index("contestant")
    means = {float(p.y[0]): float(p.x[0]) for p in of(shown, m.Points) if p.hover}
    assert means[0.0] == pytest.approx(100 * table.loc["taylor", "beyond_magnitude"])
    assert means[2.0] == 0.0
    spans = {float(i.y[0]): float(i.low[0]) for i in of(shown, m.Intervals)}
    assert spans.keys() == {0.0, 1.0, 3.0}
    assert spans[3.0] == pytest.approx(100 * table.loc["random", "beyond_magnitude_low"])
    assert sum(len(p.x) for p in of(shown, m.Points) if not p.hover) == 3 * 6
    between = [r.at for r in of(shown, m.Rule) if r.axis == "y"]
    tiers = [int(c.partition(" · ")[0]) for c in shown.y.categories]
    assert between == [i + 0.5 for i in range(3) if tiers[i] != tiers[i + 1]]
    assert shown.sentences[0].startswith("The methods differ (Friedman, p = ")


def test_few_dense_models_have_points_and_no_order() -> None:
    shown = picture(models=3, gap=0.1)
    assert not of(shown, m.Intervals)
    assert [r.axis for r in of(shown, m.Rule)] == ["x"]
    assert "intervals need 5 of them" in shown.subtitle
    assert "No ranking: 3 paired dense models" in shown.sentences[0]


def test_a_target_in_multiply_adds_says_how_many_are_kept() -> None:
    study = contested(models=6)
    for row in study.rows:
        if row["method"] != "dense":
            row |= {"unit": "channel", "target": "macs=0.5", "sparsity_target": None, "macs": 49, "macs_dense": 100}
    shown = tournament_info(study.analysed(Tournament()), ViewState())
    assert shown.subtitle.startswith(
        "net, channels removed to 50\N{NO-BREAK SPACE}% of macs, 3,000 training steps in all. Pairs from"
    )


def test_without_magnitude_the_random_control_takes_its_place() -> None:
    study = contested(models=6)
    study.rows = [r for r in study.rows if r["method"] != "magnitude"]
    shown = tournament_info(study.analysed(Tournament()), ViewState())
    assert "minus that of its random control" in shown.x.title
    assert len(shown.y.categories) == 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_drawn(theme: str) -> None:
    shown = picture()
    for mark in shown.marks:
        check_mark(mark, shown)
    assert draw(shown, theme=theme).figure is not None
    assert np.isfinite(shown.height)


def test_a_control_is_called_by_the_one_method_that_it_is_control_of() -> None:
    study = contested(models=6)
    long = "random(allocation=erk, schedule=gradual(every=100, initial=1), recovery=lr-rewind, at=0)"
    dense = {r["dense_run_id"] for r in study.rows}
    for d in sorted(dense):
        own = next(r for r in study.rows if r["dense_run_id"] == d and r["method"] == "taylor")
        study.rows.append({**own, "run_id": f"long-{d}", "method": long, "accuracy": own["accuracy"] - 0.3})
        own["control_run_id"] = f"long-{d}"
    shown = tournament_info(study.analysed(Tournament()), ViewState())
    at = [c.partition(" · ")[2] for c in shown.y.categories].index("random as taylor")
    told = {float(p.y[0]): p.hover["method"] for p in of(shown, m.Points) if p.hover}
    assert told[at] == [long]  # the whole under the pointer
