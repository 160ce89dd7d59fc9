from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from calibrated import CLASSES, N, analysis, logits_of, make, seen
from references import calibration_slow as slow

from pruneviz.api import read_study
from pruneviz.core.errors import ModelError, Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz.measures.statistics import hierarchical_bootstrap, resampled_means, t_interval
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.calibration import Calibration
from pruneviz_analyses.calibration.schemas import BINS, SEEN
from pruneviz_analyses.calibration.schemas import SAMPLES as SCORES


def said(study):
    return study.options.findings(study, study.options.measure(study))


# -- what is seen of one run


def test_every_number_of_a_run_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, N)
    z, told = logits_of(rng, labels), []
    found = analysis.observe(
        [seen("r", z, labels)], analysis.observations(make(1).runs)[0].part, lambda *a: told.append(a)
    )
    assert told[0][0] == 0
    assert told[-1][0] < told[-1][1]
    shares = [slow.softmax(row) for row in z.astype(float).tolist()]
    confidence = [max(s) for s in shares]
    right = [s.index(max(s)) == y for s, y in zip(shares, labels, strict=True)]
    row, bins = found[SEEN.name].iloc[0], found[BINS.name]
    assert row["accuracy"] == pytest.approx(np.mean(right))
    assert row["overconfidence"] == pytest.approx(np.mean(confidence) - np.mean(right))
    assert row["nll"] == pytest.approx(-np.mean([np.log(s[y]) for s, y in zip(shares, labels, strict=True)]))
    each = [slow.brier(r, y) for r, y in zip(z.astype(float).tolist(), labels, strict=True)]
    assert found[SCORES.name]["brier"].to_numpy() == pytest.approx(each)
    assert row["brier"] == pytest.approx(np.mean(each))
    edges = {"width": slow.edges_of_equal_width(10), "mass": slow.edges_of_equal_mass(confidence, 10)}
    for kind, own in edges.items():
        expected = slow.table(confidence, right, own)
        table = bins[bins["binning"] == kind]
        assert table["samples"].tolist() == [n for n, _, _ in expected]
        assert table["accuracy"].to_numpy(float) == pytest.approx([a for _, _, a in expected], nan_ok=True)
        assert row[f"ece_{kind}"] == pytest.approx(slow.ece(expected))
        there = table[table["samples"] > 0]
        assert (there["expected_low"] <= there["expected_high"]).all()
        assert 0 < row[f"ece_{kind}_floor"] < row[f"ece_{kind}_chance"] < 0.2
    assert row["squared_error"] == pytest.approx(slow.squared_error(confidence, right, edges["mass"]))


def test_outputs_that_are_no_numbers_are_named():
    z = np.zeros((N, CLASSES), np.float32)
    z[7, 1] = np.nan
    part = analysis.observations(make(1).runs)[0].part
    with pytest.raises(ModelError, match=r"NaN or infinite for 1 of 300 samples \(first: number 7\)"):
        analysis.observe([seen("r", z, np.zeros(N, np.int64))], part, lambda *at: None)


def test_only_what_decides_is_in_the_key():
    runs = make(1).runs
    one, other = (dict(a.observations(runs)[0].part) for a in (Calibration(), Calibration(resamples=500, sentences=3)))
    assert one == other == {"bins": 15, "simulations": 1000, "level": 0.95, "seed": 0}


# -- the tables


