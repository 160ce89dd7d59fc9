from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from looked import contested
from scipy.stats import friedmanchisquare, t

from pruneviz.api import read_study
from pruneviz.core.errors import Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz.measures.contrasts import rank_contrasts
from pruneviz.measures.statistics import holm
from pruneviz.shipped import find_study
from pruneviz_analyses.tournament import Tournament

analysis = Tournament()


def test_differences_and_tests_are_their_definitions():
    frames = analysis.measure(s := contested(models=7, gap=0.02))
    table = frames["tournament"].set_index("contestant")
    (field,) = frames["tournament_fields"].to_dict("records")
    runs = s.runs.set_index("run_id")["accuracy"]
    methods = ["random", "magnitude", "lamp", "taylor"]
    values = np.array([[runs[f"{m}{d}"] for m in methods] for d in range(7)])
    assert field["p"] == pytest.approx(friedmanchisquare(*values.T).pvalue)
    assert field["ranked"]
    assert field["dense_models"] == 7
    ranks = (1 + (values[:, :, None] < values[:, None, :]).sum(axis=2)).mean(axis=0)
    assert table.loc[methods, "mean_rank"].to_numpy(float) == pytest.approx(ranks)
    pairs = [(1, 0), (2, 0), (3, 0), (0, 1), (2, 1), (3, 1)]
    p = holm(rank_contrasts(ranks, 7, pairs))
    assert table.loc["taylor", ["p_random", "p_magnitude"]].tolist() == pytest.approx([p[2], p[5]])
    gain = values[:, 3] - values[:, 1]
    half = t.ppf(0.975, 6) * gain.std(ddof=1) / np.sqrt(7)
    got = table.loc["taylor", ["beyond_magnitude", "beyond_magnitude_low", "beyond_magnitude_high"]].to_numpy(float)
    assert got == pytest.approx([gain.mean(), gain.mean() - half, gain.mean() + half])
    each = frames["tournament_pairs"]
    assert each.loc[each["contestant"] == "taylor", "beyond_magnitude"].to_numpy(float) == pytest.approx(gain)


@pytest.mark.parametrize(("models", "intervals"), [(3, False), (5, True)])
def test_few_dense_models_are_not_ranked(models, intervals):
    frames = analysis.measure(s := contested(models=models, gap=0.1))
    (field,) = frames["tournament_fields"].to_dict("records")
    assert not field["ranked"]
    assert "a ranking needs at least 6" in field["reason"]
    assert frames["tournament"]["mean_rank"].isna().all()
    assert frames["tournament"]["p_random"].isna().all()
    assert frames["tournament"]["tier"].notna().all() == intervals
    assert any("too few dense models for intervals" in w for w in s.said(analysis)) != intervals


def test_where_methods_are_alike_nothing_is_ranked_or_told_apart():
    ranked, told = 0, 0
    for seed in range(24):
        frames = analysis.measure(contested(models=6, gap=0.0, seed=seed))
        (field,) = frames["tournament_fields"].to_dict("records")
        ranked += bool(field["ranked"])
        told += field["tiers"] > 1
    assert ranked <= 4
    assert told <= 4


def test_only_equal_costs_are_compared():
    s = contested(models=6)
    for d in range(6):
        s.add(f"x{d}", "lottery", dense=f"d{d}", train_steps_total=9000, accuracy=0.95)
        s.add(f"y{d}", "sloppy", dense=f"d{d}", train_steps_total=3000, accuracy=0.95)
        s.rows[-1]["density"] = 0.15
    frames = analysis.measure(s)
    fields = frames["tournament_fields"].set_index("field")
    assert fields["contestants"].tolist() == [4, 1]
    table = frames["tournament"].set_index("contestant")
    assert table.loc["sloppy", "reason"] == "it keeps 15 %, the field 10 %"
    words = s.said(analysis)
    assert any(
        "nothing is compared with lottery, at 9,000 training steps, the dense model's included: no" in w for w in words
    )
    assert any(w.endswith("not compared: sloppy (it keeps 15 %, the field 10 %).") for w in words)


