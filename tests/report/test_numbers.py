"""The numbers in the page are the store's."""

from __future__ import annotations

import numpy as np
import pytest
from reportable import Reportable

from pruneviz.report.arms import arms, comparison, everything
from pruneviz.report.numbers import _NUMBERS, run_table
from pruneviz.views.choosing import choose
from pruneviz.views.metrics import METRICS
from pruneviz.views.once import Once

COLUMNS = ["Run", "run_id", "Status", "Seed", *(title for _, title in _NUMBERS)]


def test_every_run_is_there_with_its_exact_numbers(study: Reportable, page) -> None:
    head, *rows = page.tables["table-runs"]
    assert [text for text, _ in head] == COLUMNS
    runs = study.runs.set_index("run_id")
    assert page.runs["table-runs"][1:] == list(runs.index)
    own_dense = runs["dense_run_id"].map(runs["accuracy"]).astype(float)
    known = runs.assign(
        accuracy_change=runs["accuracy"] - own_dense,
        latency=study.table("timings").sort_values("variant").drop_duplicates("run_id").set_index("run_id")["median_s"],
    )
    numbers = known[[name for name, _ in _NUMBERS]].astype("float64")
    for cells in rows:
        run = known.loc[cells[1][0]]
        assert cells[0][0].removeprefix("★ ").removeprefix("◆ ") == run["name"]
        assert cells[2][0] == run["status"]
        for (name, _), (text, value) in zip(_NUMBERS, cells[4:], strict=True):
            number = numbers.loc[cells[1][0], name]
            if run["status"] != "done" or not np.isfinite(number):
                assert (text, value) == ("–", None)
            else:
                assert float(value) == number, name


def test_failed_and_waiting_runs_are_told(study: Reportable, page) -> None:
    states = [cells[2][0] for cells in page.tables["table-runs"][1:]]
    assert (states.count("failed"), states.count("waiting")) == (2, 3)
    _, *failed = page.tables["table-failed"]
    reasons = study.runs.set_index("name")["reason"].dropna()
    assert {name: why for (name, _), (why, _) in failed} == reasons.to_dict()
    assert page.tables["table-warnings"][1][0][0] == "Layer fc1.weight keeps nothing."
    assert page.tables["table-warnings"][1][1][1] == "2.0"


def test_the_comparison_has_the_reference_first_and_means_over_dense_models() -> None:
    study = Reportable(replicates=3, methods=3, seeds=2, samples=100)
    tables = Once(study)
    choice = choose(tables, None)
    table = comparison(tables, arms(tables), choice.reference, choice.compared)
    assert [r.strong for r in table.rows] == [True] + [False] * (len(table.rows) - 1)
    assert table.rows[0].cells[0].text == "★ dense"
    assert table.rows[1].cells[0].text == "dense"  # trained on: what retraining alone changes stands beside
    runs = study.runs
    titles = [c.title for c in table.columns]
    for row in table.rows[2:]:
        method, recovery, target = row.cells[0].text, row.cells[0].below, row.cells[1].text
        wanted = runs["recovery"] == ("none" if recovery == "no recovery" else recovery)
        own = runs[
            (runs["method"] == method)
            & wanted
            & (runs["sparsity_target"].map("{:.0%}".format) == target.replace("\xa0", ""))
        ]
        for title, column in (
            ("Accuracy", "accuracy"),
            ("Removed", "sparsity_achieved"),
            ("Validation", "val_accuracy"),
        ):
            mean = own.groupby("dense_run_id")[column].mean().mean()
            assert row.cells[titles.index(title)].value == pytest.approx(mean, abs=1e-12)
        assert row.cells[-1].text == "3"
        assert row.cells[-1].below == ("6 runs" if len(own) == 6 else "")


@pytest.mark.parametrize(("replicates", "sign"), [(1, ""), (3, "…"), (5, "[")])
def test_what_varied_is_told_by_how_much_there_is(replicates: int, sign: str) -> None:
    tables = Once(Reportable(replicates=replicates, methods=2, samples=100))
    choice = choose(tables, None)
    table = comparison(tables, arms(tables), choice.reference, choice.compared)
    accuracy = [c.title for c in table.columns].index("Accuracy")
    assert all((sign in r.cells[accuracy].below) if sign else not r.cells[accuracy].below for r in table.rows)
    words = {1: "One dense model", 3: "lowest and highest", 5: "95\xa0% intervals"}[replicates]
    assert any(words in n for n in table.notes)


def test_configurations_hold_each_once() -> None:
    study = Reportable(methods=3, samples=50)
    tables = Once(study)
    table = everything(tables, arms(tables))
    keys = study.runs[["model", "method", "recovery", "target", "level"]].drop_duplicates()
    assert len(table.rows) == len(keys)
    assert table.folded == f"All {len(keys)} configurations"


def test_more_runs_than_the_table_holds_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pruneviz.report.numbers.MOST_RUNS", 10)
    study = Reportable(methods=2, samples=20)
    table = run_table(Once(study), ())
    assert len(table.rows) == 10
    assert table.folded == f"10 of {len(study.runs)} runs"
    assert any("export" in n for n in table.notes)


def test_every_metric_is_among_the_numbers_or_left_to_the_charts() -> None:
    assert set(METRICS) - {name for name, _ in _NUMBERS} == {"compression"}
