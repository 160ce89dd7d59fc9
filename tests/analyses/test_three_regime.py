"""three_regime: diagrams, regimes, advice and sentences on studies whose lines a test decides; and end to end."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from regimes import PAPER, RegimeTables, spec, study

from pruneviz.api import read_study
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.options import build
from pruneviz.core.tables import RUNS
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.three_regime import ThreeRegime
from pruneviz_analyses.three_regime.temperature import spec_of, temperature_of

analysis = ThreeRegime()


def said(tables, options=analysis):
    return options.findings(tables, options.measure(tables))


def cell(tables, temperature, target, options=analysis):
    cells = options.measure(tables)["three_regime"]
    return cells[(cells["temperature"] == temperature) & (cells["target"] == str(target))].iloc[0]


# -- the diagram


def test_every_cell_is_the_mean_over_dense_models_with_its_regime_and_advice():
    tables = study(models=2)
    for (epochs, target), (lmc, cka, error) in PAPER.items():
        row = cell(tables, epochs, target)
        assert row["lmc"] == pytest.approx(lmc - 0.0005)
        assert row["cka"] == pytest.approx(cka)
        assert row["error"] == pytest.approx(error + 0.005)
        assert row["test_error"] == pytest.approx(error + 0.015)
        assert (row["dense_models"], row["retrainings"], row["pairs"], row["judged"]) == (2, 4, 2, "validation")
        assert len(row["run_ids"].split()) == 4
    regimes = {key: cell(tables, *key)["regime"] for key in PAPER}
    assert [regimes[e, 0.5] for e in (1, 4, 16)] == ["II-A", "II-B", "II-B"]
    assert [regimes[e, 0.9] for e in (1, 4, 16)] == ["II-A", "II-B", "I"]
    assert [cell(tables, e, 0.9)["advice"] for e in (1, 4, 16)] == ["lower", "stay", "raise"]
    assert [cell(tables, e, 0.9)["rank"] for e in (1, 4, 16)] == [2, 1, 0]


def test_errors_are_normalised_at_each_load_and_never_by_the_test_split():
    tables = study(models=1)
    shown = [cell(tables, e, 0.9)["normalised_error"] for e in (1, 4, 16)]
    assert shown == pytest.approx([(0.30 - 0.25) / 0.15, 0.0, 1.0])
    before = analysis.measure(tables)
    for i, row in enumerate(tables.rows):
        row["accuracy"] = 0.01 * i
    after = analysis.measure(tables)
    for name, frame in before.items():
        reported = ["test_error", "test_regret"]
        untouched = frame.drop(columns=reported, errors="ignore")
        pd.testing.assert_frame_equal(untouched, after[name].drop(columns=reported, errors="ignore"))


def test_without_validation_the_training_images_judge():
    tables = RegimeTables()
    for e in (1, 4, 16):
        dense = tables.dense(f"net (epochs={e})", 0, val=False)
        tables.cell(dense, 0.5, 0.0, 0.99, train=0.1 + 0.01 * e, val=False)
    cells = analysis.measure(tables)["three_regime"]
    assert set(cells["judged"]) == {"train"}
    assert cells["error"].to_list() == pytest.approx([0.26, 0.14, 0.11])
    assert "best dense model" not in set(analysis.measure(tables)["three_regime_choices"]["rule"])
    assert any(
        "the 100 images for training that are looked at, since there is no validation" in w for w in said(tables)
    )
    assert set(cells["judged_images"]) == {100}


def test_every_dense_model_weighs_the_same_and_five_give_an_interval():
    tables = RegimeTables()
    for m in range(5):
        dense = tables.dense("net (epochs=4)", m)
        tables.cell(dense, 0.5, -0.01 * m, 0.9, seeds=3 if m else 2)
    row = cell(tables, 4, 0.5)
    assert row["lmc"] == pytest.approx(-0.02)
    assert row["lmc_low"] < -0.03 < -0.01 < row["lmc_high"]
    assert (row["dense_models"], row["pairs"]) == (5, 13)
    assert math.isnan(cell(study(models=4), 4, 0.5)["lmc_low"])
    assert row["agreeing"] == 3  # of the five, two have a barrier of their own


def test_collapsed_retrainings_are_flagged_and_left_out():
    tables = study(models=1, seeds=3, collapsed=1)
    row = cell(tables, 4, 0.5)
    assert (row["collapsed"], row["retrainings"], row["pairs"]) == (1, 2, 1)
    gone = study(models=1, seeds=3, collapsed=2)
    assert cell(gone, 4, 0.5)["regime"] == ""
    assert math.isnan(cell(gone, 4, 0.5)["lmc"])
    assert any(w.startswith("Left out: 12 retrainings that collapsed") for w in said(gone))
    assert cell(gone, 4, 0.5, ThreeRegime(collapsed=1.0))["collapsed"] == 0


def test_other_swept_values_are_diagrams_of_their_own():
    asked = spec(train={"epochs": [1, 4], "lr": [0.05, 0.1]})
    tables = RegimeTables(asked)
    for train in asked.trains:
        tables.cell(tables.dense(asked.dense_label(asked.models[0], train), 0), 0.5, -train.lr, 0.9)
    cells = ThreeRegime(temperature="epochs").measure(tables)["three_regime"]
    assert set(cells["model"]) == {"net (lr=0.05)", "net (lr=0.1)"}
    assert len(cells) == 4
    with pytest.raises(SpecError, match="the one that is meant: epochs, lr"):
        analysis.measure(tables)


def test_thresholds_and_the_estimate_of_similarity_are_settings():
    tables = study(models=1)
    assert cell(tables, 16, 0.9, ThreeRegime(barrier=0.5))["regime"] == "II-A"
    assert cell(tables, 1, 0.9, ThreeRegime(similar=0.6))["regime"] == "II-B"
    assert cell(tables, 16, 0.9, ThreeRegime(similar=0.6))["regime"] == "barrier, yet similar"
    assert cell(tables, 4, 0.5, ThreeRegime(unbiased=True))["cka"] == pytest.approx(0.96)


# -- which way is hotter


@pytest.mark.parametrize(
    ("name", "values", "coldest"),
    [("epochs", [1, 9], 9), ("batch_size", [8, 64], 64), ("lr", [0.01, 0.5], 0.01), ("sam_rho", [0.0, 0.2], 0.0)],
)
def test_each_known_setting_has_its_direction(name, values, coldest):
    at = temperature_of(spec(train={name: values}), "", "")
    assert sorted(values, key=lambda v: at.hotter * v)[0] == coldest
    other = temperature_of(spec(train={name: values}), "", "less" if at.hotter > 0 else "more")
    assert other.hotter == -at.hotter


def test_what_raising_and_lowering_mean_is_said_in_words():
    words = {n: temperature_of(spec(train={n: v}), "", "") for n, v in (("epochs", [1, 2]), ("lr", [0.1, 0.2]))}
    assert (words["epochs"].towards("raise"), words["epochs"].towards("lower")) == ("fewer epochs", "more epochs")
    assert words["lr"].towards("raise") == "a larger learning rate"
    assert words["epochs"].mode == "annealed"
    assert temperature_of(spec(train={"stop_epochs": [1, 2]}), "", "").mode == "checkpoint"


def test_what_a_store_keeps_of_a_study_gives_the_same_temperatures():
    asked = spec(train={"epochs": [1, 4], "sam_rho": [0.0, 0.1]})
    kept = spec_of(RegimeTables(asked).spec)
    assert temperature_of(kept, "epochs", "") == temperature_of(asked, "epochs", "")


# -- the case studies


def test_moves_are_counted_against_always_going_one_way():
    tables = study(models=1)
    moves = analysis.measure(tables)["three_regime_moves"]
    assert len(moves) == 2 * 2 * 2
    as_advised = moves[moves["advice"] == moves["direction"]]
    assert {(r["from_temperature"], r["target"]) for r in as_advised.to_dict("records")} == {
        (1.0, "0.5"),
        (1.0, "0.9"),
        (16.0, "0.9"),
    }
    assert (as_advised["change"] < 0).all()
    text = next(w for w in said(tables) if "which way to move" in w)
    assert "in 3 of 3 cells" in text
    assert "always hotter in 1 of 4 and always colder in 3 of 4" in text


def test_the_model_to_prune_is_chosen_without_looking_at_errors():
    tables = study(models=1)
    choices = analysis.measure(tables)["three_regime_choices"].set_index(["target", "rule"])
    assert choices.loc[("0.9", "three regimes"), "temperature"] == 4
    assert choices.loc[("0.9", "best dense model"), "temperature"] == 16
    assert choices.loc[("0.9", "best after retraining"), "temperature"] == 4
    assert choices.loc[("0.9", "three regimes"), "regret"] == 0
    assert choices.loc[("0.9", "best dense model"), "regret"] == pytest.approx(0.15)
    assert choices.loc[("0.9", "any model"), "regret"] == pytest.approx(np.mean([0.3, 0.25, 0.4]) - 0.25)
    text = next(w for w in said(tables) if "to prune" in w)
    assert "+0.00 points (+0.00 … +0.00) by connectivity and similarity alone, +7.50 points (" in text


def test_the_radius_of_sam_is_tuned_by_the_same_rule():
    asked = spec(train={"sam_rho": [0.0, 0.1, 0.4], "epochs": 5})
    tables = RegimeTables(asked)
    for train, lmc, cka in zip(asked.trains, (-0.2, 0.0, 0.0), (0.7, 0.98, 0.8), strict=True):
        dense = tables.dense(asked.dense_label(asked.models[0], train), 0)
        tables.cell(dense, 0.9, lmc, cka, error=0.2 + abs(lmc))
    words = said(tables)
    assert "net, tuning SAM's ρ by connectivity and similarity alone: 0.1 at density 10 % (best 0.1)." in words
    assert any("regime I (barrier, outputs not alike) in 1: a larger ρ of SAM" in w for w in words)


# -- what is said


def test_a_transition_is_told_with_its_edge():
    first = said(study(models=2))[0]
    assert "barriers in 1 of 6 cells (epochs 16 (coldest) … 1, densities 10 % … 50 %, 6 cells)" in first
    assert "up to density 10 % at 16; none at 4; none at 1" in first


def test_densities_with_a_barrier_are_named_where_those_below_have_none():
    alone = {**PAPER, (16, 0.5): (-0.1, 0.9, 0.2), (16, 0.9): (0.0, 0.9, 0.2)}
    assert "the coldest: density 50 % at 16; none at 4; none at 1" in said(study(cells=alone))[0]


def test_no_transition_is_said_with_the_range_and_what_to_try():
    level = dict.fromkeys(PAPER, (0.001, 0.99, 0.1))
    first = said(study(cells=level))[0]
    assert "no transition found in this range" in first
    assert "nowhere below −0.020" in first
    assert "densities below 10 %, such as 5 % and 2.5 %" in first
    assert "more epochs than 16" in first
    walls = dict.fromkeys(PAPER, (-0.3, 0.5, 0.1))
    first = said(study(cells=walls))[0]
    assert "no transition found" in first
    assert "densities above 50 %, or fewer epochs than 1" in first


def test_thresholds_are_called_ours_and_what_varied_is_said():
    words = " ".join(said(study(models=2)))
    assert "The thresholds (barrier 0.02, similar 0.95) are ours: the paper has none." in words
    assert "What varied: 2 dense models and 2 pairs of retraining seeds a cell, at most;" in words
    assert "intervals need 5 dense models" in words


def test_few_images_cannot_tell_a_barrier_and_the_findings_say_so():
    tables = study()
    wrong = max(r["train_error"] for r in tables.retrained)
    spread = 100 * (wrong * (1 - wrong) / 100) ** 0.5
    (told,) = (w for w in said(tables) if w.startswith("Errors on the lines"))
    assert f"those of 100 images, with a standard error of up to {spread:.1f} points each" in told
    for row in tables.retrained:
        row["images"] = 100_000
    assert not any(w.startswith("Errors on the lines") for w in said(tables))


def test_what_the_errors_compared_rest_on_is_told():
    tables = study(models=1)  # 100 validation images
    cells, _, moves, choices = analysis.measure(tables).values()
    assert set(cells["judged_images"]) == {100}

    def se(*errors):
        return sum(e * (1 - e) / 100 for e in errors) ** 0.5

    for row in cells.to_dict("records"):
        assert row["error_se"] == pytest.approx(se(row["error"]))
    step = moves[(moves["target"] == "0.9") & (moves["from_temperature"] == 16.0)].iloc[0]
    assert step["change_se"] == pytest.approx(se(0.40, 0.25))
    by = choices.set_index(["target", "rule"])
    assert math.isnan(by.loc[("0.9", "three regimes"), "regret_se"])  # it is the best itself
    assert by.loc[("0.9", "best dense model"), "regret_se"] == pytest.approx(se(0.40, 0.25))
    assert by.loc[("0.9", "any model"), "regret_se"] == pytest.approx(se(0.95 / 3, 0.25))
    words = said(tables)
    most = f"{100 * se(0.40, 0.25):.1f}"
    assert any(f"; standard error of one of these differences up to {most} points, by the choice" in w for w in words)
    assert any(
        f"; standard error of one change up to {most} points, by the choice of images alone)" in w for w in words
    )
    assert any(
        f"the validation split (100 images), each with a standard error of up to {100 * se(0.40):.1f} points" in w
        for w in words
    )
    unknown = study(models=1, val_images=0)
    assert analysis.measure(unknown)["three_regime"]["judged_images"].isna().all()
    assert "Errors compared are those on the validation split; the test split decides nothing." in " ".join(
        said(unknown)
    )
    assert not any("by the choice of" in w for w in said(unknown))


def test_what_the_choice_costs_is_told_on_the_test_images_too():
    tables = study(models=1)
    for row in tables.rows:  # the best on validation is no better than the others on the test split
        row["accuracy"] = 0.5 if row["method"] == "magnitude" else row["accuracy"]
    choices = analysis.measure(tables)["three_regime_choices"]
    assert set(choices["test_regret"]) == {0.0}
    assert (choices["regret"] > 0).any()
    text = next(w for w in said(tables) if "to prune" in w)
    assert "on the test images these means are, in this order, +0.00, +0.00, +0.00 points" in text


def test_retraining_that_shares_the_temperature_is_told():
    asked = spec(train={"batch_size": [16, 64], "epochs": 4})
    tables = RegimeTables(asked)
    for train in asked.trains:
        tables.cell(tables.dense(asked.dense_label(asked.models[0], train), 0), 0.5, 0.0, 0.99)
    words = said(tables)
    assert any("finetune retrains with its own, too" in w for w in words)
    assert any("with steps under [train] their number is the same" in w for w in words)
    assert not any("retrains with its own" in w for w in said(study()))


def test_what_could_not_be_compared_is_named():
    tables = study(models=1)
    other = "the models were not pruned alike, so that a line between them means nothing"
    tables.retrained[0] = {"run_id": tables.retrained[0]["run_id"], "reason": other}
    tables.pairs[3] |= {"lmc": None, "reason": "outputs are NaN or infinite at t = 0.5"}
    tables.pairs[4] |= {"cka": None}
    tables.rows[-1]["status"] = "failed"
    words = said(tables)
    assert f"Left out (their score depends on the seed): 1 retraining, {other}." in words
    assert "Left out: 1 pair, outputs are NaN or infinite at t = 0.5." in words
    assert "Without a CKA: 1 pair of which one gives the same outputs for all images." in words
    assert "1 run is left out: failed." in words
    empty = RegimeTables(rows=tables.rows)
    assert all(frame.empty for frame in analysis.measure(empty).values())
    nothing = "No two retrainings of the same pruned model have been compared yet."
    assert said(empty) == (nothing, "1 run is left out: failed.")


def test_tables_read_back_from_a_store_say_the_same():
    tables = study()
    frames = analysis.measure(tables)
    back = {
        s.name: pa.Table.from_pandas(frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in analysis.schemas
    }
    assert analysis.findings(tables, back) == analysis.findings(tables, frames)


# -- before it starts


def planned(**more):
    base = {"method": "magnitude", "recovery": "finetune", "target": "0.5", "level": 1, "status": "waiting"}
    return [
        {**base, "run_id": f"{d}{s}", "dense_run_id": d, "seed": s, "name": f"{d} · seed {s}", **more}
        for d in ("a", "b")
        for s in range(3)
    ]


def test_the_retrainings_of_each_pruned_model_are_looked_at_together():
    rows = [*planned(), *planned(method="dense", target=None), *planned(recovery="scratch", target="0.6")]
    found = analysis.observations(RUNS.frame(rows))
    assert [o.run_ids for o in found] == [("a0", "a1", "a2"), ("b0", "b1", "b2")]
    assert found[0].part == {"images": 5000, "similar_images": 2000, "seed": 0}
    assert found[0].title == "lines between a"
    assert not analysis.observations(RUNS.frame(rows[:1]))


@pytest.mark.parametrize(
    ("tables", "match"),
    [
        ({"train": {"epochs": 4}}, "no value of .train. is swept"),
        ({"train": {"epochs": [4, 4]}}, "two different values or more"),
        ({"train": {"optimizer": ["sgd", "adam"]}}, "numbers, since it is the temperature"),
        ({"train": {"weight_decay": [0.0, 0.1]}}, 'Write hotter = "more" or "less"'),
        ({"prune": {"methods": ["random"], "sparsities": [0.5], "seeds": 2}}, "no method here prunes once and alike"),
        ({"prune": {"methods": ["magnitude"], "sparsities": [0.5]}}, "two retrainings or more"),
        ({"recover": {"recoveries": ["none"]}}, "two retrainings or more"),
        ({"model": {"source": "sample:lenet5-fashion"}}, "comes with its weights"),
    ],
)
def test_what_it_cannot_support_is_said_before_it_starts(tables: dict[str, Any], match: str) -> None:
    analysis.check(Subject(spec(), ("a", "b"), 10))
    with pytest.raises((Unsupported, SpecError), match=match):
        analysis.check(Subject(spec(**tables), ("a", "b"), 10))


def test_wrong_options_name_what_is_allowed():
    with pytest.raises(SpecError, match="barrier"):
        build(ThreeRegime, {"barrier": 0.0}, "[analyses] three_regime")
    with pytest.raises(SpecError, match="a swept value of"):
        ThreeRegime(temperature="lr").check(Subject(spec(), ("a", "b"), 10))


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("three_regime"), quick=True).result(tmp_path / "s", executor="inline", device="cpu")
    tables = result.study
    assert not result.failed
    cells, pairs, lines = (tables.table(f"three_regime{name}") for name in ("", "_pairs", "_lines"))
    assert len(cells) == len(pairs) == 4
    assert len(lines) == 4 * 11
    for row in pairs.to_dict("records"):
        e = lines[(lines["run_id"] == row["run_id"])].sort_values("t")["train_error"].to_numpy(float)
        assert row["lmc"] == pytest.approx((e[0] + e[-1]) / 2 - e[round(10 * row["place"])])
    words = tables.findings()["three_regime"]
    assert re.search("barriers in . of . cells|no transition found in this range", words[0])


def test_the_published_scale_differs_from_the_default_in_values_only():
    published = read_study(find_study("three_regime_published")).spec
    default = read_study(find_study("three_regime")).spec
    assert [c.name for c in published.prune.methods] == [c.name for c in default.prune.methods] == ["magnitude"]
    assert len(published.trains) == 16
    assert {t.stop_epochs for t in published.trains} == set(range(10, 170, 10))
    assert published.prune.seeds == default.prune.seeds == 3
