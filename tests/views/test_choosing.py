"""Which runs a report compares."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest
from reportable import Reportable

from pruneviz.core.errors import UsageError
from pruneviz.views import runs as on
from pruneviz.views.choosing import AT_ONCE, choose, find_run
from pruneviz.views.once import Once


@dataclass(eq=False)
class Shuffled(Reportable):
    """The same study with another test split: nothing that was measured on it is the same."""

    @property
    def runs(self) -> pd.DataFrame:
        runs = super().runs
        for column in ("accuracy", "loss", "balanced_accuracy", "worst_class_accuracy"):
            runs[column] = runs[column].to_numpy()[::-1]
        return runs


@pytest.mark.parametrize("methods", [2, 6, 10])
def test_the_test_split_has_no_part_in_it(methods: int) -> None:
    asked = {"methods": methods, "samples": 50}
    assert choose(Once(Reportable(**asked)), None) == choose(Once(Shuffled(**asked)), None)


def test_few_runs_are_all_compared() -> None:
    study = Reportable(methods=2, sparsities=(0.5, 0.9), samples=20)
    choice = choose(Once(study), None)
    runs = study.runs
    own = runs[(runs["dense_run_id"] == choice.reference) & (runs["method"] != "dense")]
    assert choice.reference == runs["run_id"].iloc[0]
    assert set(choice.compared) == set(own["run_id"])
    assert len(own) <= AT_ONCE
    assert "8 of 24 pruned models" in choice.left_out


def test_many_are_narrowed_to_one_of_each_method_at_one_target_and_recovery() -> None:
    study = Reportable(methods=10, seeds=2, samples=20)
    choice = choose(Once(study), None)
    chosen = study.runs.set_index("run_id").loc[list(choice.compared)]
    assert sorted(chosen["method"]) == sorted(set(study.runs["method"]) - {"dense"})
    assert chosen["target"].nunique() == chosen["recovery"].nunique() == 1
    assert set(chosen["dense_run_id"]) == {choice.reference}
    assert list(chosen["method"])[-1] == "random"  # the control last, the others by validation
    assert list(chosen["val_accuracy"][:-1]) == sorted(chosen["val_accuracy"][:-1], reverse=True)
    assert "validation split" in choice.rule
    assert f"10 of {len(study.runs[~on.is_dense(study.runs)])}" in choice.left_out


def test_named_runs_by_name_id_or_its_beginning() -> None:
    study = Reportable(samples=20)
    runs = study.runs
    one, two, three = runs["run_id"].iloc[[5, 9, 12]]
    choice = choose(Once(study), [one, runs["name"].iloc[9], three[:8], one])
    assert choice.compared == (one, two, three)
    assert choice.reference == runs["dense_run_id"].iloc[5]


def test_a_named_dense_model_is_the_reference() -> None:
    study = Reportable(samples=20, replicates=2)
    runs = study.runs
    dense = runs.loc[on.is_original(runs), "run_id"].iloc[1]
    choice = choose(Once(study), [runs["run_id"].iloc[5], dense])
    assert (choice.reference, choice.compared) == (dense, (runs["run_id"].iloc[5],))


def test_a_run_is_found_by_what_pictures_call_it() -> None:
    runs = Reportable(samples=20, replicates=2).runs
    labels = on.labels(runs, list(runs["run_id"]))
    for run_id, label in labels.items():
        assert find_run(runs, label) == run_id
        assert find_run(runs, label.replace("\xa0", "").replace("%", "  % ")) == run_id
    with pytest.raises(UsageError, match=r"2 runs; .* 'magnitude 50 % finetune #0' and 'magnitude 50 % finetune #1'"):
        find_run(runs, "magnitude 50% finetune")
    with pytest.raises(UsageError, match="fits no run"):  # a word is not a part of a word
        find_run(runs, "magnitude 5")


def test_what_cannot_be_compared_is_told() -> None:
    study = Reportable(samples=20, failed=1)
    tables = Once(study)
    names = list(study.runs["name"])
    for wanted, words in [
        (["no such run"], ["'no such run'", "fits no run"]),
        ([names[3][:-2]], ["Did you mean", names[3]]),
        (["taylor"], ["Some that hold it", "taylor"]),
        ([""], ["fits no run"]),
        ([names[-1]], ["is failed", "Diverged"]),
        (names[2:20], ["got 18", "at most 16"]),
    ]:
        with pytest.raises(UsageError) as e:
            choose(tables, wanted)
        assert all(w in str(e.value) for w in words), str(e.value)


def test_an_empty_study_and_one_without_pruning() -> None:
    nothing = choose(Once(Reportable(replicates=0, samples=0)), None)
    assert (nothing.reference, nothing.compared) == ("", ())
    dense = choose(Once(Reportable(methods=0, retrained=False, samples=20)), None)
    assert dense.reference
    assert dense.compared == ()
