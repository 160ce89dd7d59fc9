from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from featured import Study, data, disturbed, net, seen, trained
from references import embedding_slow as slow
from torch import nn

from pruneviz.api import read_study
from pruneviz.core.errors import ModelError, SpecError, Unsupported
from pruneviz.core.selection import Inside, Selection
from pruneviz.core.spec import study_from_plain
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.embedding import principal_scores
from pruneviz.shipped import find_study
from pruneviz.views.pictures.projection import projections
from pruneviz.views.selecting import chosen
from pruneviz_analyses import Subject
from pruneviz_analyses.embeddings import Embeddings
from pruneviz_analyses.embeddings.schemas import ARMS, CHANGES, NEIGHBOURS, RUNS, SAMPLES, SEEN

ON = data()
OPTIONS = Embeddings(neighbours=5, resamples=200)


def look(study):
    options = study.options
    for o in options.observations(study.runs):
        models = [seen(study.nets[r], study.data, r) for r in o.run_ids]
        earlier = [study.seen[e.run_ids[-1]] for e in o.after]
        study.seen[o.run_ids[-1]] = options.observe(models, o.part, lambda *at: None, *earlier)
    study.frames = options.measure(study)
    return study


def make(models=2, options=OPTIONS):
    study = Study(ON, options)
    for m in range(models):
        dense = trained(net(seed=m), ON)
        study.add(f"d{m}", dense, replicate=m)
        after = {"recovery": "finetune", "dense": f"d{m}", "seed": 0, "replicate": m}
        study.add(f"r{m}", trained(copy.deepcopy(dense), ON, 5), **after)
        study.add(
            f"m{m}", trained(disturbed(dense, 0.5, None), ON, 5), method="magnitude", control_run_id=f"x{m}", **after
        )
        study.add(f"x{m}", disturbed(dense, 0.9, m), method="random", **after)
    return look(study)


@pytest.fixture(scope="module")
def two():
    return make()


@pytest.fixture(scope="module")
def five():
    return make(5)


def features(study, run_id):
    """What the last layer reads, by running the layers before it."""
    given = study.nets[run_id]
    with torch.no_grad():
        return given[:3](study.data.preprocess(study.data.test.images)).double().numpy()


def places(study, run_id):
    own = study.seen[run_id][SAMPLES.name]
    return own.set_index("sample_id").loc[list(study.data.test.ids), ["x", "y"]].to_numpy(float)


def test_neighbours_and_their_changes_are_those_of_plain_loops(two):
    found = {}
    for run in ("d0", "m0", "r0"):
        found[run] = slow.nearest(features(two, run), 5)
        own = two.seen[run][NEIGHBOURS.name].sort_values(["sample_id", "rank"])
        for i in (0, 31, 59):
            rows = own[own["sample_id"] == f"test:{i}"]
            assert list(rows["neighbour_id"]) == [f"test:{j}" for j in found[run][i]]
    changes = two.frames[CHANGES.name].set_index(["run_id", "sample_id"])["change"]
    expected = slow.change(found["d0"], found["m0"])
    assert [changes[("m0", f"test:{i}")] for i in range(60)] == pytest.approx(expected)
    row = two.frames[RUNS.name].set_index("run_id").loc["m0"]
    assert (row["reference_run_id"], row["retrained_run_id"], row["control_run_id"]) == ("d0", "r0", "x0")
    assert row["change"] == pytest.approx(np.mean(expected))
    assert not changes.index.isin(["d0", "d1"], level=0).any()


def test_the_anchor_lies_at_its_components_and_all_others_in_its_plane(two):
    assert places(two, "d0") == pytest.approx(principal_scores(features(two, "d0")).values[:, :2], abs=1e-5)
    table = pd.concat([f[SEEN.name] for f in two.seen.values()]).set_index("run_id")
    assert set(table["anchor_run_id"]) == {"d0"}
    assert table.loc["d0", "residual"] == pytest.approx(0, abs=1e-9)
    assert table.loc["r0", "residual"] < table.loc["x0", "residual"] < 2

    def moved(run):
        return np.linalg.norm(places(two, run) - places(two, "d0"), axis=1).mean()

    assert moved("r0") < moved("x0")


def test_a_model_with_its_features_turned_and_named_anew_is_the_same_model():
    """Turned units and scaled features with the inverse in the classifier: the same function, the same picture."""
    dense = trained(net(), ON)
    other = copy.deepcopy(dense)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        other[1].weight[:], other[1].bias[:] = 2 * dense[1].weight[order], 2 * dense[1].bias[order]
        other[3].weight[:] = dense[3].weight[:, order] / 2
    study = Study(ON, OPTIONS).add("d0", dense).add("same", copy.deepcopy(dense), method="magnitude", dense="d0")
    look(study.add("turned", other, method="snip", dense="d0"))
    changes = study.frames[RUNS.name].set_index("run_id")["change"]
    assert changes["same"] == 0
    assert changes["turned"] == pytest.approx(0, abs=1e-3)
    for run in ("same", "turned"):
        assert places(study, run) == pytest.approx(places(study, "d0"), abs=1e-3)


