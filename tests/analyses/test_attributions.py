from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from attributed import SIDE, Attributed, analysis, make
from references import attribution_slow as slow
from torch import nn

from pruneviz.api import read_study
from pruneviz.core.errors import DataError, ModelError, SpecError, Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz.data.dataset import Split
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.attributions import Attributions
from pruneviz_analyses.attributions.explaining import explain, smaller
from pruneviz_analyses.attributions.observing import drawn
from pruneviz_analyses.attributions.schemas import FLIPPED, MAPS, PREDICTIONS


class Net(nn.Module):
    """Two convolutions and a linear layer, for grey images of 6×6."""

    def __init__(self, classes=3):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, classes)

    def forward(self, x):
        return self.fc(F.softplus(self.conv2(F.relu(self.conv1(x)))).mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    return Net().eval()


def seen(net, images=20, run_id="r"):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (images, SIDE, SIDE, 1), dtype=np.uint8)
    ids = np.array([f"test:{i}" for i in range(images)])
    split = Split(pixels, rng.integers(0, 3, images), ids)

    def preprocess(x, device=None):
        return (torch.as_tensor(x).permute(0, 3, 1, 2).float() / 255 - 0.3) / 0.4

    data = SimpleNamespace(test=split, preprocess=preprocess)
    example = preprocess(pixels[:1])
    return SimpleNamespace(run_id=run_id, net=net, data=data, device="cpu", example=example)


def part_of(options, runs=None):
    frame = pd.DataFrame({"run_id": ["r"], "name": ["r"], "method": ["dense"], "dense_run_id": ["r"]})
    frame["control_run_id"] = None
    return dict(options.observations(frame if runs is None else runs)[0].part)


# -- the maps


def test_maps_agree_with_their_definitions(net):
    model = seen(net, 4)
    images, classes = model.data.preprocess(model.data.test.images), torch.tensor([0, 1, 2, 1])
    black = model.data.preprocess(np.zeros((1, SIDE, SIDE, 1), np.uint8))
    part = {"layer": "", "steps": 60, "patch": 0.5, "stride": 0.34}
    part["methods"] = ("gradcam", "integrated_gradients", "occlusion")
    found = dict(explain(net, images, classes, black, part))

    def logit(pixels, k):
        with torch.no_grad():
            return float(net(torch.as_tensor(pixels, dtype=torch.float32).reshape(1, 1, SIDE, SIDE) + black)[0, k])

    for i, k in enumerate(classes.tolist()):
        above = (images[i] - black[0])[0]
        wanted = slow.occlusion(lambda p, k=k: logit(p, k), above.tolist(), 3, 2)
        np.testing.assert_allclose(found["occlusion"].maps[i], wanted, atol=1e-5)

        def gradient(at, k=k):
            x = (torch.tensor(at).reshape(1, 1, SIDE, SIDE) + black).requires_grad_(True)
            return torch.autograd.grad(net(x)[0, k], x)[0].reshape(-1).tolist()

        wanted = slow.integrated_gradients(gradient, above.reshape(-1).tolist(), 300)
        np.testing.assert_allclose(found["integrated_gradients"].maps[i].reshape(-1), wanted, atol=2e-3)
        # GradCAM: channels of the last convolution, weighed by their mean gradient, where that is above 0.
        a = net.conv2(F.relu(net.conv1(images[i : i + 1]))).detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(net.fc(F.softplus(a).mean((2, 3)))[0, k], a)
        coarse = F.relu((slope.mean((2, 3), keepdim=True) * a).sum(1, keepdim=True))
        wanted = F.interpolate(coarse, (SIDE, SIDE), mode="bilinear", align_corners=False)[0, 0].detach()
        torch.testing.assert_close(found["gradcam"].maps[i], wanted)
    assert found["gradcam"].expected is None


def test_integrated_gradients_add_up_to_the_change_of_the_logit(net):
    options = Attributions(methods=("integrated_gradients",), samples=8, steps=200, resolution=3)
    frame = options.observe([seen(net)], part_of(options), lambda *at: None)[MAPS.name]
    assert frame["total"].to_numpy() == pytest.approx(frame["expected"].to_numpy(), abs=2e-4)
    assert frame["total"].abs().max() > 0.03
    assert set(frame["height"]) == {3}  # made smaller by adding up
    assert [float(v.sum()) for v in frame["values"]] == pytest.approx(frame["total"].tolist(), rel=5e-3, abs=1e-4)