def test_differences_are_paired_by_image_and_widened_by_the_floors():
    study = make(2)
    frames = analysis.measure(study)
    runs = frames["calibration"].set_index("run_id")
    table = frames["calibration_differences"].set_index(["run_id", "against", "metric"])
    assert len(table) == 2 * (3 + 1) * 6  # each pruned and retrained run against dense, one against retrained too
    for against, reference in (("dense", "d1"), ("retrained", "r10")):
        own, other = (study.seen[r][SCORES.name]["brier"].to_numpy(float) for r in ("p10", reference))
        row = table.loc[("p10", against, "brier")]
        expected = t_interval(own - other)
        assert row["reference_run_id"] == reference
        got = row[["difference", "low", "high"]].to_numpy(float)
        assert got == pytest.approx([expected.mean, expected.low, expected.high], abs=1e-6)
        assert row["value"] - row["reference_value"] == pytest.approx(row["difference"])
    for name in ("ece_mass", "ece_width"):
        row = table.loc[("p10", "dense", name)]
        assert row["value"] == pytest.approx(runs.loc["p10", name], abs=1e-6)
        assert row["difference"] == pytest.approx(runs.loc["p10", name] - runs.loc["d1", name], abs=1e-6)
        assert row["low"] < row["difference"] - runs.loc["p10", f"{name}_floor"]
        assert row["high"] > row["difference"] + runs.loc["d1", f"{name}_floor"]
    assert table.loc[("p10", "dense", "squared_error"), "value"] == pytest.approx(
        runs.loc["p10", "squared_error"], abs=1e-6
    )
    assert table.loc[("p10", "dense", "nll"), "value"] == pytest.approx(runs.loc["p10", "nll"], abs=1e-6)
    assert pd.isna(runs.loc["d0", "reference_run_id"])
    assert (runs.loc["p10", "kind"], runs.loc["r10", "kind"], runs.loc["d0", "kind"]) == (
        "pruned",
        "retrained",
        "dense",
    )


def test_arms_average_dense_models_and_not_runs():
    study = make(2, seeds=2)
    study.rows = [r for r in study.rows if r["run_id"] != "p01"]
    frames = analysis.measure(study)
    arm = frames["calibration_arms"].set_index(["arm", "metric"]).loc[("net · magnitude · finetune · 0.9", "brier")]
    value = frames["calibration"].set_index("run_id")["brier"]
    assert arm["mean"] == pytest.approx((value["p00"] + (value["p10"] + value["p11"]) / 2) / 2, abs=1e-6)
    assert (arm["runs"], arm["dense_models"], arm["retrained_runs"]) == (3, 2, 3)
    assert np.isnan(arm["difference_low"])
    assert arm["excess"] == pytest.approx(arm["difference"] - arm["retrained_difference"], abs=1e-6)


def test_intervals_are_over_dense_models_seeds_and_images():
    study = make(5, seeds=2)
    arms = analysis.measure(study)["calibration_arms"].set_index(["arm", "metric"])
    row = arms.loc[("net · magnitude · finetune · 0.9", "brier")]
    order = sorted(range(N), key=lambda i: f"test:{i}")
    scores = {r: study.seen[r][SCORES.name]["brier"].to_numpy(np.float32)[order] for r in study.logits}
    runs = sorted(r for r in scores if r.startswith("p"))
    drawn = {r: resampled_means(scores[r][None], 300, 0) for r in scores}
    for name, reference in (("difference", lambda r: f"d{r[1]}"), ("excess", lambda r: f"r{r[1:]}")):
        each = [float(scores[r].mean(dtype=float) - scores[reference(r)].mean(dtype=float)) for r in runs]
        draws = np.concatenate([drawn[r] - drawn[reference(r)] for r in runs])
        expected = hierarchical_bootstrap(each, [r[1] for r in runs], resampled=draws, seed=0)
        got = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
        assert got == pytest.approx([expected.mean, expected.low, expected.high], abs=1e-6)
    ece = arms.loc[("net · magnitude · finetune · 0.9", "ece_mass")]
    assert ece["difference_low"] < ece["difference"] - ece["floor"]
    assert 0 <= ece["beyond_chance"] <= 10
    assert pd.isna(row["beyond_chance"])
    assert pd.isna(arms.loc[("net · dense", "brier"), "difference"])


def test_the_order_of_runs_says_nothing():
    one, other = make(5), make(5)
    other.rows = other.rows[::-1]
    for name, frame in analysis.measure(one).items():
        key = [c for c in ("arm", "run_id", "against", "metric") if c in frame]
        left, right = (f.sort_values(key, ignore_index=True) for f in (frame, analysis.measure(other)[name]))
        pd.testing.assert_frame_equal(left, right)


def test_samples_that_a_run_lacks_are_left_out_of_all_differences():
    study = make(2, lacking={"p00": 20})
    frames = analysis.measure(study)
    assert set(frames["calibration_differences"]["samples"]) == {280}
    assert "Differences are over the 280 images that every run has; up to 20 left out." in analysis.findings(
        study, frames
    )