def test_arms_stand_beside_retraining_other_dense_models_and_random_pruning(five):
    arms = five.frames[ARMS.name].set_index("arm")
    runs = five.frames[RUNS.name].set_index(["run_id", "reference_run_id"])["change"]
    row = arms.loc["net · magnitude · finetune · 0.5"]
    own, alone, control = ([runs[(f"{kind}{m}", f"d{m}")] for m in range(5)] for kind in "mrx")
    assert row["change"] == pytest.approx(np.mean(own))
    assert row["retrained_change"] == pytest.approx(np.mean(alone))
    assert row["excess"] == pytest.approx(np.mean(np.subtract(own, alone)))
    assert row["against_control"] == pytest.approx(np.mean(np.subtract(own, control)))
    assert row["change_low"] < row["change"] < row["change_high"]
    assert row["against_control_high"] < 0  # random pruning changes neighbourhoods more
    dense = arms.loc["net · dense · other dense models"]
    assert (dense["runs"], dense["dense_models"]) == (10, 5)
    assert np.isnan(dense["change_low"])
    said = " ".join(OPTIONS.findings(five, five.frames))
    assert "what training on alone gives" in said
    assert "what another training alone gives" in said
    assert "beyond it" in said
    assert f"Random pruning: {np.mean(control):.3f}" in said


def test_with_few_dense_models_there_are_no_intervals(two):
    arms = two.frames[ARMS.name]
    assert arms[["change_low", "excess_low", "against_control_low"]].isna().to_numpy().all()
    assert any("fewer than 5 dense models give no interval" in w for w in OPTIONS.findings(two, two.frames))


def test_of_many_images_some_are_looked_at_evenly_over_classes_and_that_is_said():
    study = Study(ON, Embeddings(samples=20, neighbours=3)).add("d0", trained(net(), ON, 5))
    look(study)
    own = study.seen["d0"][SAMPLES.name]
    labels = dict(zip(ON.test.ids, ON.test.labels, strict=True))
    assert np.bincount([labels[s] for s in own["sample_id"]]).tolist() == [5] * 4
    assert "20 of 60 test images were looked at" in " ".join(study.options.findings(study, study.frames))
    assert study.frames[RUNS.name].empty


def test_dead_features_have_no_place_and_are_named_and_broken_ones_refused():
    dead, broken = trained(net(), ON, 5), net()
    with torch.no_grad():
        dead[1].weight[:], dead[1].bias[:] = 0, 1
        broken[1].weight[:] = float("nan")
    study = Study(ON, OPTIONS).add("d0", trained(net(), ON, 5)).add("gone", dead, method="magnitude", dense="d0")
    look(study)
    assert np.isnan(places(study, "gone")).all()
    assert study.seen["gone"][NEIGHBOURS.name].empty
    assert "1 run left out: all images have the same features (gone)." in OPTIONS.findings(study, study.frames)
    part = OPTIONS.observations(study.runs)[0].part
    with pytest.raises((ModelError, Unsupported), match=r"NaN or infinite|finite features"):
        OPTIONS.observe([seen(study.nets["d0"], ON, "d0"), seen(broken, ON, "b")], part, lambda *at: None)


def test_networks_of_other_widths_share_the_plane():
    study = Study(ON, OPTIONS).add("d0", trained(net(), ON, 20))
    look(study.add("narrow", trained(net(width=5), ON, 20), method="filter-l1", dense="d0"))
    assert study.seen["narrow"][SEEN.name]["dimensions"].iloc[0] == 5
    assert np.isfinite(places(study, "narrow")).all()


def test_progress_reaches_its_end():
    told = []
    o = OPTIONS.observations(pd.DataFrame({"run_id": ["a", "b"], "name": ["a", "b"], "dense_run_id": ["a", "a"]}))[1]
    OPTIONS.observe([seen(net(), ON, "a"), seen(net(seed=1), ON, "b")], o.part, lambda *at: told.append(at))
    assert told[-1][0] == told[-1][1]
    assert [d for d, _ in told] == sorted(d for d, _ in told)


def test_umap_begins_at_the_anchors_places(monkeypatch):
    begun = []

    def places_of(x, start, neighbours, seed):
        begun.append(start)
        return np.asarray(start) * 2 + 1

    monkeypatch.setattr("pruneviz_analyses.embeddings.observing.umap_places", places_of)
    dense = trained(net(), ON, 5)
    study = Study(ON, Embeddings(neighbours=5, layout="umap")).add("d0", dense)
    look(study.add("m0", disturbed(dense, 0.5, None), method="magnitude", dense="d0"))
    assert begun[1] == pytest.approx(places(study, "d0"), abs=1e-6)
    assert places(study, "m0") == pytest.approx(places(study, "d0"), abs=1e-5)
    assert study.seen["m0"][SEEN.name]["by"].iloc[0] == "UMAP"