def test_colour_images_are_covered_in_all_channels_at_once():
    class Sum(nn.Module):
        def forward(self, x):
            return torch.stack([x.sum((1, 2, 3)), -x.sum((1, 2, 3))], 1)

    images = torch.ones((2, 3, 4, 4))
    part = {"methods": ("occlusion",), "patch": 0.25, "stride": 0.25}
    ((_, found),) = explain(Sum(), images, torch.tensor([0, 1]), torch.zeros((1, 3, 4, 4)), part)
    assert found.maps[0].tolist() == [[3.0] * 4] * 4
    assert found.maps[1].tolist() == [[-3.0] * 4] * 4


def test_maps_are_made_smaller_by_adding_up():
    maps = torch.arange(2 * 8 * 4, dtype=torch.float32).reshape(2, 8, 4)
    assert smaller(maps, 8) is maps
    small = smaller(maps, 4)
    assert small.shape == (2, 4, 2)
    torch.testing.assert_close(small[:, 0, 0], maps[:, :2, :2].sum((1, 2)))
    torch.testing.assert_close(small.sum((1, 2)), maps.sum((1, 2)))


def test_the_same_images_are_drawn_for_every_run_and_the_class_explained_is_as_asked(net):
    told = []
    options = Attributions(methods=("gradcam",), samples=5, seed=4)
    found = options.observe([seen(net)], part_of(options), lambda *at: told.append(at))
    frame = found[MAPS.name]
    model = seen(net)
    places = drawn(model.data, 5, 4)
    assert frame["sample_id"].tolist() == [f"test:{i}" for i in places]
    assert frame["explained"].tolist() == model.data.test.labels[places].tolist()
    assert told[-1][0] == told[-1][1] == 1
    assert found[PREDICTIONS.name].empty  # nobody asks for flips
    options = Attributions(methods=("gradcam",), samples=5, explain="predicted")
    frame = options.observe([seen(net)], part_of(options), lambda *at: None)[MAPS.name]
    assert frame["explained"].tolist() == frame["prediction"].tolist()
    assert len(drawn(model.data, 64, 0)) == 20  # all there are
    assert set(drawn(model.data, 5, 1)) < set(drawn(model.data, 8, 1))


def test_outputs_that_are_no_numbers_are_named():
    class Broken(Net):
        def forward(self, x):
            return super().forward(x) * torch.where(torch.arange(len(x)) == 2, torch.nan, 1.0)[:, None]

    options = Attributions(methods=("occlusion",), samples=5)
    with pytest.raises(ModelError, match=r"the output is NaN or infinite for 1 of 5 images \(first: test:\d+\)"):
        options.observe([seen(Broken())], part_of(options), lambda *at: None)


def test_images_that_flip_most_are_looked_up_among_further_ones_and_shown_alone(net):
    options = Attributions(methods=("gradcam",), samples=3, flips=2)
    runs = pd.DataFrame(
        {
            "run_id": ["d", "p", "q", "x"],
            "name": ["d", "p", "q", "x"],
            "method": ["dense", "magnitude", "magnitude", "random"],
            "dense_run_id": ["d", "d", "d", "d"],
            "control_run_id": [None, "x", "x", None],
        }
    )
    looks = options.observations(runs)
    assert [o.run_ids[0] for o in looks] == ["d", "p", "q", "x", "d", "d", "p", "q", "x"]
    finder, shown = looks[4], looks[6]
    assert shown.after == (finder,)
    assert finder.after == tuple(looks[:4])
    first = [options.observe([seen(net, run_id=r)], looks[0].part, lambda *at: None) for r in "dpqx"]
    ids = first[0][PREDICTIONS.name]["sample_id"].tolist()
    assert len(ids) == 17
    assert not set(ids) & set(first[0][MAPS.name]["sample_id"])
    everywhere = range(17)  # the random control, which does not choose
    for frames, differs in zip(first, ((), (4, 9), (9,), everywhere), strict=True):
        said = frames[PREDICTIONS.name]
        said["prediction"] = np.where(np.isin(np.arange(17), differs), 1, 0)
    flipped = options.observe([seen(net)], finder.part, lambda *at: None, *first)[FLIPPED.name]
    assert flipped["sample_id"].tolist() == [ids[9], ids[4]]
    assert flipped["flips"].tolist() == [2, 1]
    assert set(flipped["runs"]) == {2}
    maps = options.observe([seen(net)], shown.part, lambda *at: None, {FLIPPED.name: flipped})[MAPS.name]
    assert maps["sample_id"].tolist() == [ids[9], ids[4]]
    assert set(maps["chosen"]) == {"flips"}


