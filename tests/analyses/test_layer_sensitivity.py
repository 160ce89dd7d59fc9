from __future__ import annotations

import copy

import numpy as np
import own_models
import pytest
import torch
import torch.nn.functional as F
from looked import Looked, curves, model

from pruneviz.api import read_study
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.options import build
from pruneviz.core.spec import study_from_plain
from pruneviz.measures.statistics import t_interval
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.layer_sensitivity import LayerSensitivity
from pruneviz_analyses.layer_sensitivity.looking import pieces, recipes_of
from pruneviz_analyses.layer_sensitivity.schemas import SEEN

analysis = LayerSensitivity()


def part(criterion, **more):
    options = build(LayerSensitivity, {"criteria": [criterion], "sparsities": [0.5, 0.9], "images": 30, **more}, "x")
    (seen,) = options.observations(Looked().add("r").runs)
    return options, seen.part


def net():
    torch.manual_seed(0)
    return own_models.tiny()


@pytest.mark.parametrize("split", ["val", "train"])
def test_each_layer_alone_loses_its_smallest_weights(split):
    dense = model(net())
    options, own = part("magnitude", split=split)
    told = []
    frame = options.observe([dense], own, lambda *at: told.append(at))[SEEN.name]
    images = getattr(dense.data, split)
    chosen = np.sort(np.random.default_rng(0).permutation(40)[:30])
    x, y = torch.as_tensor(images.images[chosen]), torch.as_tensor(images.labels[chosen])
    assert len(frame) == 3 * 3
    for r in frame.to_dict("records"):
        slow = copy.deepcopy(dense.net)
        weight = dict(slow.named_parameters())[r["layer"]].data.view(-1)
        count = int(r["sparsity"] * len(weight) + 0.5)
        weight[weight.abs().argsort()[:count]] = 0
        with torch.no_grad():
            logits = slow(x)
        assert r["achieved"] == pytest.approx(count / len(weight))
        assert r["loss"] == pytest.approx(float(F.cross_entropy(logits, y)), abs=1e-5)
        assert r["accuracy"] == pytest.approx(float((logits.argmax(1) == y).float().mean()))
    assert told[-1][0] == told[-1][1]


def test_filters_are_removed_by_group_and_patterns_in_names_mean_nothing():
    recipe = recipes_of(build(LayerSensitivity, {"criteria": ["l1-filter"]}, "x").criteria, "x")[0]
    named = torch.nn.Sequential()
    for name, module in zip(("a[0]", "b", "c", "a0", "e", "f"), net().children(), strict=True):
        named.add_module(name, module)
    seen = model(named)
    found = pieces(seen, recipe)
    assert list(found) == ["a[0]", "a0"]
    for name, exclude in found.items():
        units = recipe.space(seen.net, seen.info, exclude, seen.example)
        assert [g.name for g in units.groups] == [name]


def test_curves_layers_and_what_they_tolerate():
    study = curves()
    frames = analysis.measure(study)
    table, layers = frames["layer_sensitivity"], frames["layer_sensitivity_layers"].set_index(["criterion", "layer"])
    seen = study.frames[SEEN.name]
    own = seen[(seen["criterion"] == "magnitude") & (seen["layer"] == "a")].pivot(index="run_id", columns="sparsity")
    change = (own["accuracy"][0.5] - own["accuracy"][0.0]).to_numpy(float)
    row = table[(table["criterion"] == "magnitude") & (table["layer"] == "a") & (table["sparsity"] == 0.5)].iloc[0]
    expected = t_interval(change)
    got = row[["change", "change_low", "change_high"]].to_numpy(float)
    assert got == pytest.approx([expected.mean, expected.low, expected.high])
    further = (own["accuracy"][0.9] - own["accuracy"][0.0]).to_numpy(float)
    assert layers["up_to"].eq(0.9).all()
    area = -(0.5 * change / 2 + 0.4 * (change + further) / 2) / 0.9
    assert layers.loc[("magnitude", "a"), "area"] == pytest.approx(area.mean())
    assert layers["rank"].to_dict() == {
        ("magnitude", "a"): 1,
        ("magnitude", "b"): 2,
        ("random", "a"): 1,
        ("random", "b"): 2,
    }
    assert layers.loc[("magnitude", "a"), "tolerated"] == 0
    assert layers.loc[("magnitude", "b"), "tolerated"] == 0.9
    assert layers.loc[("magnitude", "b"), "beyond_random_high"] < 0
    assert np.isnan(layers.loc[("random", "b"), "beyond_random"])


