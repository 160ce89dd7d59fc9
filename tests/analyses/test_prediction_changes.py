from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from references import prediction_changes_slow as slow
from scipy.stats import binomtest
from synthetic import SyntheticTables, empty

from pruneviz.api import read_study
from pruneviz.core.errors import DataError, Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz.measures.statistics import hierarchical_bootstrap, holm, resampled_means
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.prediction_changes import PredictionChanges

PAIRS, CLASSES = "prediction_changes", "prediction_changes_classes"
ARMS, SAMPLES = "prediction_changes_arms", "prediction_changes_samples"
EXEMPLARS = "prediction_changes_exemplars"

analysis = PredictionChanges(resamples=300)


@pytest.fixture
def study(make_study):
    return make_study()


@pytest.fixture
def frames(study):
    return analysis.measure(study)


# -- the tables


def test_every_pair_agrees_with_the_definition(study, frames):
    samples, ids = study.table("samples"), [f"test:{i}" for i in range(120)]
    found = {r: slow.by_id(samples, r) for r in study.predictions}
    pairs = frames[PAIRS]
    assert len(pairs) == 3 * 5 + 3
    for row in pairs.to_dict("records"):
        reference, run = found[row["reference_run_id"]], found[row["run_id"]]
        expected = slow.compare(reference, run, ids)
        assert {k: row[k] for k in expected} == expected
        assert row["churn"] == pytest.approx(slow.churn(expected))
        assert row["negative_flips"] == expected["right_to_wrong"] / 120
        assert row["positive_flips"] == expected["wrong_to_right"] / 120
        difference = (expected["wrong_to_right"] - expected["right_to_wrong"]) / 120
        assert row["accuracy_difference"] == pytest.approx(difference)
        assert row["accuracy_difference_low"] < difference < row["accuracy_difference_high"]
        told_apart = expected["right_to_wrong"] + expected["wrong_to_right"]
        assert row["p"] == pytest.approx(binomtest(expected["right_to_wrong"], told_apart).pvalue)


def test_each_pruned_run_stands_beside_its_dense_model_retrained_alike_and_beside_other_dense_models(study, frames):
    samples, ids = study.table("samples"), [f"test:{i}" for i in range(120)]
    found = {r: slow.by_id(samples, r) for r in study.predictions}
    pairs = frames[PAIRS].set_index("run_id")
    for m, s in itertools.product(range(3), range(2)):
        row = pairs.loc[f"p{m}{s}"]
        assert (row["kind"], row["reference_run_id"], row["retrained_run_id"]) == ("pruned", f"d{m}", f"r{m}{s}")
        alone = slow.compare(found[f"d{m}"], found[f"r{m}{s}"], ids)
        assert row["retrained_churn"] == pytest.approx(slow.churn(alone))
        assert row["retrained_negative_flips"] == alone["right_to_wrong"] / 120
        assert row["excess_churn"] == pytest.approx(row["churn"] - slow.churn(alone))
        assert row["excess_churn_low"] < row["excess_churn"] < row["excess_churn_high"]
        others = [slow.compare(found[f"d{m}"], found[f"d{k}"], ids) for k in range(3) if k != m]
        assert row["replicates"] == 2
        assert row["replicate_churn"] == pytest.approx(np.mean([slow.churn(o) for o in others]))
        assert row["replicate_negative_flips"] == pytest.approx(np.mean([o["right_to_wrong"] / 120 for o in others]))
    bare = pairs.loc["b0"]
    assert pd.isna(bare["retrained_run_id"])
    assert np.isnan(bare["excess_churn"])
    assert bare["replicates"] == 2
    replicates = pairs[pairs["kind"] == "replicate"]
    assert [(r, q) for r, q in zip(replicates["reference_run_id"], replicates.index, strict=True)] == [
        ("d0", "d1"),
        ("d0", "d2"),
        ("d1", "d2"),
    ]


def test_a_retrained_model_of_another_seed_recovery_or_dense_model_is_no_baseline(tiny):
    study = tiny(np.array([0, 1, 2]), ("a", "b", "c"))
    study.add("d", [0, 1, 2]).add("e", [0, 1, 2], replicate=1)
    for name, dense, recovery, seed in (
        ("other seed", "d", "finetune", 1),
        ("other recovery", "d", "lr-rewind", 0),
        ("other dense model", "e", "finetune", 0),
    ):
        study.add(name, [0, 1, 1], recovery=recovery, dense=dense, seed=seed)
    study.add("p", [0, 1, 1], method="magnitude", recovery="finetune", dense="d", seed=0)
    pairs = analysis.measure(study)[PAIRS].set_index("run_id")
    assert pd.isna(pairs.loc["p", "retrained_run_id"])