def test_runs_that_were_not_looked_at_are_left_out_and_counted():
    study = make(2, unseen=("d1", "b0"))
    study.rows[-1] |= {"status": "failed"}
    frames = analysis.measure(study)
    assert set(frames["calibration"]["run_id"]) == {"d0", "r00", "p00"}
    words = analysis.findings(study, frames)
    assert "1 run is left out: failed." in words
    assert any(w.startswith("4 runs left out: the probabilities have not been looked at") for w in words)


def test_nothing_seen_gives_empty_tables():
    study = make(1)
    study.table = lambda name, run_ids=None: (_ for _ in ()).throw(KeyError(name))  # type: ignore[method-assign]
    frames = analysis.measure(study)
    assert all(f.empty for f in frames.values())
    analysis.findings(study, frames)


# -- the sentences


def test_models_that_are_surer_than_they_may_be_are_told():
    words = said(make(6, sure=4.0))
    assert words[0].startswith("net · dense: ECE 0.")
    assert "of 6 models above what 95 % of calibrated models stay below" in words[0]
    arm = next(w for w in words if w.startswith("net · magnitude · finetune · 0.9"))
    assert "points above accuracy (6 runs of 6 dense models)" in arm
    assert "squared calibration error worse (+0." in arm
    assert "Retraining alone: squared calibration error" in arm
    bare = next(w for w in words if w.startswith("net · random · none · 0.9"))
    assert "Retraining alone" not in bare


def test_few_dense_models_give_no_interval_and_a_single_run_its_own():
    few = next(w for w in said(make(3)) if w.startswith("net · magnitude"))
    assert "(too few dense models for an interval)" in few
    assert "worse" not in few
    assert "fewer than 5 dense models give no interval" in few
    one = next(w for w in said(make(1, sure=4.0)) if w.startswith("net · magnitude"))
    assert "Against dense over test images, for these models alone: squared calibration error worse (+0." in one


def test_without_a_retrained_model_that_is_said():
    assert any(
        "No dense model was retrained the same way to set beside it." in w for w in said(make(2, retrained=False))
    )


def test_few_images_a_bin_are_named():
    study = make(1, options=Calibration(bins=100, simulations=100))
    assert "With 300 images, bins hold 3 each: ECE is mostly its floor. Ask for fewer bins, such as 30." in said(study)


def test_tables_read_back_from_a_store_say_the_same():
    study = make(5)
    frames = analysis.measure(study)
    back = {
        s.name: pa.Table.from_pandas(frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in analysis.schemas
    }
    assert analysis.findings(study, back) == analysis.findings(study, frames)


def test_pruning_that_does_what_retraining_does_is_seldom_called_different():
    """30 studies in one, each with a model of its own: the pruned models are drawn as the retrained ones are."""
    study = make(5, sure=1.0, nets=30, options=Calibration(bins=10, simulations=100, resamples=200))
    arms = study.options.measure(study)["calibration_arms"]
    arms = arms[arms["kind"] == "pruned"]
    assert len(arms) == 30 * 6
    arms["wrong"] = (arms["excess_low"] > 0) | (arms["excess_high"] < 0)
    assert arms.groupby("metric")["wrong"].mean().max() <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 30)


# -- before it starts


def test_what_it_cannot_support_is_said_before_it_starts():
    spec = study_from_plain({"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}, "study")
    analysis.check(Subject(spec, ("a", "b"), 10))
    with pytest.raises(Unsupported, match="has 1 class; it needs at least 2"):
        analysis.check(Subject(spec, ("a",), 100))
    with pytest.raises(Unsupported, match="5 test samples cannot fill 10 bins"):
        analysis.check(Subject(spec, ("a", "b"), 5))


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("calibration"), quick=True).result(tmp_path / "s", executor="inline", device="cpu")
    study = result.study
    assert not result.failed
    table, runs = study.table("calibration").set_index("run_id"), study.runs.set_index("run_id")
    assert set(table.index) == set(runs.index)
    assert table["accuracy"].to_dict() == pytest.approx(runs["accuracy"].to_dict())
    assert table["nll"].to_dict() == pytest.approx(runs["loss"].to_dict(), rel=1e-5)
    assert (
        study.table("calibration_bins").groupby(["run_id", "binning"], observed=True)["samples"].sum() == 2000
    ).all()
    words = study.findings()["calibration"]
    assert words[0].startswith("lenet5-fashion · dense: ECE 0.036 in bins of equal numbers, where a calibrated model")
    assert " shows 0.010 on 2,000 images" in words[0]