def test_layers_are_compared_over_the_range_that_all_of_them_reach():
    study = Looked()
    steep, late = {0.0: 0.9, 0.5: 0.7, 0.75: 0.5}, {0.0: 0.9, 0.4: 0.9, 0.6: 0.9, 0.9: 0.0}
    # asked for 0.4, 0.6 and 0.9, of four units 0.5 go twice and 0.75 at last
    of = {"narrow": (4, [(0.0, 0.0), (0.4, 0.5), (0.6, 0.5), (0.9, 0.75)], steep), "wide": (10, late, late)}
    of["one"] = (1, [(0.0, 0.0)], {0.0: 0.9})
    rows = []
    for d in range(2):
        study.add(f"d{d}")
        for layer, (units, points, accuracies) in of.items():
            for asked, achieved in points if isinstance(points, list) else [(p, p) for p in points]:
                row = {"run_id": f"d{d}", "criterion": "l1-filter", "unit": "channel", "layer": layer, "units": units}
                row |= {"index": list(of).index(layer), "sparsity": asked, "achieved": achieved, "split": "val"}
                rows.append({**row, "images": 50, "accuracy": accuracies[achieved], "loss": 1.0})
    study.seen(SEEN, rows)
    layers = analysis.measure(study)["layer_sensitivity_layers"].set_index("layer")
    assert layers["up_to"].dropna().tolist() == [0.75, 0.75]
    narrow = (0.5 * 0.2 / 2 + 0.25 * (0.2 + 0.4) / 2) / 0.75
    wide = 0.15 * 0.45 / 2 / 0.75  # of its fall by 0.9 between 0.6 and 0.9 the first half, which is 0.45
    assert layers["area"].to_dict() == pytest.approx({"narrow": narrow, "wide": wide, "one": np.nan}, nan_ok=True)
    assert layers.loc[["narrow", "wide"], "rank"].tolist() == [1, 2]  # up to its own end, wide would be first
    said = study.said(analysis)
    assert "of so few units none of these fractions can go, and is left out: one." in said[0]
    assert "over sparsities up to 0.75, which every layer reaches, with one layer pruned" in said[1]


def test_random_pruning_of_other_fractions_is_no_control():
    study = curves()
    seen = study.frames[SEEN.name]
    other = (seen["criterion"] == "random") & (seen["layer"] == "a") & (seen["sparsity"] == 0.9)
    study.frames[SEEN.name] = seen.assign(achieved=seen["achieved"].where(~other, 0.8))
    layers = analysis.measure(study)["layer_sensitivity_layers"].set_index(["criterion", "layer"])
    assert np.isnan(layers.loc[("magnitude", "a"), "beyond_random"])
    assert np.isfinite(layers.loc[("magnitude", "b"), "beyond_random"])


def test_sentences_name_the_layers_and_do_not_outrun_the_intervals():
    words = curves().said(analysis)
    assert words[0].startswith("net, magnitude: mean fall of accuracy over sparsities up to 0.9 with one layer pruned")
    assert "on 50 validation images (5 dense models, intervals at 95 %): a 2" in words[0]
    assert "for a fall of 2 points: a 0, b 0.9" in words[1]
    assert words[2] == "net, magnitude: it hurts, against random pruning of the same layer, less in a, b."
    assert any(w.startswith("Judged together: 2 layers against random pruning.") for w in words)
    same = curves(hurt=0.5).said(analysis)
    assert any("no difference detected in a" in w for w in same)
    few = curves(models=3).said(analysis)
    assert not any("against random" in w for w in few)


def test_nothing_seen_gives_empty_tables_and_says_so():
    empty = Looked().add("d")
    assert all(f.empty for f in analysis.measure(empty).values())
    assert empty.said(analysis) == ("net: 1 dense model not looked at yet or failed. Run the study again.",)


def test_what_it_cannot_support_is_said_before_it_starts():
    spec = study_from_plain({"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}, "study")
    seen = model(net())
    analysis.check(Subject(spec, ("a", "b"), 10, {"m": seen}))
    with pytest.raises(SpecError, match="one or more, each once"):
        LayerSensitivity(sparsities=(0.5, 0.5)).check(Subject(spec, ("a", "b"), 10, {"m": seen}))
    with pytest.raises(SpecError, match="a list of methods"):
        build(LayerSensitivity, {"criteria": []}, "x")
    with pytest.raises(SpecError, match=r"criteria\[0\]"):
        build(LayerSensitivity, {"criteria": ["magnitud"]}, "x").check(Subject(spec, ("a",), 10, {"m": seen}))
    with pytest.raises(Unsupported, match="granet chooses while a network is trained"):
        build(LayerSensitivity, {"criteria": ["granet"]}, "x").check(Subject(spec, ("a",), 10, {"m": seen}))
    seen.data.val = None
    with pytest.raises(Unsupported, match=r"no validation images.*Test images never serve for choosing"):
        analysis.check(Subject(spec, ("a", "b"), 10, {"m": seen}))
    seen.data.train = None
    with pytest.raises(Unsupported, match="no training images"):
        LayerSensitivity(split="train").check(Subject(spec, ("a", "b"), 10, {"m": seen}))


def test_the_quick_study_from_end_to_end(tmp_path):
    quick = read_study(find_study("layer_sensitivity"), quick=True)
    result = quick.result(tmp_path / "s", executor="inline", device="cpu")
    assert not result.failed
    table = result.study.table("layer_sensitivity")
    assert len(table) == 2 * 5 * 3
    assert table.loc[table["sparsity"] == 0, "change"].eq(0).all()
    layers = result.study.table("layer_sensitivity_layers").set_index(["criterion", "layer"])
    assert layers.loc[("random", "conv1.weight"), "area"] > layers.loc[("magnitude", "conv1.weight"), "area"]