def test_classes_agree_with_the_definition(study, frames):
    samples, ids = study.table("samples"), [f"test:{i}" for i in range(120)]
    found = {r: slow.by_id(samples, r) for r in study.predictions}
    classes = frames[CLASSES]
    assert len(classes) == len(frames[PAIRS]) * 4
    for row in classes.to_dict("records"):
        k = row["class_index"]
        assert row["class"] == f"class {k}"
        expected = slow.compare(found[row["reference_run_id"]], found[row["run_id"]], ids, label=k)
        assert {name: row[name] for name in expected if name != "unchanged"} == {
            name: v for name, v in expected.items() if name != "unchanged"
        }
        assert row["churn"] == pytest.approx(slow.churn(expected))
        assert row["accuracy_difference"] == pytest.approx(
            (expected["wrong_to_right"] - expected["right_to_wrong"]) / expected["samples"]
        )
        own = classes[(classes["run_id"] == row["run_id"]) & (classes["reference_run_id"] == row["reference_run_id"])]
        assert row["p"] <= row["p_holm"] <= min(1, 4 * row["p"]) + 1e-12
        assert own["p_holm"].min() == pytest.approx(min(1, 4 * own["p"].min()))
    by_run = classes[classes["kind"] != "replicate"].set_index(["run_id", "class_index"])
    assert by_run.loc[("p10", 2), "retrained_churn"] == by_run.loc[("r10", 2), "churn"]
    assert by_run.loc[("p10", 2), "retrained_difference"] == by_run.loc[("r10", 2), "accuracy_difference"]
    assert np.isnan(by_run.loc[("b1", 2), "retrained_churn"])


def test_samples_count_the_runs_in_which_they_flipped(study, frames):
    samples, ids = study.table("samples"), [f"test:{i}" for i in range(120)]
    found = {r: slow.by_id(samples, r) for r in study.predictions}
    table = frames[SAMPLES]
    arm = table[table["arm"] == "net · magnitude · finetune · 0.9"].set_index("sample_id")
    assert sorted(arm.index) == sorted(ids)
    assert set(arm["runs"]) == {6}
    each = [slow.flipped(found[f"d{m}"], found[f"p{m}{s}"], ids) for m in range(3) for s in range(2)]
    for name in ("flips", "right_to_wrong", "wrong_to_right"):
        for i in ids:
            assert arm.loc[i, name] == sum(i in e[name] for e in each)


def test_arms_average_dense_models_and_not_runs(tiny):
    labels = np.zeros(10, int)
    study = tiny(labels, ("a", "b"))
    for m, churns in enumerate(([0.1, 0.3], [0.8])):
        study.add(f"d{m}", labels, replicate=m)
        for s, share in enumerate(churns):
            study.add(f"p{m}{s}", np.arange(10) < 10 * share, method="random", recovery="none", dense=f"d{m}", seed=s)
    arms = analysis.measure(study)[ARMS].set_index("arm")
    row = arms.loc["net · random · none · 0.9"]
    assert row["churn"] == pytest.approx((0.2 + 0.8) / 2)
    assert (row["churn_least"], row["churn_most"], row["runs"], row["dense_models"]) == (0.1, 0.8, 3, 2)
    assert row["accuracy_difference"] == pytest.approx(-0.5)


def test_intervals_over_dense_models_only_where_there_are_enough(make_study):
    few = analysis.measure(make_study(models=4))[ARMS].set_index("arm")
    many = analysis.measure(make_study(models=5))[ARMS].set_index("arm")
    name = "net · magnitude · finetune · 0.9"
    assert np.isnan(few.loc[name, "churn_low"])
    row = many.loc[name]
    for metric in ("churn", "negative_flips", "accuracy_difference", "excess_churn"):
        assert row[f"{metric}_low"] < row[metric] < row[f"{metric}_high"]
    assert row["excess_churn"] == pytest.approx(row["churn"] - row["retrained_churn"])
    assert np.isnan(many.loc["net · dense · other dense models", "churn_low"])  # pairs share models
    assert many.loc["net · dense · other dense models", "dense_models"] == 5
    assert np.isnan(many.loc["net · dense · other dense models", "accuracy_difference"])  # its sign is arbitrary