def test_models_that_came_with_their_weights_are_matched_by_what_came_after():
    s = contested(models=6)
    for row in s.rows:
        row |= {"train_steps_total": None, "train_steps": 0 if row["method"] == "dense" else 1000}
    for d in range(6):
        s.add(f"x{d}", "long", dense=f"d{d}", train_steps=4000, accuracy=0.95)
    frames = analysis.measure(s)
    fields = frames["tournament_fields"]
    assert fields["contestants"].to_list() == [4, 1]
    assert fields["train_steps"].to_list() == [1000, 4000]
    assert fields["train_steps_total"].isna().all()
    known = analysis.measure(contested(models=6))["tournament"].set_index("contestant")
    compared = frames["tournament"].set_index("contestant").loc[known.index]
    assert compared["beyond_random"].equals(known["beyond_random"])
    words = s.said(analysis)
    assert (
        "4 methods at 1,000 training steps after the dense model's, which are unknown and the same for all" in words[0]
    )
    assert not any("nan" in w for w in words)


def test_sentences_rank_no_more_than_is_allowed():
    words = contested(models=8, gap=0.03).said(analysis)
    assert "They differ (Friedman, p = " in words[0]
    assert any(w.startswith("net · weight · 0.9: tier 1") for w in words)
    assert any("against its random control, in points" in w and "taylor +" in w for w in words)
    alike = contested(models=8, gap=0.0).said(analysis)
    assert "No ranking: the methods do not differ detectably" in alike[0]
    assert "one tier" in alike[1]


def test_of_channels_plain_magnitude_is_the_norm_of_filters_and_cost_is_multiply_adds():
    s = contested(models=6, gap=0.05)
    names = {"random": "random-channel", "magnitude": "l1-filter"}
    for row in s.rows:
        if row["method"] != "dense":
            row |= {"unit": "channel", "target": "macs=0.5", "density": 0.3 + 0.1 * (row["method"] == "lamp")}
            row |= {"method": names.get(row["method"], row["method"]), "macs": 49, "macs_dense": 100}
    frames = analysis.measure(s)
    (field,) = frames["tournament_fields"].to_dict("records")
    assert field["kept"] == 0.49
    table = frames["tournament"].set_index("contestant")
    assert table["matched"].all()
    assert table["beyond_magnitude"].notna().to_dict() == {n: n != "l1-filter" for n in table.index}
    assert table.loc["taylor", "beyond_magnitude"] == pytest.approx(0.1, abs=0.03)


def test_runs_that_failed_are_told_and_their_dense_models_left_out_for_all():
    s = contested(models=7)
    s.rows[-1]["status"] = "failed"
    (field,) = analysis.measure(s)["tournament_fields"].to_dict("records")
    assert field["dense_models"] == 6
    assert s.said(analysis)[-1] == "1 run is left out: failed."


def test_one_method_is_refused():
    table = {"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}
    pruned = {**table, "prune": {"methods": ["magnitude"], "sparsities": [0.5]}}
    with pytest.raises(Unsupported, match="two pruning methods or more"):
        analysis.check(SimpleNamespace(spec=study_from_plain(pruned, "study")))


def test_the_quick_study_from_end_to_end(tmp_path):
    quick = read_study(find_study("tournament"), quick=True)
    result = quick.result(tmp_path / "s", executor="inline", device="cpu")
    found = result.study
    assert not result.failed
    fields = found.table("tournament_fields").sort_values("contestants")
    assert fields["contestants"].tolist() == [2, 3]  # what prunes the initial network costs less here
    assert fields["ranked"].tolist() == [False, True]
    table = found.table("tournament").set_index("method")
    assert table.loc["magnitude", "beyond_random_low"] > 0.2
    assert table["tier"].notna().all()


def test_the_quick_study_of_channels_compares_at_equal_multiply_adds(tmp_path):
    quick = read_study(find_study("tournament_channels"), quick=True, settings=["model.replicates=2"])
    result = quick.result(tmp_path / "s", executor="inline", device="cpu")
    assert not result.failed
    fields = result.study.table("tournament_fields").sort_values("contestants")
    assert fields["contestants"].tolist() == [1, 3]  # what is narrow from the start costs less here
    table = result.study.table("tournament").set_index("method")
    assert table["macs"].nunique() == 1
    assert table.loc["activation-l1", ["beyond_random", "beyond_magnitude"]].notna().all()
