from __future__ import annotations

import numpy as np
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import marks as m
from pruneviz.views.pictures.smallest import choices, smallest_info


def by_hand(tables: SyntheticTables) -> float:
    """The least mean size over configurations within a point on validation, from the definition."""
    runs = tables.runs
    dense = runs[runs["run_id"] == runs["dense_run_id"]].set_index("run_id")
    best = np.inf
    for _, group in runs[runs["method"] != "dense"].groupby(["method", "recovery", "target"]):
        own = group.groupby("dense_run_id")[["val_accuracy", "parameters_nonzero"]].mean()
        drop = (dense["val_accuracy"].loc[own.index] - own["val_accuracy"]).mean()
        if len(own) == len(dense) and drop <= 0.01:
            best = min(best, float(own["parameters_nonzero"].mean()))
    return best


def test_the_choice_is_the_definition() -> None:
    for tables in (SyntheticTables(samples=2000), SyntheticTables(replicates=5, seeds=2, samples=1000)):
        (chosen,) = choices(tables, ViewState())
        assert chosen.size == by_hand(tables)
        assert chosen.n == tables.replicates
        assert chosen.change >= -0.01


def test_the_test_split_has_no_part_in_it() -> None:
    tables, other = SyntheticTables(), SyntheticTables()
    changed = other.runs
    changed["accuracy"] = 1 - changed["accuracy"]
    other.__dict__["_all_runs"] = changed
    (a,), (b,) = choices(tables, ViewState()), choices(other, ViewState())
    assert (a.label, a.size, a.change) == (b.label, b.size, b.change)
    assert a.test != b.test


def test_none_is_said_with_the_closest() -> None:
    hard = SyntheticTables(sparsities=(0.95,), recoveries=("none",), samples=500)
    picture = smallest_info(hard, ViewState())
    assert picture.empty.startswith("No model is within 1 point of dense; the closest is ")
    assert "points below" in picture.empty


def test_without_validation_nothing_is_chosen() -> None:
    picture = smallest_info(SyntheticTables(unmeasured=("val_accuracy",)), ViewState())
    assert "the test split must not choose" in picture.empty


def test_numbers_stand_in_the_sentence() -> None:
    picture = smallest_info(SyntheticTables(samples=2000), ViewState())
    text = picture.sentences[0]
    for part in (
        "non-zero parameters",
        "smaller than dense",
        "validation split",
        "test split",
        "mean of 3 dense models",
    ):
        assert part in text
    assert "#0" in picture.sentences[1]


def test_every_method_and_recovery_has_a_row_and_those_without_one_say_so() -> None:
    picture = smallest_info(SyntheticTables(samples=2000), ViewState())
    assert len(picture.y.categories) == 5 * 2
    (words,) = [k for k in picture.marks if isinstance(k, m.Text)]
    assert "none within 1 point" in words.text


def test_an_unfinished_configuration_is_not_chosen_for_the_whole() -> None:
    tables = SyntheticTables(replicates=3, samples=2000)
    runs = tables.runs
    first = runs[(runs["method"] != "dense") & (runs["replicate"] == 0)].index
    tables.land(int(first[-1]) + 1)  # only the first dense model's runs have landed
    (chosen,) = choices(tables, ViewState())
    assert chosen.label  # measured on every dense model that has landed
    assert chosen.n == 1