def test_intervals_are_those_of_each_metric_resampled_over_models_seeds_and_images(make_study):
    study = make_study(models=5)
    row = analysis.measure(study)[ARMS].set_index("arm").loc["net · magnitude · finetune · 0.9"]
    labels, dense, values = study.labels, [], {"churn": [], "negative_flips": [], "accuracy_difference": []}
    values["excess_churn"] = []
    for m, s in itertools.product(range(5), range(2)):
        before, after, again = (study.predictions[r] for r in (f"d{m}", f"p{m}{s}", f"r{m}{s}"))
        dense.append(f"d{m}")
        values["churn"].append((before != after).astype(int))
        values["negative_flips"].append(((before == labels) & (after != labels)).astype(int))
        values["accuracy_difference"].append((after == labels).astype(int) - (before == labels))
        values["excess_churn"].append((before != after).astype(int) - (before != again))
    for metric, rows in values.items():
        each = np.array(rows)[:, sorted(range(120), key=lambda i: f"test:{i}")]
        drawn = resampled_means(each, 300, seed=0)
        expected = hierarchical_bootstrap(each.mean(axis=1), dense, resampled=drawn, resamples=300, seed=0)
        got = [row[metric], row[f"{metric}_low"], row[f"{metric}_high"]]
        assert got == pytest.approx([expected.mean, expected.low, expected.high])


def test_the_order_of_rows_says_nothing(make_study):
    once, again = make_study(models=5), make_study(models=5)
    again.order = np.random.default_rng(99)
    runs = [r for r in again.rows if r["method"] != "dense" or r["recovery"] != "none"]
    again.rows = [r for r in again.rows if r not in runs] + runs[::-1]  # dense models first, the others backwards
    others = analysis.measure(again)
    for name, frame in analysis.measure(once).items():
        key = [c for c in ("arm", "run_id", "reference_run_id", "class_index", "sample_id") if c in frame]
        other = others[name]
        pd.testing.assert_frame_equal(
            frame.sort_values(key, ignore_index=True), other.sort_values(key, ignore_index=True)
        )


def test_more_runs_leave_the_rows_of_the_others_as_they_were(make_study):
    small, large = make_study(), make_study()
    large.add("x", large.predictions["d0"][::-1], method="random", dense="d0")
    before, after = analysis.measure(small)[PAIRS], analysis.measure(large)[PAIRS]
    pd.testing.assert_frame_equal(after[after["run_id"] != "x"].reset_index(drop=True), before)


def test_ids_as_categories_are_the_same(study, frames, monkeypatch):
    plain = type(study).table
    monkeypatch.setattr(
        type(study),
        "table",
        lambda self, name, ids=None: plain(self, name, ids).astype({"sample_id": "category", "run_id": "category"}),
    )
    pd.testing.assert_frame_equal(analysis.measure(study)[PAIRS], frames[PAIRS])


def test_reading_in_chunks_is_the_same(study, frames, monkeypatch):
    monkeypatch.setattr("pruneviz_analyses.arrays._RUNS_AT_ONCE", 2)
    monkeypatch.setattr("pruneviz_analyses.prediction_changes.compared._PAIRS_AT_ONCE", 4)
    for name in (PAIRS, CLASSES, ARMS):
        pd.testing.assert_frame_equal(analysis.measure(study)[name], frames[name])


def test_samples_that_a_run_lacks_are_left_out_of_all_and_counted(tiny):
    study = tiny(np.array([0, 1, 0, 1]), ("a", "b"))
    study.add("d", [0, 1, 0, -1]).add("p", [0, 0, -1, 1], method="magnitude", dense="d")
    frames = analysis.measure(study)
    row = frames[PAIRS].iloc[0]
    assert (row["samples"], row["left_out"], row["churn"]) == (2, 1, 0.5)
    assert "Up to 1 sample of a run left out: not every run was measured on them." in analysis.findings(study, frames)


def test_a_class_without_samples_and_a_small_one_are_named(tiny):
    study = tiny(np.array([0] * 12 + [1] * 3), ("many", "few", "none"))
    study.add("d", [0] * 15).add("p", [1] * 15, method="magnitude", dense="d")
    frames = analysis.measure(study)
    classes = frames[CLASSES].set_index("class")
    assert classes["accuracy_difference_low"].isna().tolist() == [False, True, True]
    assert np.isnan(classes.loc["none", "churn"])
    assert np.isnan(classes.loc["none", "p_holm"])
    said = analysis.findings(study, frames)
    assert "Without test samples, so without any figure: 'none'." in said
    assert "With fewer than 10 test samples, so without an interval: 'few'." in said