def test_aligned_places_are_those_of_all_models_laid_out_at_once(monkeypatch):
    given = {}

    def laid(features, which, start, neighbours, seed, hold):
        given.update(features=features, which=which, hold=hold)
        return tuple(np.asarray(start)[w] + i for i, w in enumerate(which))

    monkeypatch.setattr("pruneviz_analyses.embeddings.observing.aligned_umap_places", laid)
    dense, dead = trained(net(), ON, 5), net(seed=3)
    dead[1].weight.data[:], dead[1].bias.data[:] = 0, -1  # all images have the same features
    options = Embeddings(neighbours=5, layout="aligned", hold=0.1)
    study = Study(ON, options).add("d0", dense)
    study.add("m0", disturbed(dense, 0.5, None), method="magnitude", dense="d0").add("b0", dead, dense="d0")
    *each, together = options.observations(study.runs)
    assert [o.run_ids for o in each] == [("d0",), ("d0", "m0"), ("d0", "b0")]
    assert together.run_ids == ("d0", "m0", "b0")
    models = [seen(study.nets[r], ON, r) for r in together.run_ids]
    apart = options.observe(models[:2], each[1].part, lambda *at: None)
    assert set(apart) == {SEEN.name, NEIGHBOURS.name}
    assert apart[SEEN.name]["by"].iloc[0] == "AlignedUMAP"
    told = []
    found = options.observe(models, together.part, lambda *at: told.append(at))[SAMPLES.name]
    at = {r: f[["x", "y"]].to_numpy(float) for r, f in found.groupby("run_id", observed=True)}
    assert [list(w) for w in given["which"]] == [list(range(len(at["d0"])))] * 2
    assert given["features"][0] == pytest.approx(features(study, "d0"), abs=1e-5)
    assert at["m0"] == pytest.approx(at["d0"] + 1)
    assert np.isnan(at["b0"]).all()
    assert told[-1][0] == told[-1][1]
    assert given["hold"] == 0.1
    many = [{"run_id": f"r{i}", "name": f"r{i}", "dense_run_id": "r0"} for i in range(65)]
    with pytest.raises(Unsupported, match=r"65 are asked for, 64 are the most. Name those wanted with `runs`"):
        options.observations(pd.DataFrame(many))


def test_runs_that_are_named_are_looked_at_with_what_they_are_held_against(two):
    names = dict(zip(two.runs["run_id"], two.runs["name"], strict=True))
    options = Embeddings(neighbours=5, runs=(names["m1"],))
    assert {o.run_ids[-1] for o in options.observations(two.runs)} == {"d0", "d1", "r1", "m1", "x1"}
    some = Study(ON, options, two.rows, two.nets)
    look(some)
    said = options.findings(some, some.frames)
    assert any("3 runs left out: `runs` does not name them." in text for text in said)
    assert any("Random pruning:" in text and "Training on alone:" in text for text in said)
    with pytest.raises(SpecError, match="embeddings: runs: got 'nobody'"):
        Embeddings(runs=("nobody",)).observations(two.runs)


def subject(given, samples=60):
    given_in = {"source": "sample:lenet5-fashion"}, {"source": "sample:fashion"}
    spec = study_from_plain({"name": "s", "model": given_in[0], "data": given_in[1]}, "a test")
    return Subject(spec, ON.classes, samples, {"net": seen(given, ON)})


def test_what_cannot_be_done_is_said_before_anything_starts():
    OPTIONS.check(subject(net()))
    with pytest.raises(Unsupported, match="5 test samples do not have 5 neighbours each"):
        OPTIONS.check(subject(net(), samples=5))
    soft = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Softmax(1))
    with pytest.raises(Unsupported, match=r"model 'net': embeddings: .*not linear"):
        OPTIONS.check(subject(soft))


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("embeddings"), quick=True).result(tmp_path / "s", executor="inline", device="cpu")
    assert not result.failed
    study = result.study
    runs = study.runs.set_index("method")["run_id"]
    change = study.table("embeddings").set_index("run_id")["change"]
    assert 0 < change[runs["magnitude"]] < change[runs["random"]] < 1
    pictures = projections(study, ViewState(models=(runs["magnitude"],)))
    assert len(pictures[0].frames[0].keys) == 1000
    x, y = pictures[1].plane
    frame = pictures[1].frames[0]
    right = Inside(x, y, ((0.0, -1e3), (1e3, -1e3), (1e3, 1e3), (0.0, 1e3)))
    expected = {k for k, at in zip(frame.keys, frame.columns[f"x {runs['magnitude']}"], strict=True) if at > 0}
    assert set(chosen(Selection("samples", right), study)) == expected