# -- before it starts


def subject(net, samples=100):
    spec = study_from_plain({"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}, "study")
    return Subject(spec, ("a", "b", "c"), samples, {"m": seen(net)})


class Strange(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act, self.fc = (
            nn.Conv2d(1, 4, 3),
            nn.LayerNorm([4, 4, 4]),
            nn.GELU(),
            nn.Linear(64, 3),
        )

    def forward(self, x):
        return self.fc(self.act(self.norm(self.conv(x))).flatten(1))


def test_layers_in_the_way_are_named():
    plain = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    Attributions(methods=("lrp", "integrated_gradients", "occlusion")).check(subject(plain))
    with pytest.raises(Unsupported, match=r"model 'm'.*GradCAM needs a convolution.*leave it out"):
        Attributions().check(subject(plain))
    with pytest.raises(
        Unsupported, match=r"LRP cannot be used.*no rule for: norm \(LayerNorm\), act \(GELU\)\. Leave it"
    ):
        Attributions().check(subject(Strange()))
    Attributions(methods=("gradcam", "occlusion")).check(subject(Strange()))
    with pytest.raises(SpecError, match=r"layer.*conv9.*conv"):
        Attributions(methods=("gradcam",), layer="conv9").check(subject(Strange()))
    with pytest.raises(Unsupported, match="layer = 'fc' gives 3; GradCAM needs channels"):
        Attributions(methods=("gradcam",), layer="fc").check(subject(Strange()))


def test_options_that_make_no_sense_are_refused(net):
    for options, words in (
        ({"methods": ()}, "one or more"),
        ({"methods": ("lrp", "lrp")}, "each once"),
        ({"patch": 0.1, "stride": 0.2}, r"stride.*at most patch = 0\.1"),
    ):
        with pytest.raises(SpecError, match=words):
            Attributions(**options).check(subject(net))
    with pytest.raises(Unsupported, match="the test split has 1 image"):
        Attributions(methods=("gradcam",)).check(subject(net, 1))


# -- the tables


def maps_of(study, run_id, way):
    return np.array([m["values"] for m in study.maps if m["run_id"] == run_id and m["attribution"] == way], float)


def test_similarities_are_those_of_the_definition_image_by_image():
    study = make(2)
    pairs = analysis.measure(study)["attributions_pairs"]
    row = pairs[(pairs["run_id"] == "p10") & (pairs["attribution"] == "lrp")].set_index("sample_id")
    assert set(row["reference_run_id"]) == {"d1"}
    assert row["chosen"].value_counts().to_dict() == {"random": 12, "flips": 2}
    own, dense = maps_of(study, "p10", "lrp"), maps_of(study, "d1", "lrp")
    for i, sample in enumerate(study.ids):
        assert row.loc[sample, "rank"] == pytest.approx(slow.spearman(own[i].tolist(), dense[i].tolist()))
        assert row.loc[sample, "cosine"] == pytest.approx(slow.cosine(own[i].tolist(), dense[i].tolist()))
    others = pairs[pairs["kind"] == "replicate"]
    assert set(zip(others["run_id"], others["reference_run_id"], strict=True)) == {("d1", "d0")}


def test_numbers_are_of_random_images_alone_and_dense_models_weigh_the_same():
    study = make(2, seeds=2)
    study.rows = [r for r in study.rows if r["run_id"] != "p01"]
    study.maps = [m for m in study.maps if m["run_id"] != "p01"]
    frames = analysis.measure(study)
    pairs = frames["attributions_pairs"]
    drawn_alone = pairs[(pairs["chosen"] == "random") & (pairs["attribution"] == "gradcam")]
    mean = drawn_alone.groupby("run_id")["rank"].mean()
    runs = frames["attributions"].set_index(["run_id", "attribution"])
    assert runs.loc[("p00", "gradcam"), "rank"] == pytest.approx(mean["p00"])
    assert runs.loc[("p00", "gradcam"), "control_run_id"] == "x00"
    arm = frames["attributions_arms"].set_index(["arm", "attribution", "similarity"])
    row = arm.loc[("net · magnitude · finetune · 0.9", "gradcam", "rank")]
    assert row["mean"] == pytest.approx((mean["p00"] + (mean["p10"] + mean["p11"]) / 2) / 2)
    assert row["retrained"] == pytest.approx((mean["r00"] + (mean["r10"] + mean["r11"]) / 2) / 2)
    assert row["beyond_retraining"] == pytest.approx(row["mean"] - row["retrained"])
    assert row["beyond_control"] == pytest.approx(row["mean"] - row["control"])
    assert (row["runs"], row["dense_models"], row["retrained_runs"], row["control_runs"]) == (3, 2, 3, 3)
    assert np.isnan(row["low"])
    assert runs.loc[("p00", "lrp"), "gap"] == pytest.approx(0.5)
    assert np.isnan(runs.loc[("p00", "gradcam"), "gap"])


def test_intervals_are_over_dense_models_and_images():
    study = make(6, pruned=1.5)
    frames = analysis.measure(study)
    arm = frames["attributions_arms"].set_index(["arm", "attribution", "similarity"])
    row = arm.loc[("net · magnitude · finetune · 0.9", "lrp", "rank")]
    each = frames["attributions"].set_index(["run_id", "attribution"])["rank"]
    values = [each[f"p{i}0", "lrp"] for i in range(6)]
    models_alone = hierarchical_bootstrap(values, list("012345"), resamples=200)
    assert row["low"] < models_alone.low + 0.02  # wider, or about as wide: images vary, too
    assert row["low"] < row["mean"] < row["high"]
    assert row["beyond_retraining_high"] < 0 < row["beyond_control_low"]
    others = arm.loc[("net · dense · other dense models", "lrp", "rank")]
    assert (others["runs"], others["dense_models"]) == (15, 6)
    assert np.isnan(others["low"])
    assert abs(others["mean"]) < 0.1  # their maps have nothing in common here


def test_pruning_that_does_what_retraining_does_is_seldom_called_different():
    """40 studies in one, each with a model of its own: pruned models are disturbed as retrained ones are."""
    options = Attributions(methods=("lrp",), resamples=200)
    study = make(5, pruned=0.5, retrained=0.5, nets=40, images=8, options=options)
    arms = options.measure(study)["attributions_arms"]
    arms = arms[(arms["method"] == "magnitude").to_numpy(bool)]
    assert len(arms) == 40 * 2
    wrong = (arms["beyond_retraining_low"] > 0) | (arms["beyond_retraining_high"] < 0)
    assert wrong.groupby(arms["similarity"]).mean().max() <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 40)


def flat_maps(study, run_id, way, images):
    for m in study.maps:
        if m["run_id"] == run_id and m["attribution"] == way and m["sample_id"] in images:
            m["values"] = np.zeros(SIDE * SIDE, np.float32)


def test_maps_that_say_nothing_and_other_classes_are_left_out_and_counted():
    study = make(2)
    flat_maps(study, "p00", "gradcam", {"test:0", "test:3"})
    flat_maps(study, "x00", "lrp", set(study.ids))
    for m in study.maps:
        if m["run_id"] == "r00" and m["sample_id"] == "test:5":
            m["explained"] = 2
    frames = analysis.measure(study)
    runs = frames["attributions"].set_index(["run_id", "attribution"])
    assert runs.loc[("p00", "gradcam"), ["samples", "flat", "compared"]].tolist() == [12, 2, 10]
    assert runs.loc[("r00", "gradcam"), "compared"] == 11
    assert np.isnan(runs.loc[("x00", "lrp"), "rank"])
    arms = frames["attributions_arms"]
    control = arms[(arms["method"] == "random") & (arms["attribution"] == "lrp")]
    assert set(control["runs"]) == {1}
    words = analysis.findings(study, frames)
    assert any("GradCAM: 2 of 96 maps have one value everywhere and explain nothing" in w for w in words)
    assert any(w.startswith("16 comparisons of 144 left out") for w in words)
    pruned = next(w for w in words if w.startswith("net · magnitude"))
    assert "Random pruning (LRP in 1 of these 2 runs), in this order: " in pruned


def test_a_control_of_fewer_runs_says_so():
    study = make(3, images=4)
    study.maps = [m for m in study.maps if m["run_id"] != "x00"]
    words = analysis.findings(study, analysis.measure(study))
    pruned = next(w for w in words if w.startswith("net · magnitude"))
    assert "(3 runs of 3 dense models)" in pruned
    assert "Random pruning in 2 of these 3 runs, in this order: " in pruned


def test_maps_of_other_sizes_cannot_be_compared():
    study = make(1)
    study.maps[-1] |= {"height": 3, "width": 12}
    with pytest.raises(DataError, match="6×6 and 3×12"):
        analysis.measure(study)


def test_runs_without_maps_are_counted_and_nothing_seen_gives_empty_tables():
    study = make(2)
    study.maps = [m for m in study.maps if m["run_id"] not in ("d1", "x00")]
    study.rows[-1] |= {"status": "failed"}
    frames = analysis.measure(study)
    assert set(frames["attributions"]["run_id"]) == {"d0", "r00", "p00"}
    words = analysis.findings(study, frames)
    assert "1 run is left out: failed." in words
    assert any(w.startswith("4 runs left out: their maps, or those of their dense model") for w in words)
    empty = Attributed(rows=study.rows)
    frames = analysis.measure(empty)
    assert all(f.empty for f in frames.values())
    assert analysis.findings(empty, frames)


# -- the sentences


def test_sentences_say_what_was_explained_what_adds_up_and_what_stands_beside():
    study = make(6, pruned=1.5)
    frames = analysis.measure(study)
    words = analysis.findings(study, frames)
    assert words[0].startswith("Explained is the logit of the true class, of 12 test images drawn at random (seed 0)")
    assert "2 images that most runs, random controls aside, see differently than their dense" in words[-1]
    assert words[-2].startswith("LRP: 50 % of the explained logit reach the pixels in the median of 288 maps")
    assert words[1].startswith("net: rank correlation of the maps of two dense models, mean of 15 pairs of 6 models")
    arm = next(w for w in words if w.startswith("net · magnitude · finetune"))
    assert "(6 runs of 6 dense models, intervals at 95 %)" in arm
    assert "Retraining alone, in this order: 0.9" in arm
    assert "Random pruning, in this order: 0.2" in arm
    assert "none detected" not in arm
    assert words.index(arm) < next(i for i, w in enumerate(words) if w.startswith("net · random"))
    few = make(3)
    arm = next(w for w in analysis.findings(few, analysis.measure(few)) if w.startswith("net · magnitude"))
    assert "Intervals need 5 dense models." in arm
    alike = make(6, pruned=0.3, seed=2)
    arm = next(w for w in analysis.findings(alike, analysis.measure(alike)) if w.startswith("net · magnitude"))
    assert "none detected" in arm


def test_tables_read_back_from_a_store_say_the_same():
    study = make(5)
    frames = analysis.measure(study)
    back = {
        s.name: pa.Table.from_pandas(frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in analysis.schemas
    }
    assert analysis.findings(study, back) == analysis.findings(study, frames)


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    study = read_study(find_study("attributions"), quick=True)
    result = study.result(tmp_path / "s", executor="inline", device="cpu")
    assert not result.failed
    tables = result.study
    maps = tables.table("attributions_maps")
    counts = maps.groupby(["run_id", "attribution", "chosen"], observed=True).size()
    assert len(counts) == len(tables.runs) * 4 * 2
    assert set(counts) == {8, 2}
    assert not set(maps.loc[maps["chosen"] == "flips", "sample_id"]) & set(
        maps.loc[maps["chosen"] == "random", "sample_id"]
    )
    pruned = tables.runs.set_index("method")["run_id"]["magnitude"]
    own = maps[(maps["run_id"] == pruned) & (maps["chosen"] == "random")]
    added = own[own["attribution"] == "integrated_gradients"]
    assert np.median(np.abs(added["total"] / added["expected"] - 1)) < 0.1
    words = tables.findings()["attributions"]
    assert any(w.startswith("Integrated gradients miss the change of the logit") for w in words)
    assert any("magnitude" in w and "Retraining alone" in w and "Random pruning" in w for w in words)