# -- what cannot be compared


def test_exemplars_need_ten_dense_models_and_take_one_run_of_each(make_study):
    study = make_study(models=10, seeds=2, n=60, pruned=0.2)
    study.predictions |= {f"p{m}0": np.where(np.arange(60) < 7, 3, study.predictions[f"d{m}"]) for m in range(10)}
    study.predictions |= {f"r{m}0": np.where(np.arange(60) < 3, 3, study.predictions[f"r{m}0"]) for m in range(10)}
    frames = analysis.measure(study)
    arm = "net · magnitude · finetune · 0.9"
    before, after = (
        np.array([study.predictions[f"{a}"] for a in ids])
        for ids in ([f"d{m}" for m in range(10)], [f"p{m}0" for m in range(10)])
    )
    most = [[np.bincount(models[:, i], minlength=4) for models in (before, after)] for i in range(60)]
    expected = [
        i for i, (a, b) in enumerate(most) if not ({*np.flatnonzero(a == a.max())} & {*np.flatnonzero(b == b.max())})
    ]
    assert 0 < len(expected) <= 7
    found = frames[EXEMPLARS][frames[EXEMPLARS]["arm"] == arm].set_index("sample_id").sort_index()
    assert sorted(found.index) == sorted(f"test:{i}" for i in expected)
    one = found.loc[f"test:{expected[0]}"]
    dense = most[expected[0]][0]
    assert (one["label"], one["prediction"], one["agreeing"], one["models"]) == (
        f"class {study.labels[expected[0]]}",
        "class 3",
        10,
        10,
    )
    assert (one["dense_prediction"], one["dense_agreeing"]) == (f"class {dense.argmax()}", dense.max())
    alone = found_alone(study)
    assert alone  # training on without pruning has its own
    for i in expected:
        had, has = most[i]
        own = found.loc[f"test:{i}"]
        assert (own["dense_already"], own["still"]) == (had[has.argmax()], has[had.argmax()])
        assert (own["dense_tied"], own["tied"]) == (list(had).count(had.max()) - 1, list(has).count(has.max()) - 1)
        assert own["retrained_too"] == (i in alone)
    row = frames[ARMS].set_index("arm").loc[arm]
    assert row["exemplars"] == len(expected)
    assert row["exemplars_expected"] < len(expected)
    assert (row["retrained_exemplars"], row["shared_exemplars"]) == (len(alone), len(alone & {*expected}))
    assert pd.isna(row["control_exemplars"])  # this study prunes nothing at random
    pruned = frames[ARMS][frames[ARMS]["kind"] == "pruned"]
    assert pruned["exemplars_p_holm"].tolist() == pytest.approx(holm(pruned["exemplars_p"].to_numpy(float)).tolist())
    bare = frames[ARMS].set_index("arm").loc["net · magnitude · none · 0.9"]
    assert pd.isna(bare["retrained_exemplars"])  # without a recovery nothing was trained on
    assert row["exemplars_dense_accuracy"] == pytest.approx(np.mean(before[:, expected] == study.labels[expected]))
    said = said_of(study, arm)
    counted = f" {len(expected)} of 60 images are pruning-identified exemplars (10 dense and as many pruned models), "
    assert counted in said
    assert f"; {len(alone)} by retraining alone, {len(alone & {*expected})} of them the same images." in said


def found_alone(study):
    """Images on which no most frequent prediction of the models trained on is one of their dense models'."""
    found = set()
    for i in range(len(study.labels)):
        dense, trained = (
            np.bincount([study.predictions[r][i] for r in ids], minlength=4)
            for ids in ([f"d{m}" for m in range(10)], [f"r{m}0" for m in range(10)])
        )
        if not {*np.flatnonzero(dense == dense.max())} & {*np.flatnonzero(trained == trained.max())}:
            found.add(i)
    return found


def test_nine_dense_models_have_no_exemplars(make_study):
    frames = analysis.measure(make_study(models=9, seeds=1, n=60))
    assert frames[EXEMPLARS].empty
    assert frames[ARMS]["exemplars"].isna().all()


