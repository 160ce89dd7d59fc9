"""What retrain_correlation makes of what it saw, and of a study's own methods."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from retrained import RetrainedTables, sets_of, study
from scipy.stats import kendalltau

from pruneviz.api import read_study
from pruneviz.core.analysis import Subject
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz_analyses.retrain_correlation import RetrainCorrelation, verdicts

ASKED = RetrainCorrelation(layers=("conv1",), ratios=(0.2,), permutations=199)


def measured(tables, asked=ASKED):
    frames = asked.measure(tables)
    for schema in asked.schemas:
        assert frames[schema.name].dtypes.to_dict() == schema.frame([]).dtypes.to_dict()
    said = asked.findings(tables, frames)
    assert all(s.endswith(".") and "nan" not in s and "None" not in s for s in said)
    return frames["retrain_correlation"], frames["retrain_correlation_models"], said


def only(frame, outcome="test_accuracy"):
    return frame[frame["outcome"] == outcome].reset_index(drop=True)


# -- τ and what stands beside it


def test_tau_is_that_of_the_means_over_repeats():
    tables = study(models=2, agreement=0.6, noise=1.0)
    cells, models, _ = measured(tables)
    losses = tables.table("retrain_correlation_subsets")
    after = tables.table("retrain_correlation_retrained")
    for row in models.to_dict("records"):
        own = losses[losses["run_id"] == row["run_id"]].set_index("subset")["pruned_loss"]
        mine = after[after["run_id"] == row["run_id"]]
        by_repeat = mine.pivot(index="subset", columns="repeat", values=row["outcome"])
        means = by_repeat.mean(axis=1)
        expected = kendalltau(own[means.index], means)
        assert row["tau"] == pytest.approx(expected.statistic)
        assert row["p_published"] == pytest.approx(expected.pvalue)
        assert row["ceiling"] == pytest.approx(kendalltau(by_repeat[0], by_repeat[1]).statistic)
        least = means[own[means.index].idxmin()]
        better = means > least if row["outcome"] == "test_accuracy" else means < least
        assert row["anomaly_ratio"] == pytest.approx(float(better.mean()))
        assert (row["retrained"], row["subsets"], row["repeats"], row["failed"], row["unknown"]) == (16, 45, 2, 0, 0)
    pair = only(models)["tau"]
    row = only(cells).iloc[0]
    assert (row["tau"], row["tau_least"], row["tau_most"]) == pytest.approx((pair.mean(), pair.min(), pair.max()))
    assert math.isnan(row["tau_low"])  # two dense models have no interval


def test_what_agrees_is_found_and_said_of_these_models_alone():
    cells, models, said = measured(study(models=3, agreement=1.0))
    row = only(cells).iloc[0]
    assert row["verdict"] == verdicts.FOUND
    assert (row["found"], row["against"], row["tested"]) == (3, 0, 3)
    assert row["tau"] < -0.7
    assert only(cells, "train_loss").iloc[0]["tau"] > 0.7
    assert said[0].startswith("conv1 at 0.2: τ of pruned train loss with final test accuracy = −0.")
    assert "in 3 dense models (−0." in said[0]
    assert ": detected in 3 of 3" in said[0]
    assert any("of these models alone" in s for s in said)
    assert any("manufactures correlation" in s for s in said)
    assert (models["p_holm"] >= models["p"]).all()


def test_what_agrees_the_other_way_is_against_expectation():
    cells, _, said = measured(study(models=3, agreement=-1.0))
    assert only(cells).iloc[0]["verdict"] == verdicts.AGAINST
    assert "detected, against expectation in 3 of 3, weak by the paper's measure" in said[0]


def test_without_a_steady_outcome_nothing_is_measurable():
    cells, _, said = measured(study(models=3, agreement=1.0, noise=30.0))
    row = only(cells).iloc[0]
    assert row["ceiling"] < 0.3
    assert row["verdict"] == verdicts.NOT_MEASURABLE
    assert ": not measurable here." in said[0]
    assert "none detected" not in said[0]


def test_five_dense_models_have_an_interval_which_decides():
    cells, _, said = measured(study(models=5, agreement=1.0))
    row = only(cells).iloc[0]
    assert -1 <= row["tau_low"] < row["tau"] < row["tau_high"] < 0
    assert row["verdict"] == verdicts.FOUND
    assert "in 5 dense models (95 % interval −" in said[0]
    assert not any("alone" in s for s in said)
    null, _, said = measured(study(models=5, agreement=0.0, seed=1))
    assert only(null).iloc[0]["verdict"] == verdicts.NONE
    assert "none detected" in said[0]
    assert "no correlation" not in " ".join(said)


def test_one_repeat_has_no_ceiling_and_says_so():
    cells, _, said = measured(study(models=2, repeats=1))
    assert math.isnan(only(cells).iloc[0]["ceiling"])
    assert "noise ceiling unknown without repeats" in said[0]


def test_on_null_studies_hardly_any_layer_is_detected_while_the_published_p_finds_many():
    """20 studies of 3 models and 2 layers, in which any detection would be false: at 5 % by Holm 1 is expected."""
    false, published, tests = 0, 0, 0
    cells_asked = (("conv1", 0.2, 2), ("conv2", 0.8, 8))
    for seed in range(20):
        cells, models, _ = measured(study(models=3, agreement=0.0, seed=seed, cells=cells_asked))
        false += bool((only(cells)[["found", "against"]].sum().sum()) > 0)
        published += int((only(models)["p_published"] <= 0.05).sum())
        tests += len(only(models))
    assert false <= 4
    assert published / tests > 0.08


# -- what is not there


def test_sets_of_which_a_retraining_failed_are_left_out_and_named():
    tables = study(models=2)
    broken = [r for r in tables.retrained if r["run_id"] == "mini0"][4:7]
    for r in broken:
        r.update(dict.fromkeys(("test_accuracy", "test_loss", "train_loss"), None), reason="Training diverged.")
    _, models, said = measured(tables)
    rows = only(models).set_index("run_id")
    assert rows.loc["mini0", "failed"] == len({r["subset"] for r in broken}) == 2
    assert rows.loc["mini0", "retrained"] == 14
    assert rows.loc["mini1", "retrained"] == 16
    assert any(
        s.startswith("Left out: 2 sets of filters of which a retraining failed (Training diverged)") for s in said
    )


def test_sets_that_wait_for_a_repeat_are_named_and_no_other_set_stands_for_that_of_least_loss():
    tables = study(models=2)
    losses = {r["subset"]: r["pruned_loss"] for r in tables.subsets if r["run_id"] == "mini0"}
    least = min({r["subset"] for r in tables.retrained if r["run_id"] == "mini0"}, key=losses.__getitem__)
    assert losses[least] == min(losses.values())
    tables.retrained = [r for r in tables.retrained if (r["run_id"], r["subset"], r["repeat"]) != ("mini0", least, 1)]
    _, models, said = measured(tables)
    rows = only(models).set_index("run_id")
    assert rows.loc["mini0", ["waiting", "retrained", "failed"]].to_list() == [1, 15, 0]
    assert rows.loc["mini1", "waiting"] == 0
    assert np.isnan(rows.loc["mini0", "anomaly_ratio"])
    assert rows.loc["mini1", "anomaly_ratio"] >= 0
    assert "Left out for now: 1 set of filters that still lack some of their retrainings." in said


def test_losses_that_are_not_finite_are_named_and_forbid_relabelling():
    tables = RetrainedTables()
    rng = np.random.default_rng(0)
    losses = rng.normal(size=45)
    losses[[3, 7]] = np.nan, np.inf
    tables.cell(tables.dense(0), losses, -losses, retrain=10)
    cells, models, said = measured(tables)
    assert only(models).iloc[0]["unknown"] == 2
    assert math.isnan(only(models).iloc[0]["p"])
    assert only(cells).iloc[0]["verdict"] == verdicts.NOT_TESTED
    assert any("2 sets of filters whose loss before retraining is NaN or infinite" in s for s in said)


def test_drawn_sets_have_no_p_and_the_remedy_is_said():
    cells, models, said = measured(study(models=3, every=False))
    assert models["p"].isna().all()
    assert only(cells).iloc[0]["verdict"] == verdicts.NOT_TESTED
    assert any("45 sets of filters were drawn" in s and "Set relabellings = 120" in s for s in said)
    five, _, _ = measured(study(models=5, every=False))
    assert only(five).iloc[0]["verdict"] == verdicts.FOUND  # the interval over dense models needs no relabelling


def test_drawn_sets_are_tested_by_the_losses_of_relabelled_ones():
    asked = replace(ASKED, relabellings=150)
    cells, models, said = measured(study(models=3, every=False).relabel(150), asked)
    assert (models["relabellings"] == 150).all()
    assert only(cells).iloc[0]["verdict"] == verdicts.FOUND
    assert (
        "conv1 at 0.2: 45 sets of filters were drawn, not all looked at; each p is of 150 relabellings of the filters."
        in said
    )
    every, _, _ = measured(study(models=3))
    assert only(every).iloc[0]["found"] == only(cells).iloc[0]["found"] == 3
    none, models, _ = measured(study(models=3, every=False, agreement=0.0).relabel(150), asked)
    assert only(none).iloc[0]["verdict"] == verdicts.NONE
    whole = measured(study(models=3, agreement=0.0))[1]
    assert np.allclose(models["p"], whole["p"], atol=0.15)  # of 150 draws and of 199 others


def test_relabellings_under_way_or_without_a_loss_give_no_p_and_say_so():
    asked = replace(ASKED, relabellings=130)
    _, models, said = measured(study(models=3, every=False).relabel(100), asked)
    assert models["p"].isna().all()
    assert any(s.endswith("100 of 130 relabellings are looked at so far, and p needs them all.") for s in said)
    tables = study(models=3, every=False).relabel(130)
    tables.relabelled = [row for i, row in enumerate(tables.relabelled) if i % 7]  # some sets lack some draws
    few = measured(tables, asked)[1]
    assert few["p"].isna().all()
    assert (few["relabellings"] < 100).all()
    tables = study(models=3, every=False).relabel(130)
    tables.relabelled[5]["pruned_loss"] = None
    _, models, said = measured(tables, asked)
    assert only(models)["p"].isna().to_list() == [True, False, False]
    assert any(s.endswith("that the loss is NaN or infinite, so there is no p.") for s in said)


def test_a_study_under_way_says_how_far_it_is():
    tables = study(models=2)
    waiting = tables.dense(7)
    tables.retrained = [r for r in tables.retrained if r["run_id"] == "mini0"]
    cells, models, said = measured(tables)
    assert only(cells).iloc[0]["dense_models"] == 1
    assert only(models).set_index("run_id").loc["mini1", "retrained"] == 0
    assert any(s.startswith("1 of 3 dense models × layers × ratios") for s in said)
    assert waiting not in set(models["run_id"])
    tables.retrained.clear()
    cells, _, said = measured(tables)
    assert only(cells).iloc[0]["verdict"] == verdicts.TOO_FEW
    assert "too few to rank" in said[0]


def test_nothing_seen_is_nothing_said():
    tables = RetrainedTables()
    tables.dense(0)
    cells, models, said = measured(tables)
    assert cells.empty
    assert models.empty
    assert said == ("1 of 1 dense models × layers × ratios are not looked at yet, or failed.",)


def test_constant_results_have_no_tau():
    tables = RetrainedTables()
    losses = np.random.default_rng(0).normal(size=45)
    tables.cell(tables.dense(0), losses, np.full(45, 0.5))
    cells, models, said = measured(tables)
    assert models["tau"].isna().all()
    assert only(cells).iloc[0]["verdict"] == verdicts.ALIKE
    assert said[0] == "conv1 at 0.2: the 16 sets of filters retrained end equally accurate: nothing to rank."


def test_two_layers_together_are_relabelled_each_within_itself():
    tables = RetrainedTables()
    run_id, rng = tables.dense(0), np.random.default_rng(0)
    marks = sets_of(5, 2)
    worth = rng.normal(size=(2, 5))
    tables.cell(run_id, np.zeros(10), np.zeros(10), filters=5, retrain=0)  # the rows' form, filled below
    tables.subsets.clear()
    both = [(i, j) for i in range(10) for j in range(10)]
    losses = np.array([marks[i] @ worth[0] + marks[j] @ worth[1] for i, j in both])
    text = [" ".join(map(str, np.flatnonzero(m))) for m in marks]
    common = {"run_id": run_id, "layer": "conv1+conv2", "ratio": 0.4}
    for n, (i, j) in enumerate(both):
        own = {"subset": n, "filters": "5+5", "removed": f"{text[i]} + {text[j]}", "all_subsets": True, "images": 9}
        tables.subsets.append({**common, **own, "pruned_loss": losses[n], "place": n})
    for n in range(0, 100, 5):
        found = {"test_accuracy": -losses[n], "test_loss": losses[n], "train_loss": losses[n]}
        best = {f"best_{k}": v for k, v in found.items()}
        tables.retrained.append({**common, "subset": n, "repeat": 0, "epochs": 1, "best_epoch": 1, **found, **best})
    _, models, _ = measured(tables, RetrainCorrelation(layers=("conv1+conv2",), ratios=(0.4,), permutations=199))
    assert only(models).iloc[0]["tau"] == pytest.approx(-1)
    assert only(models).iloc[0]["p"] == pytest.approx(1 / 200)


# -- methods


def ranked(before, after, *, seeds=1, noise=0.0, targets=("0.5",), models=3):
    """A study whose methods have these validation losses before, and accuracies after, alike in each dense model."""
    tables, rng = RetrainedTables(), np.random.default_rng(0)
    for m, target in ((m, t) for t in targets for m in range(models)):
        run_id = tables.dense(m) if target == targets[0] else f"mini{m}"
        for k, (b, a) in enumerate(zip(before, after, strict=True)):
            common = {
                "dense_run_id": run_id,
                "model": "mini",
                "replicate": m,
                "method": f"method {k}",
                "unit": "weight",
            }
            common |= {"target": target, "level": 1, "status": "done"}
            bare = f"{run_id}-{k}-{target}"
            loss = {"val_loss": b, "loss": -b}  # of two, the validation split's is what may be chosen by
            tables.rows.append({**common, "run_id": bare, "parent_run_id": run_id, "recovery": "none", **loss})
            for s in range(seeds):
                own = {"run_id": f"{bare}-{s}", "parent_run_id": bare, "recovery": "finetune", "seed": s}
                accuracy = {"accuracy": a + noise * rng.normal(), "val_loss": 0.0, "loss": 0.0}
                tables.rows.append({**common, **own, **accuracy})
    return tables


def rankings(tables):
    frames = RetrainCorrelation(permutations=199).measure(tables)
    said = RetrainCorrelation().findings(tables, frames)
    return frames["retrain_correlation_rankings"], frames["retrain_correlation_ranked"], said


def test_methods_that_rank_alike_before_and_after():
    table, each, said = rankings(ranked([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]))
    row = table.iloc[0]
    assert (row["methods"], row["dense_models"], row["tau"], row["best_stays"]) == (6, 3, 1.0, 3)
    assert row["p"] == pytest.approx(2 / math.factorial(6))
    assert row["verdict"] == verdicts.FOUND
    assert list(each["best_before"]) == ["method 0"] * 3
    assert said[0].startswith(
        "6 methods at 0.5, random controls aside: τ of their ranking by loss before finetune with that by test accuracy"
    )
    assert "the best before is the best after in 3 of 3" in said[0]


def test_methods_that_turn_around():
    table, _, said = rankings(ranked([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]))
    assert table.iloc[0]["tau"] == -1
    assert table.iloc[0]["verdict"] == verdicts.AGAINST
    assert "detected, against expectation" in said[0]


def test_few_methods_are_not_tested_and_seeds_give_a_ceiling():
    table, _, said = rankings(ranked([0.1, 0.2, 0.3], [0.9, 0.8, 0.7], seeds=3, noise=0.001))
    row = table.iloc[0]
    assert row["verdict"] == verdicts.NOT_TESTED
    assert row["ceiling"] == 1.0
    assert "not tested, since 3 methods have too few orders" in said[0]
    noisy, _, said = rankings(ranked([0.1, 0.2, 0.3, 0.4, 0.5], [0.9, 0.8, 0.7, 0.6, 0.5], seeds=3, noise=50.0))
    assert noisy.iloc[0]["ceiling"] < 0.3
    assert noisy.iloc[0]["verdict"] == verdicts.NOT_MEASURABLE


def test_many_dense_models_that_rank_the_same_methods_alike_are_no_evidence_of_their_own():
    """Of 120 orders of five methods, all with |τ| of .4 are common; repeating one in six models makes it no rarer."""
    table, _, said = rankings(ranked([1, 2, 3, 4, 5], [0.9, 0.7, 0.8, 0.5, 0.6], noise=0.001, seeds=2, models=6))
    row = table.iloc[0]
    assert row["tau"] == pytest.approx(0.6)
    assert row["tau_low"] > 0
    assert row["p"] > 0.05
    assert row["verdict"] == verdicts.NONE
    assert "none detected" in said[0]
    few, _, said = rankings(ranked([1, 2, 3], [0.9, 0.8, 0.7], models=6))
    assert few.iloc[0]["verdict"] == verdicts.NOT_TESTED


def test_random_controls_are_not_ranked():
    """Worst before and after, it would make criteria that have nothing to do with each other look as if they agreed."""
    tables = ranked([0.1, 0.2, 0.3, 9.0], [0.7, 0.9, 0.8, 0.1])
    for row in tables.rows:
        if row.get("method") in ("method 0", "method 1", "method 2"):
            row["control_run_id"] = row["run_id"].replace(f"-{row['method'][-1]}-", "-3-")
    table, _, said = rankings(tables)
    assert (table.iloc[0]["methods"], table.iloc[0]["tau"]) == (3, pytest.approx(-1 / 3))
    assert said[0].startswith("3 methods at 0.5, random controls aside: ")


def test_many_rankings_are_corrected_for():
    table, _, _ = rankings(ranked([1, 2, 3, 4, 5], [0.9, 0.8, 0.7, 0.6, 0.5], targets=("0.5", "0.8", "0.9")))
    assert len(table) == 3
    assert table["p_holm"].to_list() == pytest.approx([3 * 2 / 120] * 3)


# -- before it starts


def subject(plain, models=None):
    base = {"model": {"source": "sample:lenet5-fashion"}, "data": {"source": "sample:fashion"}}
    return Subject(study_from_plain({**base, **plain}, "study"), ("a", "b"), 10, models or {})


def test_nothing_to_rank_is_refused_with_both_remedies():
    for plain in (
        {},
        {"prune": {"methods": ["magnitude", "l1-filter"], "sparsities": [0.5]}, "recover": {"recoveries": ["none"]}},
        {
            "prune": {"methods": ["magnitude"], "sparsities": [0.5]},
            "recover": {"recoveries": ["none", "finetune"]},
        },
        {  # the control is no criterion, and methods of different units are not ranked together
            "prune": {"methods": ["magnitude", "taylor", "random", "l1-filter"], "sparsities": [0.5]},
            "recover": {"recoveries": ["none", "finetune"]},
        },
    ):
        with pytest.raises(Unsupported, match=r"nothing to rank.*layers = .*three methods"):
            RetrainCorrelation().check(subject(plain))
    RetrainCorrelation().check(
        subject(
            {
                "prune": {"methods": ["magnitude", "taylor", "snip"], "sparsities": [0.5]},
                "recover": {"recoveries": ["none", "finetune"]},
            }
        )
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"last": 4}, "last: got 4; allowed: at most epochs = 3"),
        ({"layers": ("conv1", "conv1")}, "layers: got .*each once"),
        ({"layers": ("conv1",), "ratios": ()}, "ratios: got"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, words):
    with pytest.raises(SpecError, match=words):
        RetrainCorrelation(**options).check(subject({}))


# -- how much is done


@pytest.mark.parametrize("raised", [{"retrain": 22}, {"repeats": 3}, {"retrain": 22, "repeats": 3}])
def test_raising_the_number_of_sets_or_repeats_keeps_what_was_done(raised):
    runs = study(models=2).runs
    asked = RetrainCorrelation(layers=("conv1", "conv2"), ratios=(0.2, 0.8), retrain=16, chunk=4)
    few = asked.observations(runs)
    assert len(few) == 2 * 2 * 2 * (1 + 2 * 4)
    more = replace(asked, **raised).observations(runs)
    parts = [(o.run_ids, o.part) for o in more]
    kept = [(o.run_ids, o.part) in parts for o in few]
    assert all(kept)
    assert sum(o.epochs for o in few) == 2 * 2 * 2 * 16 * 2 * 3
    assert all(o.after[0].part.get("first") is None for o in few if o.after)


def test_relabellings_are_steps_of_their_own_to_which_more_are_added():
    runs = study(models=2).runs
    asked = RetrainCorrelation(layers=("conv1",), ratios=(0.2, 0.8), retrain=6, chunk=4, repeats=1)
    plain = asked.observations(runs)
    some = replace(asked, relabellings=100).observations(runs)
    drawn = [o for o in some if "draws" in o.part]
    assert [o.part["draws"] for o in drawn[:2]] == [(0, 100), (100, 160)]  # 40 for each of 2 models × 2 ratios
    assert len(drawn) == 4 * 2 * 2
    assert all(o.after[0] in some and not o.epochs for o in drawn)
    assert [(o.run_ids, o.part) for o in some if o not in drawn] == [(o.run_ids, o.part) for o in plain]
    more = [(o.run_ids, o.part) for o in replace(asked, relabellings=300).observations(runs)]
    assert all((o.run_ids, o.part) in more for o in some if o.part.get("draws") != (100, 160))


@dataclass
class Clock:
    seconds: float
    workers: int = 2

    @property
    def dense_models(self):
        return {"mini": 3}

    def epoch(self, train):
        assert train["batch_size"] == 32
        return {"mini": self.seconds}


def test_the_number_of_sets_is_fitted_to_the_minutes():
    asked = RetrainCorrelation(layers=("a", "b", "c"), ratios=(0.4, 0.8), minutes=10, subsets=40)
    # 3 models × 6 cells × 2 repeats × 3 epochs of half a second: 54 seconds a set, half of that on two workers.
    assert asked.fitted(Clock(0.5)).retrain == 22
    assert asked.fitted(Clock(0.5, workers=1)).retrain == 11
    assert asked.fitted(Clock(0.01)).retrain == 40  # there are no more
    with pytest.raises(SpecError, match=r"minutes: got 10; allowed: at least 14\. 3 sets at each"):
        asked.fitted(Clock(5.0))
    assert RetrainCorrelation(layers=("a",)).fitted(Clock(0.5)).retrain == 16
    _, _, said = measured(study(), RetrainCorrelation(layers=("conv1",), minutes=10, retrain=12))
    assert any("12 at each layer and ratio, was fitted to minutes = 10" in s for s in said)


# -- the shipped study


def test_the_quick_study_from_end_to_end(tmp_path):
    settings = ["data.train_limit=800", "data.test_limit=200", "train.epochs=3"]
    asked = read_study("retrain_correlation", settings=settings, quick=True)
    result = asked.result(tmp_path / "s", executor="inline", device="cpu", listener=lambda e: None)
    assert not result.failed
    table = result.study.table("retrain_correlation")
    assert set(table["layer"]) == {"conv2", "conv3"}
    assert set(table["outcome"]) == {"test_accuracy", "test_loss", "train_loss"}
    assert (table["retrained"] == 6).all()
    assert (table["subsets"] == 45).all()
    assert len(result.study.table("retrain_correlation_retrained")) == 2 * 6 * 2
    assert len(result.study.table("retrain_correlation_rankings")) == 1
    said = result.study.findings()["retrain_correlation"]
    assert said[0].startswith("conv2 at 0.8: τ")
    assert any("manufactures correlation" in s for s in said)
    more = read_study(
        "retrain_correlation", settings=[*settings, "analyses.retrain_correlation.retrain=8"], quick=True
    ).result(tmp_path / "s", executor="inline", device="cpu", listener=lambda e: None)
    assert more.made == 4  # the fifth to eighth set of both layers, twice; the first four are there
    assert len(more.study.table("retrain_correlation_retrained")) == 2 * 8 * 2
