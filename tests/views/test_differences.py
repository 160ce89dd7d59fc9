"""What differs between two models: said first where it is most, and never more strongly than it is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reportable import Reportable
from synthetic import SyntheticTables, empty

from pruneviz.core.viewstate import ViewState
from pruneviz.views.difference import against_retraining, change, exact
from pruneviz.views.differences import Differences, differences, focus
from pruneviz.views.samples import aligned
from pruneviz.views.text import NBSP, percent


def run(tables: SyntheticTables, name: str) -> str:
    runs = tables.runs
    return str(runs.loc[runs["name"] == name, "run_id"].iloc[0])


def of(tables: SyntheticTables, name: str, **state: Any) -> Differences:
    return differences(tables, ViewState(models=(run(tables, name),), **state))


def said(d: Differences, about: str) -> str:
    (found,) = [x.text for x in d.said if x.about == about]
    return found.replace(NBSP, " ")


@pytest.fixture(scope="module")
def study() -> SyntheticTables:
    return SyntheticTables(samples=1000)


def test_what_was_done_to_it_comes_first_then_what_that_changed(study: SyntheticTables) -> None:
    d = of(study, "lenet5/0 magnitude 0.95")
    assert d.title.replace(NBSP, " ") == "magnitude 95 % against dense"
    times = [x.times for x in d.beyond]
    assert times == sorted(times, reverse=True)
    assert {x.about for x in d.beyond if math.isinf(x.times)} == {"structure", "masks"}
    assert all(x.times > 1 for x in d.beyond)
    assert all(x.times <= 1 for x in d.within)
    assert d.alone == ()
    assert "94.5 % fewer non-zero parameters" in said(d, "structure")


def test_the_numbers_are_those_of_the_samples(study: SyntheticTables) -> None:
    name = "lenet5/0 magnitude 0.9"
    d, reference = of(study, name), run(study, "lenet5/0 dense")
    both = aligned(study, (reference, run(study, name)))
    before, after = (both.prediction[r] for r in both.runs)
    lost = int(((before == both.labels) & (after != both.labels)).sum())
    assert said(d, "predictions").startswith(f"{percent((before != after).mean())} of 1,000 images".replace(NBSP, " "))
    assert f"{lost} from right to wrong" in said(d, "predictions")
    churns = []
    runs = study.runs
    dense = runs[runs["method"] == "dense"]
    firsts = [str(r) for r in dense.loc[dense["recovery"] == "none", "run_id"]]
    pairs = [(firsts[0], r) for r in firsts[1:]]
    pairs += [(str(a), str(b)) for a, b in zip(dense["dense_run_id"], dense["run_id"], strict=True) if a != b]
    for a, b in pairs:
        s = aligned(study, (a, b))
        churns.append(float((s.prediction[a] != s.prediction[b]).mean()))
    alone = f"Retraining alone: {percent(min(churns))} to {percent(max(churns))} ({len(pairs)} pairs)."
    assert alone.replace(NBSP, " ") in said(d, "predictions")


def test_random_pruning_of_as_much_stands_beside_every_number(study: SyntheticTables) -> None:
    d, blind = of(study, "lenet5/0 magnitude 0.9"), run(study, "lenet5/0 random 0.9")
    both = aligned(study, (run(study, "lenet5/0 dense"), blind))
    before, after = (both.prediction[r] for r in both.runs)
    churn = percent(float((before != after).mean())).replace(NBSP, " ")
    assert f"Random pruning of as much: {churn}. Retraining alone: " in said(d, "predictions")
    for about in ("masks", "weights", "accuracy", "loss", "classes"):
        assert "Random pruning of as much: " in said(d, about), about
    assert "Random pruning of as much is random 90 %" in d.scope.replace(NBSP, " ")
    for name in ("lenet5/1 dense", "lenet5/0 random 0.9"):  # nothing to hold them to
        assert "Random" not in "".join(x.text for x in of(study, name).said)


def test_two_dense_models_are_not_told_apart_and_not_held_against_themselves(study: SyntheticTables) -> None:
    d = of(study, "lenet5/1 dense")
    assert all(x.times < 1.1 for x in d.beyond)  # one of five pairs has the most of them
    assert "exceeds them all in about 1 of 5 cases" in d.scope
    assert "(4 pairs)" in said(d, "accuracy")
    assert "A difference from the reference cannot be told." in said(d, "accuracy")
    assert "as many non-zero parameters" in said(d, "structure")
    assert "No class can be told to have moved" in said(d, "classes")


def test_without_a_second_dense_model_sizes_alone_are_given() -> None:
    d = of(SyntheticTables(samples=400, replicates=1, retrained=False), "lenet5/0 magnitude 0.95")
    assert {x.about for x in d.beyond} == {"structure", "masks"}
    assert {x.about for x in d.alone} >= {"predictions", "accuracy", "classes", "weights"}
    slight = of(SyntheticTables(samples=60, replicates=1, retrained=False), "lenet5/0 taylor 0.5")
    assert "A difference from the reference cannot be told." in said(slight, "accuracy")
    assert "accuracy" in {x.about for x in slight.within}
    sizes = [x.size for x in d.alone]
    assert sizes == sorted(sizes, reverse=True)
    assert "Retraining alone" not in "".join(x.text for x in d.said)
    assert "not known" in d.scope


def test_what_is_not_measured_is_named_with_the_command_that_adds_it(study: SyntheticTables) -> None:
    d = of(study, "lenet5/0 magnitude 0.5")
    assert [m.about for m in d.missing] == ["activations", "geometry", "robustness", "calibration", "attributions"]
    assert d.missing[0].command == "pruneviz run STUDY.toml --store STORE --set 'analyses.similarity={}'"


def test_a_difference_is_not_stronger_than_its_interval() -> None:
    wide = change(0.5, -0.1, 1.1, [0.01], 1e-4)
    assert (wide.least, wide.times) == (0.0, 0.0)
    assert change(-0.5, -0.8, -0.2, [0.1, -0.05], 1e-4).times == pytest.approx(2)
    assert change(0.5, math.nan, math.nan, [0.0, math.nan], 0.01).times == pytest.approx(50)
    assert math.isnan(change(0.5, 0.4, 0.6, [], 0.01).times)
    text = against_retraining("a", "It moved.", wide, percent, ()).text
    assert text.endswith("A difference from the reference cannot be told.")
    assert exact("a", "b", 0.0).times == 0
    assert math.isinf(exact("a", "b", 0.1).times)


def test_nothing_to_compare_and_the_model_in_focus(study: SyntheticTables) -> None:
    assert differences(empty(), ViewState()).why_empty
    assert "Choose up to 16 models" in differences(study, ViewState()).why_empty
    two = tuple(run(study, f"lenet5/0 magnitude {t}") for t in ("0.5", "0.95"))
    state = ViewState(models=two)
    assert focus(state) == two[0]
    assert focus(replace(state, focus=two[1])) == two[1]
    assert focus(replace(state, focus="gone")) == two[0]
    assert "95" in differences(study, replace(state, focus=two[1])).title


def test_selected_images() -> None:
    tables = SyntheticTables(samples=300, methods=2)
    d = of(tables, "lenet5/0 magnitude 0.9", samples=tuple(f"test:{i}" for i in range(60)))
    assert "60 selected images of 300" in d.scope
    assert "What analyses measured" not in d.scope  # nothing was
    assert "of 60 images" in said(d, "predictions")


def _rows(frame: dict[str, list[Any]]) -> pd.DataFrame:
    return pd.DataFrame(frame)


def test_what_analyses_measured_is_said_with_intervals_where_they_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = Reportable(samples=300, methods=2, replicates=2)
    reference, other, again = (run(tables, f"lenet5/{n}") for n in ("0 dense", "1 dense", "0 dense finetune"))
    one = run(tables, "lenet5/0 magnitude 0.9")
    ids = [reference, other, again, one]
    nan = math.nan
    tables.frames = {
        "similarity": _rows(
            {
                "run_id": [one, one, again, other],
                "reference_run_id": [reference, reference, reference, reference],
                "kind": ["pruned", "pruned", "retrained", "replicate"],
                "layer": ["fc1", "fc2", "fc1", "fc1"],
                "cka": [0.5, nan, 0.95, 0.9],
            }
        ),
        "feature_geometry": _rows(
            {
                "run_id": [*ids, one],
                "condition": ["clean"] * 4 + ["fog 5"],
                "margin_scaled": [0.2, 0.21, 0.19, 0.1, 9.0],
                "between_share": [0.6, 0.61, 0.6, 0.6, 0.0],
                "angle": [1.0, 1.0, 1.0, nan, 9.0],
            }
        ),
        "corruption_robustness": _rows({"run_id": [one]}),
        "corruption_robustness_runs": _rows(
            {
                "run_id": ids,
                "scope": ["mean"] * 4,
                "accuracy": [0.8, 0.81, 0.79, 0.6],
                "drop": [0.1, 0.1, 0.1, 0.11],
                "accuracy_difference_low": [nan, nan, nan, -0.25],
                "accuracy_difference_high": [nan, nan, nan, -0.15],
                "drop_difference_low": [nan, nan, nan, -0.02],
                "drop_difference_high": [nan, nan, nan, 0.04],
            }
        ),
        "calibration": _rows({"run_id": ids[:3], "overconfidence": [0.1] * 3, "squared_error": [0.01] * 3}),
        "attributions_pairs": _rows(
            {
                "run_id": [one] * 8 + [again] * 2,
                "reference_run_id": [reference] * 10,
                "kind": ["pruned"] * 8 + ["retrained"] * 2,
                "attribution": ["lrp"] * 10,
                "chosen": ["random"] * 7 + ["flips"] + ["random"] * 2,
                "rank": [*np.linspace(0.3, 0.5, 7), -1.0, 0.9, 0.8],
            }
        ),
    }
    monkeypatch.setattr(tables, "options_of", lambda analysis: {"level": 0.8})
    d = of(tables, "lenet5/0 magnitude 0.9")
    by = {x.about: x for x in d.said if x.about not in ("geometry", "robustness")}
    assert by["activations"].times == pytest.approx(0.5 / 0.1)
    assert "1 layer that" in by["activations"].text.replace(NBSP, " ")
    geometry = [x for x in d.said if x.about == "geometry"]
    assert [x.times for x in geometry] == [pytest.approx(10), 0]  # the angle is not defined, and not said
    assert "as measured, without an interval" in geometry[0].text
    robust = [x for x in d.said if x.about == "robustness"]
    assert [x.times for x in robust] == [pytest.approx(15), 0]
    assert "(80 % interval −25" in robust[0].text.replace(NBSP, " ")
    assert by["attributions"].text.replace(NBSP, " ").startswith("Maps by lrp have a mean rank correlation of 0.4 ")
    assert [m.about for m in d.missing] == ["calibration"]  # measured, but not of this model
    assert d.missing[0].command == ""