def test_a_study_with_nothing_done_gives_empty_tables():
    for tables in (empty(), SyntheticTables(landed=0), SyntheticTables(replicates=1, methods=0, retrained=False)):
        frames = analysis.measure(tables)
        assert all(len(f) == 0 for f in frames.values())
        analysis.findings(tables, frames)


def test_samples_that_do_not_fit_are_refused(tiny):
    def two(**more):
        return tiny(np.array([0, 1]), ("a", "b")).add("d", [0, 1]).add("p", [1, 1], method="m", dense="d", **more)

    study = two()
    study.predictions["p"] = np.array([-1, -1])
    with pytest.raises(DataError, match="Run p: the samples table has no rows"):
        analysis.measure(study)

    study.predictions |= {"d": np.array([0, -1]), "p": np.array([-1, 0])}
    with pytest.raises(DataError, match="No sample is common to all runs"):
        analysis.measure(study)

    study = two()
    study.classes = ("a",)
    with pytest.raises(DataError, match="A label is 1, but the study has 1 classes"):
        analysis.measure(study)


@pytest.mark.parametrize("at_once", [1, 64])
def test_conflicting_labels_and_double_rows_are_refused(study, monkeypatch, at_once):
    monkeypatch.setattr("pruneviz_analyses.arrays._RUNS_AT_ONCE", at_once)
    plain = type(study).table

    def twice(self, name, ids=None):
        frame = plain(self, name, ids)
        return pd.concat([frame, frame[frame["run_id"] == "p00"].head(1)], ignore_index=True)

    def other(self, name, ids=None):
        frame = plain(self, name, ids)
        frame.loc[(frame["run_id"] == "p00") & (frame["sample_id"] == "test:5"), "label"] = 99
        return frame

    monkeypatch.setattr(type(study), "table", twice)
    with pytest.raises(DataError, match="Run p00: the samples table holds a sample twice"):
        analysis.measure(study)
    monkeypatch.setattr(type(study), "table", other)
    with pytest.raises(DataError, match="Sample 'test:5' has different labels in different runs"):
        analysis.measure(study)


def subject(classes=("a", "b"), samples=10, **tables):
    plain = {"model": {"source": "m:f"}, "data": {"source": "sample:digits"}, **tables}
    return Subject(study_from_plain(plain, "study"), classes, samples)


def test_what_it_cannot_support_is_said_before_it_starts():
    pruning = {"prune": {"methods": ["magnitude"], "sparsities": [0.5]}}
    analysis.check(subject(**pruning))
    analysis.check(subject(model={"source": "m:f", "replicates": 2}))
    with pytest.raises(Unsupported, match=r"no two models to compare\. Add methods"):
        analysis.check(subject())
    with pytest.raises(Unsupported, match="has 1 class; it needs at least 2"):
        analysis.check(subject(classes=("a",), **pruning))
    with pytest.raises(Unsupported, match="no samples"):
        analysis.check(subject(samples=0, **pruning))


# -- the sentences


def said_of(study, arm="net · magnitude · finetune · 0.9", **options):
    a = PredictionChanges(resamples=300, **options)
    return next(s for s in a.findings(study, a.measure(study)) if s.startswith(arm))


def test_few_dense_models_give_points_and_no_claim(make_study):
    text = said_of(make_study(models=3, pruned=0.6))
    assert re.search(r"\d+\.\d % to \d+\.\d % of predictions change \(6 runs of 3 dense models\)", text)
    assert "fewer than 5 dense models give no interval" in text
    assert not re.search("more than|fewer than that|…", text)


def test_one_pair_speaks_for_itself_alone(make_study):
    text = said_of(make_study(models=1, seeds=1, n=400))
    assert re.search(
        r"a difference of \+\d+\.\d points \(\+\d+\.\d … \+\d+\.\d over test images, for these models", text
    )


def test_a_clear_difference_is_told_with_its_interval(make_study):
    text = said_of(make_study(models=6, n=300, retrained=0.05, pruned=0.6))
    assert re.search(r"more than that \(\+\d+\.\d points, \+\d+\.\d … \+\d+\.\d\)", text)
    assert "6 dense models" in text
    fewer = said_of(make_study(models=6, n=300, retrained=0.6, pruned=0.05))
    assert "fewer than that" in fewer


