from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from featured import data, make, net, pairs, seen

from pruneviz.api import read_study
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz.core.tables import RUNS as RUNS_TABLE
from pruneviz.measures.geometry import geometry_vector, vector_distances
from pruneviz.measures.statistics import hierarchical_bootstrap, resampled_means
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.feature_geometry import FeatureGeometry, likeness
from pruneviz_analyses.feature_geometry.schemas import ARMS, LAYOUT, RUNS, SEEN, TREE

CONDITIONS = ["clean", "brightness 3", "contrast 3"]


@pytest.fixture(scope="module")
def five():
    return make(5).analysed()


@pytest.fixture(scope="module")
def two():
    return make(2).analysed()


def said(study, options=None):
    return (options or study.options).findings(study, study.frames)


def sample_table(study, run_id, condition="clean"):
    own = study.seen[run_id]["feature_geometry_samples"]
    return own[own["condition"] == condition].sort_values("sample_id")


# -- the tables


def test_every_run_stands_beside_its_dense_model_its_retraining_and_its_control(five):
    table = five.frames[RUNS.name].set_index(["run_id", "condition"])
    assert len(table) == 5 * 4 * 3
    row = table.loc[("m2", "contrast 3")]
    assert (row["reference_run_id"], row["retrained_run_id"], row["control_run_id"]) == ("d2", "r2", "x2")
    assert table.loc[("d2", "clean"), ["reference_run_id", "distance"]].isna().all()
    own, dense = (sample_table(five, r, "contrast 3") for r in ("m2", "d2"))
    vectors = [geometry_vector(f["angle"], f["norm"], f["margin"]) for f in (own, dense)]
    assert row["distance"] == pytest.approx(vector_distances(vectors)[0, 1], rel=1e-5)
    assert row["accuracy"] == pytest.approx((own["prediction"] == own["label"]).mean())


def test_arms_compare_pairs_over_dense_models_seeds_and_images(five):
    arms = five.frames[ARMS.name].set_index(["arm", "condition", "metric"])
    row = arms.loc[("net · magnitude · finetune · 0.5", "clean", "margin_scaled")]
    each, drawn = {}, {}
    for r in five.nets:
        own = sample_table(five, r)
        v = (own["margin"].to_numpy(np.float32) / np.float32(own["norm"].mean())).astype(np.float32)
        each[r], drawn[r] = float(v.mean(dtype=float)), resampled_means(v[None], 200, 0)[0]
    for others, mean, ends in (
        ("d", "difference", ("difference_low", "difference_high")),
        ("r", "excess", ("excess_low", "excess_high")),
        ("x", "control_difference", ("control_low", "control_high")),
    ):
        values = [each[f"m{i}"] - each[f"{others}{i}"] for i in range(5)]
        resampled = np.array([drawn[f"m{i}"] - drawn[f"{others}{i}"] for i in range(5)])
        expected = hierarchical_bootstrap(values, [f"d{i}" for i in range(5)], resampled=resampled, seed=0)
        got = [row[mean], *(row[e] for e in ends)]
        assert got == pytest.approx([expected.mean, expected.low, expected.high], abs=1e-5)
    assert (row["runs"], row["dense_models"], row["retrained_runs"], row["control_runs"]) == (5, 5, 5, 5)
    share = arms.loc[("net · magnitude · finetune · 0.5", "clean", "between_share")]
    assert share["difference_low"] < share["difference"] < share["difference_high"]
    distance = arms.loc[("net · magnitude · finetune · 0.5", "clean", "distance")]
    assert np.isnan(distance["difference"])
    assert distance["mean"] < distance["control_mean"]  # random pruning moves features further
    seeds = arms.loc[("net · dense", "clean", "distance")]  # what another seed alone does

    def vector(run_id):
        own = sample_table(five, run_id)
        return geometry_vector(own["angle"], own["norm"], own["margin"])

    between = vector_distances([vector(f"d{i}") for i in range(5)])
    assert seeds["mean"] == pytest.approx(between.sum() / 20, rel=1e-5)
    assert seeds["most"] == pytest.approx(between.sum(axis=0).max() / 4, rel=1e-5)


def test_with_few_dense_models_there_are_points_only(two):
    arms = two.frames[ARMS.name]
    assert arms[["difference_low", "excess_low", "control_low"]].isna().to_numpy().all()
    assert any("Intervals need 5 dense models." in w for w in said(two))


