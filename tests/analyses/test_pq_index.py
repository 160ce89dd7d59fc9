from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from coursed import TURNS, Courses, study
from references import sparsity_slow as slow

from pruneviz.api import read_study
from pruneviz.core.errors import ModelError, SpecError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.options import build
from pruneviz.core.spec import study_from_plain
from pruneviz.core.tables import RUNS
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.pq_index import PQIndex
from pruneviz_analyses.pq_index.schemas import NEURONS, SEEN

analysis = PQIndex()


def said(tables, options=analysis):
    return options.findings(tables, options.measure(tables))


# -- what is seen of one model


def seen(net, mask=None, run_id="r"):
    layers = [SimpleNamespace(parameter=n) for n, p in net.named_parameters() if p.dim() > 1]
    return SimpleNamespace(run_id=run_id, net=net, mask=mask, info=SimpleNamespace(layers=layers))


def small_net(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 3, 2), torch.nn.Flatten(), torch.nn.Linear(12, 4))


def masked(net, share=0.5):
    rng = np.random.default_rng(1)
    kept = {n: rng.random(tuple(p.shape)) < share for n, p in net.named_parameters() if p.dim() > 1}
    kept["2.weight"][1] = False  # a neuron of which nothing is kept
    return Mask.of({**kept, "2.bias": np.ones(4, bool)})


@pytest.mark.parametrize(("p", "q", "eta"), [(0.5, 1.0, 0.0), (1.0, 2.0, 0.05)])
def test_model_layers_and_neurons_agree_with_the_definition(p, q, eta):
    net, earlier = small_net(), small_net(7)
    mask, told = masked(net), []
    found = analysis.observe(
        [seen(net, mask), seen(earlier, run_id="e")], {"p": p, "q": q, "eta": eta}, lambda *at: told.append(at)
    )
    assert told[0] == (0, 3)
    assert told[-1] == (3, 3)
    weights = {n: t.detach().double().numpy() for n, t in net.named_parameters() if t.dim() > 1}
    before = {n: t.detach().double().numpy() for n, t in earlier.named_parameters() if t.dim() > 1}
    scopes, neurons = found[SEEN.name].set_index("scope"), found[NEURONS.name]
    every = []
    for name, w in weights.items():
        row = scopes.loc["layer"].set_index("layer").loc[name]
        assert row["pqi"] == pytest.approx(slow.pq_index(w.ravel(), mask[name].ravel(), p, q))
        assert row["pqi_removed"] == pytest.approx(slow.pq_index(before[name].ravel(), mask[name].ravel(), p, q))
        assert row["gini"] == pytest.approx(slow.gini(w.ravel(), mask[name].ravel()))
        assert row["kept"] == mask[name].sum()
        assert row["bound"] == slow.bound(row["pqi"], row["kept"], p, q, eta)
        own = neurons[neurons["layer"] == name]
        for i in range(len(w)):
            kept = mask[name][i].ravel()
            expected = slow.pq_index(w[i].ravel(), kept, p, q)
            assert own["pqi"].iloc[i] == pytest.approx(expected, abs=1e-12)
            assert own["bound"].iloc[i] == slow.bound(own["pqi"].iloc[i], int(kept.sum()), p, q, eta)
            every += [expected] if kept.any() else []
    whole = scopes.loc["model"]
    together = [np.concatenate([a[n].ravel() for n in weights]) for a in (weights, mask, before)]
    assert whole["pqi"] == pytest.approx(slow.pq_index(together[0], together[1], p, q))
    assert whole["pqi_removed"] == pytest.approx(slow.pq_index(together[2], together[1], p, q))
    assert (whole["neurons"], whole["neurons_empty"]) == (7, 1)
    assert whole["neurons_pqi"] == pytest.approx(np.mean(every))


def test_biases_are_not_looked_at_and_a_dense_model_is_unmasked():
    net = small_net()
    part = {"p": 0.5, "q": 1.0, "eta": 0.0}
    one = analysis.observe([seen(net)], part, lambda *at: None)[SEEN.name]
    with torch.no_grad():
        net[2].bias.fill_(100.0)
    pd.testing.assert_frame_equal(analysis.observe([seen(net)], part, lambda *at: None)[SEEN.name], one)
    assert one["kept"].iloc[0] == 3 * 4 + 12 * 4
    assert one["pqi_removed"].iloc[0] == one["pqi"].iloc[0]


def test_weights_that_are_no_numbers_are_named():
    net = small_net()
    with torch.no_grad():
        net[2].weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match=r"1 of 48 weights of '2\.weight' in run r are NaN or infinite"):
        analysis.observe([seen(net)], {"p": 0.5, "q": 1.0, "eta": 0.0}, lambda *at: None)


