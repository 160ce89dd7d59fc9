"""Rules against the tables of a study, each beside a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from placed import PlacedTables
from synthetic import SyntheticTables

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import AllOf, AnyOf, Became, Column, Ids, Inside, Named, Not, Range, Selection, Values
from pruneviz.views.selecting import chosen, sample_ids, undecided, within

STUDY = PlacedTables(methods=2, sparsities=(0.9,), samples=120, failed=1, looked_at=70)
RUNS = STUDY.runs
DENSE = RUNS.loc[RUNS["method"] == "dense", "run_id"].iloc[0]
PRUNED = RUNS.loc[(RUNS["method"] != "dense") & (RUNS["status"] == "done"), "run_id"].iloc[-1]
FAILED = RUNS.loc[RUNS["status"] == "failed", "run_id"].iloc[0]


def of_samples(rule, **more):
    return chosen(Selection("samples", rule), STUDY, **more)


def rows(run):
    return STUDY.table("samples", [run]).to_dict("records")


def test_ids_stand_in_the_study_order_and_unknown_ones_are_left_out():
    ids = sample_ids(STUDY)
    assert of_samples(Ids((ids[5], "not here", ids[2]))) == (ids[2], ids[5])


def test_ranges_values_and_outcomes_are_those_of_a_plain_loop():
    low = tuple(r["sample_id"] for r in rows(PRUNED) if r["margin"] <= 0.3)
    assert of_samples(Range(Column("margin", PRUNED), high=0.3)) == low
    between = tuple(r["sample_id"] for r in rows(PRUNED) if 0.2 <= r["loss"] <= 0.9)
    assert of_samples(Range(Column("loss", PRUNED), 0.2, 0.9)) == between
    coats = tuple(r["sample_id"] for r in rows(DENSE) if STUDY.classes[r["label"]] in ("Coat", "Bag"))
    assert of_samples(Values(Column("label"), ("Coat", "Bag"))) == coats
    wrong = tuple(r["sample_id"] for r in rows(PRUNED) if r["label"] != r["prediction"])
    assert of_samples(Values(Column("correct", PRUNED), ("no",))) == wrong
    said = tuple(r["sample_id"] for r in rows(PRUNED) if STUDY.classes[r["prediction"]] == "Bag")
    assert of_samples(Values(Column("prediction", PRUNED), ("Bag",))) == said
    pairs = zip(rows(DENSE), rows(PRUNED), strict=True)
    lost = tuple(a["sample_id"] for a, b in pairs if a["prediction"] == a["label"] != b["prediction"])
    assert lost
    assert of_samples(Became(PRUNED, DENSE, ("right to wrong",))) == lost
    everything = ("stayed right", "stayed wrong", "right to wrong", "wrong to right", "wrong to another wrong")
    assert of_samples(Became(PRUNED, DENSE, everything)) == sample_ids(STUDY)


def test_and_or_not_are_those_of_sets():
    a, b = Range(Column("margin", PRUNED), high=1.0), Values(Column("label"), ("Coat",))
    in_a, in_b, every = set(of_samples(a)), set(of_samples(b)), set(sample_ids(STUDY))
    assert set(of_samples(a & b)) == in_a & in_b
    assert set(of_samples(a | b)) == in_a | in_b
    assert set(of_samples(~(a & b))) == every - (in_a & in_b)


def test_what_is_not_known_of_an_image_puts_it_neither_into_a_rule_nor_into_its_inverse():
    """Against a plain loop over true, false and None."""
    places, labels = STUDY.places(PRUNED), {r["sample_id"]: STUDY.classes[r["label"]] for r in rows(DENSE)}

    def slowly(rule, i):
        if isinstance(rule, Not):
            inner = slowly(rule.rule, i)
            return None if inner is None else not inner
        if isinstance(rule, (AllOf, AnyOf)):
            found, decides = [slowly(r, i) for r in rule.rules], isinstance(rule, AnyOf)
            return decides if decides in found else None if None in found else not decides
        if isinstance(rule, Values):
            return labels[f"test:{i}"] in rule.values
        return bool(places[i, 0] >= 0) if i < len(places) else None

    right = Inside(*(Column(f"embedding {a}", PRUNED) for a in "xy"), ((0, -99), (99, -99), (99, 99), (0, 99)))
    low, coat = Range(Column("embedding x", PRUNED), low=0.0), Values(Column("label"), ("Coat",))
    nothing = (~AllOf(()), ~AnyOf(()))
    for rule in (right, ~right, ~low, coat & ~right, ~(coat & right), coat | ~low, ~(coat | right), *nothing):
        expected = [slowly(rule, i) for i in range(120)]
        assert of_samples(rule) == tuple(f"test:{i}" for i, e in enumerate(expected) if e)
        assert undecided(Selection("samples", rule), STUDY) == expected.count(None)
    assert undecided(Selection("samples", ~right), STUDY) == 50


def test_a_lasso_over_an_embedding_keeps_its_polygon():
    n = len(sample_ids(STUDY))
    axes = {Column("pca 1"): np.arange(n, dtype=float), Column("pca 2"): np.zeros(n)}
    lasso = Inside(Column("pca 1"), Column("pca 2"), ((2.5, -1), (9.5, -1), (9.5, 1), (2.5, 1)))
    assert of_samples(lasso, extra=axes) == sample_ids(STUDY)[3:10]


def test_points_within_a_polygon():
    square = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
    x, y = np.array([1.0, 3.0, -1.0, 1.0, np.nan]), np.array([1.0, 1.0, 1.0, 2.5, 1.0])
    assert within(x, y, square).tolist() == [True, False, False, False, False]
    bow = ((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0))  # crosses itself
    assert within(np.array([1.0, 0.3, 1.7]), np.array([0.3, 1.0, 1.0]), bow).tolist() == [False, True, True]


def test_runs_are_selected_by_their_columns():
    rule = Values(Column("method"), ("magnitude",)) & Range(Column("accuracy"), low=0.5)
    expected = tuple(
        r["run_id"] for r in RUNS.to_dict("records") if r["method"] == "magnitude" and (r["accuracy"] or 0) >= 0.5
    )
    assert chosen(Selection("runs", rule), STUDY) == expected


def test_a_saved_selection_means_what_it_means_now():
    saved = {"low": Selection("samples", Range(Column("margin", PRUNED), high=0.3))}
    assert of_samples(Named("low"), saved=saved) == of_samples(saved["low"].rule)
    saved |= {"a": Selection("samples", Named("b")), "b": Selection("samples", ~Named("a"))}
    with pytest.raises(SpecError, match="a → b → a"):
        of_samples(Named("a"), saved=saved)
    with pytest.raises(SpecError, match="got 'lwo'"):
        of_samples(Named("lwo"), saved=saved)
    with pytest.raises(SpecError, match="a saved selection of runs; this one is of samples"):
        chosen(Selection("runs", Named("low")), STUDY, saved)


@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        ("samples", Range(Column("margni", PRUNED)), "Did you mean 'margin'"),
        ("samples", Range(Column("margin", "nobody")), "this one is not in this study"),
        ("samples", Range(Column("margin", FAILED)), "this one is failed, not measured"),
        ("samples", Range(Column("loss"), low=2), 'loss of no run.*"run": "…"'),
        ("samples", Values(Column("loss", PRUNED), ("1",)), "this one holds numbers"),
        ("runs", Range(Column("method"), 0), "this one holds texts"),
        ("runs", Range(Column("accuracy", PRUNED)), "rules about runs name no run"),
        ("runs", Became(PRUNED, DENSE, ("right to wrong",)), "of samples and not of runs"),
    ],
)
def test_what_a_study_does_not_have_is_named(kind, rule, words):
    with pytest.raises(SpecError, match=words):
        chosen(Selection(kind, rule), STUDY)


def test_a_study_without_results_has_no_samples():
    empty = SyntheticTables(methods=1, sparsities=(0.5,), landed=0)
    assert sample_ids(empty) == ()
    assert chosen(Selection("samples", Ids(("test:0",))), empty) == ()