def test_layouts_have_all_models_and_all_conditions_and_a_tree_on_their_true_distances(five):
    places, tree = five.frames[LAYOUT.name], five.frames[TREE.name]
    by_kind = places.groupby("kind")["item"].apply(set)
    assert by_kind["models"] == set(five.nets)
    assert by_kind["conditions"] == set(CONDITIONS)
    assert (tree.groupby("kind").size() == places.groupby("kind").size() - 1).all()

    def vector(run_id, condition):
        own = sample_table(five, run_id, condition)
        return geometry_vector(own["angle"], own["norm"], own["margin"])

    row = tree[tree["kind"] == "models"].iloc[0]
    ends = [np.stack([vector(r, c) for c in CONDITIONS]) for r in (row["first"], row["second"])]
    assert row["distance"] == pytest.approx(vector_distances(ends)[0, 1], rel=1e-4)
    between = {
        pair: vector_distances([np.stack([vector(r, c) for r in five.nets if r[0] != "x"]) for c in pair])[0, 1]
        for pair in pairs(CONDITIONS)  # the random controls, x0 to x4, have no say in which are alike
    }
    least = sum(sorted(between.values())[:2])
    assert tree.loc[tree["kind"] == "conditions", "distance"].sum() == pytest.approx(least, rel=1e-4)
    row = places[places["item"] == "clean"].iloc[0]
    assert row["nearest_distance"] == pytest.approx(min(d for p, d in between.items() if "clean" in p), rel=1e-4)
    assert set(places.loc[places["kind"] == "conditions", "by"]) == {"MDS"}


def test_many_models_without_umap_are_laid_out_by_mds_and_that_is_said(five, monkeypatch):
    monkeypatch.setattr(likeness, "umap_installed", lambda: False)
    asked = FeatureGeometry(resamples=200)
    frames = asked.measure(five)
    assert set(frames[LAYOUT.name]["by"]) == {"MDS"}
    assert any("laid out by MDS, since umap-learn was not installed" in w for w in asked.findings(five, frames))
    assert not any("umap-learn" in w for w in said(five))  # it asks for MDS


def test_layouts_are_asked_of_umap_where_it_is_there(five, monkeypatch):
    asked = []

    def stub(distances, neighbours, seed):
        asked.append((len(distances), neighbours, seed))
        return likeness.classical_mds(distances)

    monkeypatch.setattr(likeness, "umap_layout", stub)
    monkeypatch.setattr(likeness, "umap_installed", lambda: True)
    FeatureGeometry(layout="auto", neighbours=7, seed=3, resamples=200).measure(five)
    assert asked == [(20, 7, 3)]  # the models; three conditions are few
    FeatureGeometry(layout="umap", resamples=200).measure(five)
    assert len(asked) == 3


def test_what_is_lacking_is_left_out_and_named(two):
    study = make(2)
    first = study.seen["m0"]
    for name, frame in first.items():
        if "condition" in frame:
            first[name] = frame[frame["condition"] != "contrast 3"]
    study.seen.pop("r1")
    study.rows.append({**study.rows[0], "run_id": "late", "status": "waiting"})
    study.analysed()
    assert set(study.frames[RUNS.name]["run_id"]) == set(study.nets) - {"m0", "r1"}
    words = said(study)
    assert "1 run is left out: not done yet." in words
    assert any(w.startswith("2 runs left out: not looked at under every condition") for w in words)
    row = study.frames[RUNS.name].set_index(["run_id", "condition"]).loc[("m1", "clean")]
    assert pd.isna(row["retrained_run_id"])


def test_dead_features_are_named_and_their_runs_have_no_place():
    study = make(2)
    with torch.no_grad():
        study.nets["x0"][1].bias[:] = -1e6
    study.look("x0").analysed()
    frames = study.frames
    assert "x0" not in set(frames[LAYOUT.name]["item"])
    arms = frames[ARMS.name].set_index(["arm", "condition", "metric"])
    assert arms.loc[("net · random · finetune · 0.5", "clean", "angle"), "runs"] == 1
    row = frames[RUNS.name].set_index(["run_id", "condition"]).loc[("x0", "clean")]
    assert row[["angle", "margin_scaled", "distance"]].isna().all()
    words = said(study)
    assert any("1 run without a geometry vector" in w and "net · random" in w for w in words)
    assert any(w.startswith("Up to 60 samples have no angle or margin") for w in words)
    assert not any("lost all weights of some classes" in w for w in words)
    with torch.no_grad():
        study.nets["x0"][3].weight[:3] = 0
    study.look("x0").analysed()
    told = "In 1 run the classifier has lost all weights of some classes, up to 3 (net · random · finetune · 0.5)."
    assert told in said(study)
    assert any(w.startswith("Up to 12 of 12 features have one value on all clean images (net · random") for w in words)