def test_neurons_of_zeros_are_counted_and_left_out():
    net = small_net()
    with torch.no_grad():
        net[2].weight[2] = 0.0
    found = analysis.observe([seen(net)], {"p": 0.5, "q": 1.0, "eta": 0.0}, lambda *at: None)
    whole = found[SEEN.name].iloc[0]
    assert whole["neurons_zero"] == 1
    assert np.isfinite(whole["neurons_pqi"])
    row = found[NEURONS.name].set_index(["layer", "neuron"]).loc[("2.weight", 2)]
    assert np.isnan(row["pqi"])
    assert pd.isna(row["bound"])


def test_each_run_is_looked_at_with_the_one_a_level_before():
    runs = study(models=2).runs
    found = {o.run_ids[0]: o.run_ids[1:] for o in PQIndex(p=1, q=2, eta=0.1).observations(runs)}
    assert len(found) == len(runs)
    assert found["d0"] == ()
    assert found["magnitude1-1-0"] == ("d1",)
    assert found["magnitude1-2-0"] == ("magnitude1-1-0",)
    assert found["random0-12-0"] == ("random0-11-0",)
    assert dict(PQIndex(p=1, q=2, eta=0.1).observations(runs)[0].part) == {"p": 1, "q": 2, "eta": 0.1}


# -- the tables


def test_levels_are_means_over_dense_models_beside_their_controls():
    tables = study(seeds=2)
    frames = analysis.measure(tables)
    levels = frames["pq_index_levels"].set_index(["method", "level"])
    assert len(levels) == 2 * 13
    assert levels["control"].groupby("method").first().to_dict() == {"magnitude": False, "random": True}
    for level in (0, 3, 12):
        row = levels.loc[("magnitude", level)]
        assert (row["dense_models"], row["runs"]) == (6, 6 if level == 0 else 12)
        assert row["pqi"] == pytest.approx(tables.curves["magnitude"][:, level].mean())
        assert row["pqi_low"] < row["pqi"] < row["pqi_high"]
        assert row["density"] == pytest.approx(0.8**level)
        if level:
            difference = tables.curves["magnitude"][:, level] - tables.curves["random"][:, level]
            assert row["control_difference"] == pytest.approx(difference.mean())
    assert np.isnan(levels.loc[("random", 3), "control_difference"])
    runs = frames["pq_index"].set_index("run_id")
    assert runs.loc["magnitude0-4-1", "control_pqi"] == tables.curves["random"][0, 4]
    assert runs.loc["magnitude0-4-1", "previous_run_id"] == "magnitude0-3-1"
    assert runs.loc["d0", "bound_share"] == pytest.approx(0.7, abs=0.01)


def test_level_0_has_had_the_same_training_where_the_study_has_that():
    class Retrained(Courses):
        @property
        def runs(self):
            more = [
                {**self._row("dense", d, 0, 0), "run_id": f"again{d}", "recovery": "weight-rewind"} for d in range(6)
            ]
            return pd.concat([super().runs, RUNS.frame([r for r in more if r["replicate"] != 5])], ignore_index=True)

        def table(self, name, run_ids=None):
            frame = super().table(name, run_ids)
            again = frame["run_id"].str.startswith("again")
            return frame.assign(pqi=frame["pqi"].where(~again, 0.25))

    tables = Retrained(study().curves)
    frames = analysis.measure(tables)
    levels = frames["pq_index_levels"].set_index(["method", "level"])
    assert levels.loc[("magnitude", 0), "pqi"] == pytest.approx((5 * 0.25 + tables.curves["magnitude"][5, 0]) / 6)
    first = levels.loc[("magnitude", 1)]
    assert first["previous_pqi"] == pytest.approx(tables.curves["magnitude"][:, 0].mean())  # what was pruned
    second = levels.loc[("magnitude", 2)]
    assert second["previous_pqi"] == pytest.approx(first["pqi"])


def test_the_three_phases_are_told_for_each_index():
    phases = analysis.measure(study())["pq_index_phases"]
    own = phases[phases["arm"] == "net · magnitude · weight-rewind"]
    assert set(own["quantity"]) == {"pqi", "layers_pqi", "neurons_pqi", "gini"}
    pqi = own[own["quantity"] == "pqi"]
    assert pqi["found"].tolist() == [True, True, True]
    assert pqi[["from_level", "to_level"]].to_numpy().tolist() == [[0, 5], [5, 9], [9, 12]]
    assert pqi["change"].to_numpy() == pytest.approx([-0.2, 0.1, -0.15], abs=0.01)


def test_a_dense_model_that_lacks_a_level_is_left_out_of_the_course_and_named():
    tables = study(models=7, status={("magnitude", 3, 8): "failed", ("magnitude", 5, 12): "waiting"})
    frames = analysis.measure(tables)
    levels = frames["pq_index_levels"].set_index(["method", "level"])
    assert levels.loc[("magnitude", 2), "dense_models"] == 5
    assert levels.loc[("random", 2), "dense_models"] == 7
    kept = [d for d in range(7) if d not in (3, 5)]
    assert levels.loc[("magnitude", 8), "pqi"] == pytest.approx(tables.curves["magnitude"][kept, 8].mean())
    words = analysis.findings(tables, frames)
    assert "net · magnitude · weight-rewind: 2 dense models left out of its course, some level is not done." in words
    assert "1 run is left out: failed." in words
    assert "1 run is left out: not done yet." in words


