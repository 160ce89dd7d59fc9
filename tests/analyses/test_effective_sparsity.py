from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import own_models
import pytest
import torch
from looked import Looked, cut_off, model

from pruneviz.api import read_study
from pruneviz.core.errors import Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.spec import study_from_plain
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.effective_sparsity import EffectiveSparsity
from pruneviz_analyses.effective_sparsity.schemas import SEEN

analysis = EffectiveSparsity(resamples=300)


def test_counts_of_one_run_are_those_of_its_paths():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    first, last = np.zeros((3, 4), bool), np.zeros((2, 3), bool)
    first[0, :2] = first[1, 3] = True  # neuron 0 is read, neuron 1 is not
    last[1, 0] = last[0, 2] = True  # neuron 2 has no input
    seen = model(net, Mask.of({"1.weight": first, "3.weight": last}), shape=(1, 2, 2), classes=2)
    told = []
    frame = analysis.observe([seen], {}, lambda *at: told.append(at))[SEEN.name].set_index("layer")
    columns = ["weights", "kept", "connected", "unfed", "unheard"]
    assert frame.loc["1.weight", columns].tolist() == [12, 3, 2, 0, 1]
    assert frame.loc["3.weight", columns].tolist() == [6, 2, 1, 1, 0]
    assert told[-1] == (1, 1)


def test_shares_are_over_all_layers_and_beside_the_control():
    frames = analysis.measure(s := cut_off())
    runs = frames["effective_sparsity"].set_index("run_id")
    seen = s.frames[SEEN.name].groupby("run_id")["connected"].sum()
    for run in runs.index:
        assert runs.loc[run, "sparsity"] == pytest.approx(0.9)
        assert runs.loc[run, "effective_sparsity"] == pytest.approx(1 - seen[run] / 1000)
        assert runs.loc[run, "cut_off"] == pytest.approx(1 - seen[run] / 100)
        assert runs.loc[run, "effective_compression"] == pytest.approx(1000 / seen[run])
    assert runs.loc["m1", "control_effective_sparsity"] == runs.loc["r1", "effective_sparsity"]
    arm = frames["effective_sparsity_arms"].set_index("method").loc["magnitude"]
    each = [runs.loc[f"m{d}", "cut_off"] - runs.loc[f"r{d}", "cut_off"] for d in range(5)]
    expected = hierarchical_bootstrap(each, range(5), bounds=(-1, 1), resamples=300, seed=0)
    got = arm[["beyond_control", "beyond_control_low", "beyond_control_high"]].to_numpy(float)
    assert got == pytest.approx([expected.mean, expected.low, expected.high])
    assert not arm["control"]


def test_sentences_say_what_is_cut_off_and_no_more_than_the_interval():
    words = cut_off().said(analysis)
    assert words[0].startswith("net · magnitude · none · 0.9: 9.2 %")
    assert "of the kept weights are cut off (" in words[0]
    assert "Against random pruning of as many: less (−" in words[0]
    assert words[1].startswith("net · random")
    few = cut_off(models=2).said(analysis)[0]
    assert "Against random pruning of as many: −" in few
    assert "at 95 %" not in few
    gone = cut_off(cut=(100, 40)).said(analysis)
    assert any("In 5 runs no path is left: every image gives the same output." in w for w in gone)
    none = cut_off(cut=(0, 0)).said(analysis)
    assert none == ("2 arms (10 runs): nothing is cut off, direct and effective sparsity are the same in all of them.",)


def test_runs_that_keep_nothing_are_named_and_counted():
    study = cut_off()
    seen = study.frames[SEEN.name]

    def without(*runs):
        empty = seen["run_id"].isin(runs)
        study.frames[SEEN.name] = seen.assign(**{c: seen[c].where(~empty, 0) for c in ("kept", "connected")})
        return study.said(analysis)

    words = without("m0")
    assert "(5 runs of 5 dense models, 1 of which keep nothing and have no share)" in words[0]
    assert "Against random pruning of as many in 4 of these 5 runs: −" in words[0]
    words = without(*(f"m{d}" for d in range(5)))
    assert words[0].startswith("net · random")
    assert "net · magnitude · none · 0.9: nothing at all is kept (5 runs of 5 dense models)." in words


def test_nothing_seen_gives_empty_tables():
    empty = Looked().add("d").add("m", "magnitude", dense="d")
    assert all(f.empty for f in analysis.measure(empty).values())
    assert empty.said(analysis) == (
        "1 run left out: not in the table effective_sparsity_seen yet. Run the study again.",
    )


def test_what_it_cannot_support_is_said_before_it_starts():
    table = {"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}
    pruned = {**table, "prune": {"methods": ["magnitude"], "sparsities": [0.5]}}
    good, bad = model(own_models.tiny()), model(own_models.attention())
    subject = SimpleNamespace(spec=study_from_plain(pruned, "study"), models={"m": good})
    analysis.check(subject)
    with pytest.raises(Unsupported, match="prunes nothing, so nothing is cut off"):
        analysis.check(Subject(study_from_plain(table, "study"), ("a", "b"), 10))
    with pytest.raises(Unsupported, match="model 'm': Paths through 'multi_head_attention_forward' cannot be followed"):
        analysis.check(SimpleNamespace(spec=subject.spec, models={"m": bad}))


def test_the_quick_study_from_end_to_end(tmp_path):
    quick = read_study(find_study("effective_sparsity"), quick=True)
    result = quick.result(tmp_path / "s", executor="inline", device="cpu")
    found = result.study
    assert not result.failed
    table, runs = found.table("effective_sparsity").set_index("run_id"), found.runs.set_index("run_id")
    assert (1 - table["sparsity"]).to_dict() == pytest.approx(runs.loc[table.index, "density"].to_dict())
    assert (table["effective_sparsity"] >= table["sparsity"]).all()
    arms = found.table("effective_sparsity_arms").set_index(["method", "target"])
    assert arms.loc[("random", "30x"), "cut_off"] > arms.loc[("magnitude", "30x"), "cut_off"]