def test_without_a_retrained_model_nothing_is_compared_with_it(make_study):
    study = make_study(models=1, seeds=1)
    study.rows = [r for r in study.rows if r["run_id"] != "r00"]
    said = analysis.findings(study, analysis.measure(study))
    assert "cannot be told from what training again would change" in said[0]
    assert any("with no dense model retrained the same way to set beside it" in s for s in said)
    assert any(
        s.startswith("net · magnitude · none") and "without a recovery there is no dense model retrained alike" in s
        for s in said
    )


def test_classes_are_named_only_where_every_run_loses_them(tiny):
    labels = np.repeat([0, 1], 100)
    study = tiny(labels, ("kept", "lost"))
    for m in range(2):
        study.add(f"d{m}", labels, replicate=m)
        study.add(f"p{m}", np.where(np.arange(200) < 140, labels, 0), method="magnitude", dense=f"d{m}")
    arm = "net · magnitude · none · 0.9"
    assert "In every run, accuracy falls on 'lost' (−60.0 points) (McNemar, Holm" in said_of(study, arm)
    study.predictions["p1"] = labels
    assert "accuracy falls" not in said_of(study, arm)


def test_tables_read_back_from_a_store_say_the_same(make_study):
    study = make_study(models=5, pruned=0.6)
    frames = analysis.measure(study)
    back = {
        s.name: pa.Table.from_pandas(frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in analysis.schemas
    }
    assert analysis.findings(study, back) == analysis.findings(study, frames)


def test_what_is_left_out_is_said(make_study):
    study = make_study()
    study.rows[-1] |= {"status": "failed"}
    study.rows[-2] |= {"status": "waiting"}
    study.rows[0] |= {"status": "failed"}  # a dense model: its runs have nothing to be compared with
    a = PredictionChanges(resamples=300, sentences=1)
    said = a.findings(study, a.measure(study))
    assert "2 runs are left out: failed." in said
    assert "1 run is left out: not done yet." in said
    assert "5 runs left out: the dense model to compare with is not done." in said
    assert "1 more arm is in the table prediction_changes_arms." in said


def test_random_controls_speak_after_what_they_control(make_study):
    study = make_study(models=2, seeds=1)
    for row in study.rows:
        if row["method"] == "magnitude" and row["recovery"] == "none":
            row |= {"method": "random"}  # the arm that changes most
        elif row["method"] == "magnitude":
            row |= {"control_run_id": f"b{row['dense_run_id'][1:]}"}
    said = analysis.findings(study, analysis.measure(study))
    arms = [s for s in said if s.startswith(("net · magnitude", "net · random"))]
    assert [a.split(" · ")[1] for a in arms] == ["magnitude", "random"]


def test_pruning_that_does_what_retraining_does_is_seldom_called_different(make_study):
    """150 studies in one, each with a model of its own: an interval may exclude 0 in 5 % of them."""
    trials = 150
    study = make_study(nets=trials, models=6, seeds=1, n=120, retrained=0.25, pruned=0.25)
    arms = PredictionChanges(resamples=300).measure(study)[ARMS]
    arms = arms[(arms["kind"] == "pruned") & (arms["recovery"] == "finetune")]
    assert len(arms) == trials
    assert np.mean((arms["excess_churn_low"] > 0) | (arms["excess_churn_high"] < 0)) <= 0.103  # three standard errors


def test_no_class_is_named_where_nothing_was_lost(make_study):
    for trial in range(10):
        study = make_study(seed=trial, models=1, seeds=1, n=400, classes=10)
        rng = np.random.default_rng(trial)
        dense = disturb(rng, study.labels, 0.2)
        study.predictions |= {"d0": dense, "p00": disturb(rng, study.labels, 0.2)}
        assert "accuracy falls" not in said_of(study)


def disturb(rng, labels, share):
    return np.where(rng.random(len(labels)) < share, (labels + 1) % 10, labels)


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("prediction_changes"), quick=True).result(tmp_path / "s", executor="inline")
    assert not result.failed
    study = result.study
    table, runs = study.table("prediction_changes").set_index("run_id"), study.runs.set_index("run_id")
    dense = runs.loc[runs["dense_run_id"].iloc[0], "accuracy"]
    change = table["accuracy_difference"].to_dict()
    assert change == pytest.approx({r: runs.loc[r, "accuracy"] - dense for r in table.index})
    assert study.findings()["prediction_changes"][0].startswith("lenet5-fashion, for comparison: finetune(")