def test_nothing_seen_gives_empty_tables():
    tables = study(status=dict.fromkeys([("magnitude", 0, 1)], "done"))
    tables.table = lambda name, run_ids=None: (_ for _ in ()).throw(KeyError(name))  # type: ignore[method-assign]
    frames = analysis.measure(tables)
    assert all(f.empty for f in frames.values())
    assert "150 runs left out: the weights have not been looked at. Run the study again." in analysis.findings(
        tables, frames
    )


# -- the sentences


def test_the_hypothesis_is_told_where_it_occurs_with_its_numbers():
    words = said(study())
    assert words[0].startswith(
        "net · magnitude · weight-rewind: PQI falls, rises and falls in levels 0 to 12 (100 % to 6.87 % kept); "
        "PQI (p = 0.5, q = 1) first fall from level 0 to 5 (−0."
    )
    assert "(over 6 dense models, found after Holm's correction)" in words[0]
    assert "Accuracy: 90.0 % at level 0, 80.0 % at level 5, 72.0 % at level 9, 66.0 % at level 12." in words[0]
    assert words[0].endswith("Gini's index does the same.")
    assert "removing alone changes PQI by" in words[1]
    assert "PQI against random pruning of as many weights" in words[2]
    assert words[2].endswith("Of the three phases, random pruning goes through none.")
    assert any("at least" in w and "of the weights must stay" in w and "(6 models)" in w for w in words)


def test_where_it_does_not_occur_that_is_said():
    words = said(study(truth=np.linspace(0.3, 0.1, 13)))
    assert "the fall, rise and fall of the hypothesis is not found" in words[0]
    assert "rise: none" in words[0]


def test_few_dense_models_are_not_judged():
    words = said(study(models=4))
    assert "4 dense models cannot tell a course from noise, which needs 5" in words[0]
    assert not any("found" in w for w in words)
    assert "(too few dense models for an interval)" in words[2]


def test_methods_without_levels_have_no_course():
    words = said(study(truth=TURNS[:2]))
    assert words[0].startswith("No method here is done at two or more levels of its own")


def test_an_index_that_is_missing_somewhere_has_no_course():
    tables = study()
    tables.curves["magnitude"][2, 12] = np.nan
    words = said(tables)
    assert "PQI (p = 0.5, q = 1) has no value at some level" in words[0]
    assert "1 run without a PQI: all weights kept are 0." in words


def test_tables_read_back_from_a_store_say_the_same():
    tables = study()
    frames = analysis.measure(tables)
    back = {
        s.name: pa.Table.from_pandas(frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in analysis.schemas
    }
    assert analysis.findings(tables, back) == analysis.findings(tables, frames)


def test_the_order_of_runs_says_nothing():
    class Backwards(Courses):
        @property
        def runs(self):
            return super().runs.iloc[::-1].reset_index(drop=True)

    tables = study()
    one, other = analysis.measure(tables), analysis.measure(Backwards(tables.curves))
    for name, key in (("pq_index_levels", ["arm", "level"]), ("pq_index_phases", ["arm", "quantity", "phase"])):
        pd.testing.assert_frame_equal(
            one[name].sort_values(key, ignore_index=True), other[name].sort_values(key, ignore_index=True)
        )


# -- before it starts


def test_what_it_cannot_support_is_said_before_it_starts():
    plain: dict[str, Any] = {"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}
    pruning = {"prune": {"methods": ["magnitude"], "sparsities": [0.5]}}
    analysis.check(Subject(study_from_plain({**plain, **pruning}, "study"), ("a", "b"), 10))
    with pytest.raises(Unsupported, match=r"prunes nothing, so the index has no course\. Add a method"):
        analysis.check(Subject(study_from_plain(plain, "study"), ("a", "b"), 10))
    with pytest.raises(SpecError, match=r"p below q"):
        build(PQIndex, {"p": 1.0, "q": 1.0}, "[analyses] pq_index")


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("pq_index"), quick=True).result(tmp_path / "s", executor="inline", device="cpu")
    study = result.study
    assert not result.failed
    assert (study.runs["status"] == "done").all()
    seen = study.table("pq_index_seen")
    assert len(seen) == len(study.runs) * 4
    layers, runs = study.table("layers"), study.table("pq_index").set_index("run_id")
    assert (layers.groupby("run_id", observed=True)["kept"].sum() == runs["kept"]).all()
    levels = study.table("pq_index_levels")
    assert set(levels["level"]) == set(range(7))
    assert levels["pqi_low"].notna().all()
    random, magnitude = (levels[levels["control"] == c].set_index("level") for c in (True, False))
    assert (magnitude.loc[1:4, "pqi"] < random.loc[1:4, "pqi"]).all()
    words = study.findings()["pq_index"]
    assert "hypothesis is not found" in words[0] or "falls, rises and falls" in words[0]