def test_before_anything_was_looked_at_the_tables_are_empty():
    study = make(1)
    study.seen = {}
    frames = study.options.measure(study)
    assert {n: len(f) for n, f in frames.items()} == dict.fromkeys([RUNS.name, ARMS.name, LAYOUT.name, TREE.name], 0)
    words = study.options.findings(study, frames)
    assert words == (
        "4 runs left out: not looked at under every condition, or the dense model to compare with was not. "
        "Run the study again.",
    )


# -- the findings


def test_findings_have_their_numbers_and_what_varied(five):
    words = said(five)
    assert words[0].startswith("net · dense: margin over norm ")
    assert "(5 models, 60 clean test images)" in words[0]
    arm = next(w for w in words if w.startswith("net · magnitude"))
    assert "against dense (5 runs of 5 dense models, 60 clean images)" in arm
    assert "random pruning" in arm
    assert "retraining alone" in arm
    assert "Geometry vectors are 0." in arm
    assert "other dense models" in arm
    assert any("under 2 corruptions: margin over norm from" in w for w in words)
    (alike,) = (w for w in words if ("geometry" in w and "alike" in w) or "most like that of clean" in w)
    assert " are clean" not in alike
    assert "clean and" not in alike  # clean images are no corruption
    arms = five.frames[ARMS.name]
    row = arms[(arms["arm"] == "net · dense · finetune") & (arms["condition"] == "clean")].set_index("metric")
    retrained = next(w for w in words if w.startswith("net · dense · finetune"))
    sure = row["difference_low"] * row["difference_high"] > 0
    measures = ["margin_scaled", "angle", "between_share"]
    assert retrained.count("no difference detected") == sum(not sure[m] for m in measures)


def test_no_more_arms_are_told_than_asked_for(five):
    words = said(five, FeatureGeometry(sentences=1))
    assert "1 more arm is in the table feature_geometry_arms." in words


def test_tables_read_back_from_a_store_say_the_same(five):
    back = {
        s.name: pa.Table.from_pandas(five.frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in five.options.schemas
    }
    assert five.options.findings(five, back) == said(five)


def test_only_what_decides_is_in_the_key(five):
    options = (FeatureGeometry(), FeatureGeometry(resamples=500, sentences=3, layout="mds", level=0.9))
    one, other = (dict(a.observations(five.runs)[0].part) for a in options)
    assert one == other
    assert one != dict(FeatureGeometry(seed=1).observations(five.runs)[0].part)


class Drawn:
    """A study of which only the tables are there: pruned runs are drawn as the retrained ones are."""

    def __init__(self, nets, models, n, seed):
        rng = np.random.default_rng(seed)
        rows, parts, whole = [], [], []
        ids = [f"test:{i}" for i in range(n)]
        for net_, m in itertools.product(range(nets), range(models)):
            base = rng.normal(1, 0.3, n) + rng.normal(0, 0.2)
            for kind, method in (("d", "dense"), ("r", "dense"), ("p", "magnitude")):
                run_id = f"{kind}{net_}/{m}"
                own = {"run_id": run_id, "name": run_id, "dense_run_id": f"d{net_}/{m}", "model": f"net{net_}"}
                after = {"recovery": "none" if kind == "d" else "finetune", "seed": None if kind == "d" else 0}
                target = "0.5" if kind == "p" else ""
                rows.append({**own, **after, "method": method, "target": target, "level": 1, "status": "done"})
                margin = base + (rng.normal(0, 0.3, n) + rng.normal(0, 0.1)) * (kind != "d")
                norm, angle = rng.gamma(20, 0.2, n), 1 + 0.2 * rng.normal(size=n) - 0.2 * margin
                label = np.zeros(n, int)
                frame = pd.DataFrame({"sample_id": ids, "label": label, "prediction": (margin < 0.9).astype(int)})
                parts.append(frame.assign(run_id=run_id, condition="clean", angle=angle, norm=norm, margin=margin))
                means = {"angle": angle.mean(), "between_share": rng.normal(0.7, 0.02)}
                whole.append({"run_id": run_id, "condition": "clean", "samples": n, **means})
        self.runs = RUNS_TABLE.frame(rows)
        self.frames = {"feature_geometry_samples": pd.concat(parts), "feature_geometry_seen": SEEN.frame(whole)}

    def table(self, name, run_ids=None):
        return self.frames[name].copy()


def test_pruning_that_does_what_retraining_does_is_seldom_called_different():
    """40 studies in one, each with a model of its own and five dense models."""
    arms = FeatureGeometry(resamples=300, layout="mds").measure(Drawn(40, 5, 60, 0))[ARMS.name]
    arms = arms[(arms["kind"] == "pruned") & (arms["metric"] != "distance")]
    assert len(arms) == 40 * 4
    wrong = ((arms["excess_low"] > 0) | (arms["excess_high"] < 0)).groupby(arms["metric"]).mean()
    assert wrong.max() <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 40)
    assert (arms["excess_high"] - arms["excess_low"]).min() > 0


# -- before it starts


def subject(given=None, on=None, classes=("a", "b", "c", "d")):
    spec = study_from_plain({"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}, "study")
    on = on or data()
    return Subject(spec, classes, 60, {"net": seen(given or net(), on)})


def test_what_it_cannot_support_is_said_before_it_starts(monkeypatch):
    FeatureGeometry(corruptions=("fog",), images=("test:5",), layer="2").check(subject())
    with pytest.raises(Unsupported, match="has 1 class; a boundary needs at least 2"):
        FeatureGeometry().check(subject(classes=("a",)))
    with pytest.raises(Unsupported, match="model 'net': feature_geometry: the output of '1' does not feed a linear"):
        FeatureGeometry(layer="1").check(subject())
    with pytest.raises(SpecError, match=r"corruptions.*'fogg'.*Did you mean 'fog'"):
        FeatureGeometry(corruptions=("fogg",)).check(subject())
    with pytest.raises(SpecError, match=r"corruptions.*each once"):
        FeatureGeometry(corruptions=("fog", "fog")).check(subject())
    with pytest.raises(SpecError, match=r"severities.*one or more"):
        FeatureGeometry(corruptions=("fog",), severities=()).check(subject())
    with pytest.raises(SpecError, match=r"images.*'test:99'"):
        FeatureGeometry(images=("test:99",)).check(subject())
    monkeypatch.setattr(likeness, "umap_installed", lambda: False)
    with pytest.raises(Unsupported, match=r"pip install 'pruneviz\[umap\]'"):
        FeatureGeometry(layout="umap").check(subject())
    FeatureGeometry(layout="auto").check(subject())


def test_images_that_are_no_pixels_cannot_be_corrupted():
    from dataclasses import replace

    on = data()
    floats = (on.test.images.astype(np.float32) / 255).transpose(0, 3, 1, 2)
    split = replace(on.test, images=floats)
    tensors = replace(on, train=split, test=split)
    FeatureGeometry().check(subject(on=tensors))
    with pytest.raises(Unsupported, match="tensors and no pixels any more"):
        FeatureGeometry(corruptions=("fog",)).check(subject(on=tensors))


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("feature_geometry"), quick=True).result(
        tmp_path / "s", executor="inline", device="cpu"
    )
    assert not result.failed
    study = result.study
    table, runs = study.table("feature_geometry"), study.runs.set_index("run_id")
    assert set(table["run_id"]) == set(runs.index)
    assert set(table["condition"]) == {"clean", "gaussian_noise 3", "contrast 3"}
    samples = study.table("feature_geometry_samples")
    clean = samples[samples["condition"] == "clean"]
    assert ((clean["margin"] > 0) == (clean["prediction"] == clean["label"])).all()
    assert clean["angle"].between(0, np.pi).all()
    known = study.table("samples").set_index(["run_id", "sample_id"])["prediction"]
    assert (
        clean.set_index(["run_id", "sample_id"])["prediction"]
        == known.reindex(pd.MultiIndex.from_frame(clean[["run_id", "sample_id"]].astype(str)))
    ).mean() > 0.999
    words = study.findings()["feature_geometry"]
    assert words[0].startswith("lenet5-fashion · dense: margin over norm 0.2")
