from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import own_models
import pyarrow as pa
import pytest
import torch
from looked import Looked, layered, model, overlapping, scored
from references import cka_slow as slow
from scipy.stats import kendalltau, spearmanr

from pruneviz.api import read_study
from pruneviz.core.errors import ModelError, SpecError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.options import build
from pruneviz.core.spec import study_from_plain
from pruneviz.measures.overlap import overlap
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.similarity import Similarity
from pruneviz_analyses.similarity.criteria import ranked
from pruneviz_analyses.similarity.layers import compared
from pruneviz_analyses.similarity.masks import counted
from pruneviz_analyses.similarity.overlapping import overlap_frames
from pruneviz_analyses.similarity.planning import layer_pairs, mask_groups
from pruneviz_analyses.similarity.schemas import MASKS, METHODS, SEEN

analysis = Similarity(resamples=300)
PART = {"layers": [], "images": 12, "unbiased": True, "seed": 0}


def quiet(*at):
    """Progress that nobody hears."""


def net(seed=0):
    torch.manual_seed(seed)
    return own_models.tiny()


# -- what is compared


def planned():
    """Two dense models, retrained, pruned by two one-shot methods and one in levels, before and after fine-tuning."""
    study = Looked()
    for d in ("d0", "d1"):
        study.add(d).add(f"{d}r", dense=d, recovery="ft", seed=0)
        for m, r in itertools.product("ab", ("none", "ft")):
            study.add(f"{d}{m}{r}", m, dense=d, recovery=r, seed=0 if r == "ft" else None)
        for level, r in itertools.product((1, 2, 3), ("none", "ft")):
            study.add(f"{d}i{level}{r}", "i", dense=d, recovery=r, level=level, target=f"{1 - 0.5**level}", seed=0)
        study.add(f"{d}nm", "nm", dense=d, unit="nm")
    return study


def test_runs_are_compared_with_their_dense_model_and_dense_models_with_each_other():
    runs = planned().runs
    pairs = layer_pairs(runs, "dense")
    assert len(pairs) == 2 * 12 + 1
    assert ("d1", "d0") in pairs
    assert all(run[:2] == reference for run, reference in pairs[:-1])
    more = set(layer_pairs(runs, "methods")) - set(pairs)
    assert {("d0bnone", "d0anone"), ("d1bft", "d1aft")} <= more
    assert all(a[:2] == b[:2] for a, b in more)
    assert len(layer_pairs(runs, "all")) == 26 * 25 // 2


def test_masks_are_compared_before_recovery_and_levels_with_the_one_before():
    groups = mask_groups(planned().runs)
    found = [(g.run_ids[i], g.run_ids[j], relation) for g in groups for i, j, relation in g.pairs]
    mine = {f for f in found if f[0].startswith("d0")}
    assert {(a, b) for a, b, r in mine if r == "methods"} == {("d0bnone", "d0anone")}
    assert {(a, b) for a, b, r in mine if r == "levels"} == {
        (f"d0i{n}{r}", f"d0i{n - 1}{r}") for n in (2, 3) for r in ("none", "ft")
    }
    assert {(a, b) for a, b, r in mine if r == "at once"} == {
        (f"d0i{n}{r}", "d0") for n in (1, 2, 3) for r in ("none", "ft")
    }
    assert not any("nm" in a for a, _, _ in found)


def test_seeds_of_one_method_are_compared_and_seeds_of_two_methods_meet():
    study = Looked().add("d")
    for m, s in itertools.product("ab", (0, 1)):
        study.add(f"{m}{s}", m, dense="d", seed=s)
    (group,) = mask_groups(study.runs)
    found = {(group.run_ids[i], group.run_ids[j], r) for i, j, r in group.pairs}
    assert found == {("a1", "a0", "seeds"), ("b1", "b0", "seeds"), ("b0", "a0", "methods"), ("b1", "a1", "methods")}


def test_only_what_decides_is_in_the_key():
    runs = planned().runs
    one, other = (a.observations(runs) for a in (Similarity(), Similarity(resamples=500, sentences=3, level=0.9)))
    assert one == other


# -- what is seen


@pytest.mark.parametrize("unbiased", [True, False])
def test_every_pair_of_layers_agrees_with_the_definition(unbiased):
    a, b = net(0), net(1)
    run, reference = model(a, run_id="a", n=20), model(b, run_id="b", n=20)
    frame = compared(run, reference, {**PART, "unbiased": unbiased}, quiet)
    assert len(frame) == 3 * 3
    images = torch.as_tensor(run.data.test.images[np.sort(np.random.default_rng(0).permutation(20)[:12])])
    with torch.no_grad():
        outputs = [[n[:k](images).reshape(12, -1).double().numpy() for k in (1, 4, 6)] for n in (a, b)]
    for r in frame.to_dict("records"):
        x, y = outputs[0][r["index"]], outputs[1][r["reference_index"]]
        assert r["cka"] == pytest.approx(slow.linear_cka(x.tolist(), y.tolist(), unbiased), abs=1e-5)
    assert set(frame["images"]) == {12}
    assert not any(m._forward_hooks for n in (a, b) for m in n.modules())


def test_layers_are_named_and_may_be_any_module():
    frame = compared(model(net()), model(net()), {**PART, "layers": ["1", "5"]}, quiet)
    assert frame["layer"].tolist() == ["1", "1", "5", "5"]
    assert frame["cka"].to_numpy()[[0, 3]] == pytest.approx(1.0)


def test_outputs_that_do_not_vary_have_no_cka_and_nan_is_named():
    dead, broken = net(), net()
    dead[0].weight.data.zero_()
    frame = compared(model(dead), model(net(1)), PART, quiet)
    assert frame["constant"].all()
    assert frame["cka"].isna().all()
    seen = model(broken)
    broken[3].weight.data[0, 0] = np.nan
    with pytest.raises(ModelError, match="activations of '3' in run r are NaN or infinite"):
        compared(seen, model(net()), PART, quiet)


def test_masks_are_counted_by_layer_and_beside_the_largest_weights():
    a, rng = net(), np.random.default_rng(0)
    shapes = {n: tuple(p.shape) for n, p in a.named_parameters() if p.dim() > 1}
    masks = [Mask.of({n: rng.random(s) < 0.4 for n, s in shapes.items()}) for _ in range(2)]
    models = [model(a, m, run_id=f"m{i}") for i, m in enumerate(masks)] + [model(a, run_id="d")]
    frame = counted(models, [(1, 0, "methods"), (0, 2, "at once")])
    for r in frame.to_dict("records"):
        own = masks[int(r["run_id"][1])][r["layer"]]
        other = masks[0][r["layer"]]
        if r["relation"] == "at once":
            weight = dict(a.named_parameters())[r["layer"]].detach().numpy()
            other = np.abs(weight) >= np.sort(np.abs(weight).reshape(-1))[-int(own.sum())]
        assert (r["units"], r["kept"], r["reference_kept"]) == (own.size, own.sum(), other.sum())
        assert r["both"] == (own & other).sum()
    assert len(frame) == 2 * len(shapes)


def test_channels_are_compared_as_channels():
    units = [{"0": np.array([True, False])}, {"0": np.array([True, True])}]
    models = [model(net(), Mask.of({}, u), run_id=f"c{i}") for i, u in enumerate(units)]
    (row,) = counted(models, [(0, 1, "methods")]).to_dict("records")
    assert (row["layer"], row["units"], row["kept"], row["reference_kept"], row["both"]) == ("0", 2, 1, 2, 1)


def test_criteria_are_ranked_as_scipy_ranks_them():
    # A network of some width: correlations of six weights say little.
    torch.manual_seed(0)
    wide = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 60), torch.nn.ReLU(), torch.nn.Linear(60, 3))
    options = build(Similarity, {"criteria": ["magnitude", "lamp", "random"], "samples": 6}, "x")
    part = next(o for o in options.observations(Looked().add("r").runs) if o.part["what"] == "scores").part
    frame = ranked(model(wide), part, quiet)
    whole = frame[frame["layer"].isna()].set_index(["criterion", "other"])
    assert list(whole.index) == [
        ("magnitude", "lamp"),
        ("magnitude", "random"),
        ("lamp", "random"),
        ("random", "random"),  # with another seed
    ]
    weights = [wide[i].weight.detach().abs().double().numpy().reshape(-1) for i in (1, 3)]
    layers = frame[(frame["criterion"] == "magnitude") & (frame["other"] == "lamp") & frame["layer"].notna()]
    assert layers["spearman"].to_numpy(float) == pytest.approx([1.0, 1.0])  # LAMP ranks as magnitude within a layer
    lamp = [np.sort(w**2)[::-1].cumsum()[::-1][np.argsort(np.argsort(w))] for w in weights]
    scores = np.concatenate([w**2 / total for w, total in zip(weights, lamp, strict=True)])
    row, flat = whole.loc[("magnitude", "lamp")], np.concatenate(weights)
    assert row["spearman"] == pytest.approx(spearmanr(flat, scores).statistic, abs=1e-3)
    assert row["kendall"] == pytest.approx(kendalltau(flat, scores).statistic, abs=1e-3)
    assert abs(whole.loc[("random", "random"), "spearman"]) < 0.15


# -- the tables


def test_arms_average_dense_models_and_differences_are_paired():
    study = layered()
    frames = analysis.measure(study)
    runs = frames["similarity"].set_index(["run_id", "layer"])
    arms = frames["similarity_arms"].set_index(["kind", "layer"])
    assert runs.loc[("p10", "l1"), "retrained_cka"] == runs.loc[("r10", "l1"), "cka"]
    assert len(runs) == 2 * (5 * 2 * 2 + 10)
    row = arms.loc[("pruned", "l1")]
    own = [runs.loc[(f"p{d}{s}", "l1")] for d in range(5) for s in range(2)]
    dense = [d for d in range(5) for _ in range(2)]
    expected = hierarchical_bootstrap(
        [r["cka"] - r["retrained_cka"] for r in own], dense, bounds=(-2, 2), resamples=300, seed=0
    )
    got = row[["change", "change_low", "change_high"]].to_numpy(float)
    assert got == pytest.approx([expected.mean, expected.low, expected.high], abs=1e-9)
    assert (row["pairs"], row["dense_models"]) == (10, 5)
    other = arms.loc[("replicate", "l0")]
    assert (other["pairs"], other["dense_models"]) == (10, 5)
    assert np.isnan(other["low"])  # its pairs share models


def test_a_pair_that_was_looked_at_the_other_way_round_is_the_same():
    study = layered(models=2, seeds=1)
    turned = study.frames[SEEN.name].rename(
        columns={
            "run_id": "reference_run_id",
            "reference_run_id": "run_id",
            "layer": "reference_layer",
            "reference_layer": "layer",
            "index": "reference_index",
            "reference_index": "index",
        }
    )
    once = analysis.measure(study)["similarity"]
    study.frames[SEEN.name] = turned[SEEN.names]
    assert analysis.measure(study)["similarity"].equals(once)


def test_layers_that_fall_beyond_retraining_are_told_and_those_that_do_not_are_not():
    words = layered().said(analysis)
    pruned = next(w for w in words if w.startswith("net · magnitude"))
    assert "Against retraining alone, at 95 %: further from dense in l1 (−0.296, −0.3" in pruned
    assert "no difference detected in l0" in pruned
    assert any("the same layer of two dense models has CKA l0 0.8" in w for w in words)
    few = next(w for w in layered(models=3).said(analysis) if w.startswith("net · magnitude"))
    assert "(too few dense models for an interval)" in few
    lacking = next(w for w in layered(seeds=1, constant=True).said(analysis) if w.startswith("net · magnitude"))
    assert "(5 runs of 5 dense models; 4 of 4 in l1)" in lacking
    assert "too few dense models with a CKA for an interval in l1 (−0.2" in lacking


def test_random_controls_speak_after_the_methods_that_they_control():
    study = layered()
    for row in study.rows:  # of each two seeds the second is a random control, further from dense
        if row["method"] == "magnitude":
            own, of = row["run_id"][:-1], row["run_id"][-1]
            row |= {"control_run_id": f"{own}1"} if of == "0" else {"method": "random"}
    seen = study.frames[SEEN.name]
    study.seen(SEEN, seen.assign(cka=seen["cka"] - 0.5 * seen["run_id"].str.fullmatch("p.1")).to_dict("records"))
    arms = [w for w in study.said(analysis) if w.startswith(("net · magnitude", "net · random"))]
    assert [w.split(" · ")[1] for w in arms] == ["magnitude", "random"]
    one = study.said(build(Similarity, {"sentences": 1}, "x"))
    assert not any(w.startswith("net · random") for w in one)


def test_masks_of_random_controls_are_compared_after_the_others():
    rng = np.random.default_rng(0)
    study = overlapping(rng, draw=lambda n, a, b: min(a, b))  # magnitude and random, as if they were the same
    half = overlapping(rng, draw=lambda n, a, b: min(a, b) // 2).frames[MASKS.name].to_dict("records")
    for d in range(5):
        study.add(f"c{d}", "taylor", dense=f"d{d}")
        next(r for r in study.rows if r["run_id"] == f"a{d}")["control_run_id"] = f"b{d}"
    rows = [*study.frames[MASKS.name].to_dict("records"), *({**r, "run_id": f"c{r['run_id'][1:]}"} for r in half)]
    words = study.seen(MASKS, rows).said(analysis)
    assert "magnitude and taylor" in words[0]
    assert "magnitude and random" in words[1]


def test_a_difference_from_retraining_says_of_how_many_runs_it_is():
    study = layered()
    seen = study.frames[SEEN.name]
    study.seen(SEEN, seen[seen["run_id"] != "r00"].to_dict("records"))
    arms = analysis.measure(study)["similarity_arms"].set_index(["kind", "layer"])
    row = arms.loc[("pruned", "l1")]
    assert (row["pairs"], row["retrained_runs"]) == (10, 9)
    pruned = next(w for w in study.said(analysis) if w.startswith("net · magnitude"))
    assert "(10 runs of 5 dense models)" in pruned
    assert "Against retraining alone (l0 in 9 of these 10 runs, l1 in 9 of these 10 runs), at 95 %: " in pruned


def test_layers_without_a_cka_are_counted_and_named():
    study = layered(constant=True)
    arms = analysis.measure(study)["similarity_arms"].set_index(["kind", "layer"])
    row = arms.loc[("pruned", "l1")]
    assert (row["pairs"], row["undefined"]) == (9, 1)
    assert "l1: no CKA in 1 pair, since its outputs are the same for all images in one of the two models: " in " ".join(
        study.said(analysis)
    )


def test_overlap_is_that_of_the_measure_by_layer_and_over_all():
    study = overlapping(np.random.default_rng(0))
    frames = analysis.measure(study)
    table, counts = frames["similarity_overlaps"], study.frames[MASKS.name]
    own = counts[counts["run_id"] == "b0"]
    expected = overlap(*(own[c].astype(int).tolist() for c in ("units", "kept", "reference_kept", "both")))
    whole = table[(table["run_id"] == "b0") & table["layer"].isna()].iloc[0]
    assert whole["jaccard"] == pytest.approx(expected.jaccard)
    assert whole[["chance_low", "chance_high", "p"]].tolist() == pytest.approx(
        [expected.low, expected.high, expected.p]
    )
    assert len(table) == 5 * 3
    (row,) = frames["similarity_methods"].to_dict("records")
    assert (row["method"], row["other"], row["dense_models"], row["pairs"]) == ("magnitude", "random", 5, 5)
    each = table.loc[table["layer"].isna(), "excess"]
    assert row["excess"] == pytest.approx(each.mean())


def test_masks_drawn_blindly_are_seldom_said_to_overlap():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(60):
        (row,) = overlap_frames(overlapping(rng), 0.95, 200, 0)[METHODS.name].to_dict("records")
        wrong += row["excess_low"] > 0 or row["excess_high"] < 0
    assert wrong <= 60 * 0.05 + 2.5 * np.sqrt(60 * 0.05 * 0.95)


def test_overlap_is_told_beside_chance_and_none_where_none_is_detected():
    rng = np.random.default_rng(0)
    words = overlapping(rng).said(analysis)
    assert "masks with these counts in every layer" in words[0]
    assert "none beyond chance detected," in words[0]
    same = overlapping(rng, draw=lambda n, a, b: min(a, b)).said(analysis)[0]
    assert "that is all that the counts allow (5 pairs of 5 dense models)" in same
    half = overlapping(rng, draw=lambda n, a, b: min(a, b) // 2 + rng.integers(0, 3)).said(analysis)[0]
    assert " of the way to all that the counts allow (" in half
    assert "none beyond" not in half
    one = overlapping(rng, models=6, draw=lambda n, a, b: min(a, b) // 2 + rng.integers(0, 3))
    masks = one.frames[MASKS.name]
    every = masks["run_id"] == "b0"  # keeps all there is: whatever the other keeps, both keep
    masks = masks.assign(kept=masks["kept"].where(~every, masks["units"]))
    one.frames[MASKS.name] = masks.assign(both=masks["both"].where(~every, masks["reference_kept"]))
    assert "6 pairs of 6 dense models, the counts of 1 leaving no choice" in one.said(analysis)[0]
    few = overlapping(rng, models=2).said(analysis)[0]
    assert "of 2 pairs outside 95 % of such masks" in few


def test_turnover_tells_what_comes_back_and_how_far_the_choice_has_moved():
    study, rows = Looked().add("d"), []
    for level, (kept, before, both, once) in enumerate([(50, 100, 50, 50), (25, 50, 20, 15)], start=1):
        study.add(f"i{level}", "i", dense="d", level=level, seed=0)
        common = {"run_id": f"i{level}", "layer": "l", "units": 100, "kept": kept}
        if level > 1:
            row = {"reference_run_id": "i1", "relation": "levels", "reference_kept": before, "both": both}
            rows.append({**common, **row})
        rows.append({**common, "reference_run_id": "d", "relation": "at once", "reference_kept": kept, "both": once})
    study.seen(MASKS, rows)
    table = analysis.measure(study)["similarity_turnover"].set_index("level")
    assert table["dropped_share"].tolist()[1:] == [0.6]
    assert table["regrown_share"].tolist()[1:] == [0.2]
    assert table["at_once_excess"].tolist() == pytest.approx([1.0, (15 - 6.25) / (25 - 6.25)])
    (words,) = [w for w in study.said(analysis) if w.startswith("net · i")]
    assert "up to 20.0 % were not kept one level before (level 2)" in words
    assert "100.0 % of the way from chance to the same at level 1, 46.7 % at level 2" in words


def test_agreement_of_criteria_has_an_interval_over_dense_models():
    table = analysis.measure(scored())["similarity_criteria"]
    assert len(table) == 2 * 3
    row = table[table["layer"].isna()].iloc[0]
    assert row["dense_models"] == 5
    assert row["spearman_low"] < row["spearman"] < row["spearman_high"]
    words = scored().said(analysis)
    assert any("Spearman's ρ (5 dense models, intervals at 95 %): a and b +0.5" in w for w in words)
    assert any("criteria agree with themselves by ρ b +0." in w for w in words)


def test_nothing_seen_gives_empty_tables_and_tables_read_back_say_the_same():
    empty = planned()
    assert all(f.empty for f in analysis.measure(empty).values())
    empty.said(analysis)
    study = layered()
    study.frames |= overlapping(np.random.default_rng(0)).frames | scored().frames
    study.rows += overlapping(np.random.default_rng(0)).rows[1::3] + overlapping(np.random.default_rng(0)).rows[2::3]
    frames = analysis.measure(study)
    back = {
        s.name: pa.Table.from_pandas(frames[s.name], schema=s.arrow(), preserve_index=False).to_pandas()
        for s in analysis.schemas
    }
    assert analysis.findings(study, back) == analysis.findings(study, frames)


# -- before it starts


def subject(**more):
    table = {"model": {"source": "m:f"}, "data": {"source": "sample:digits"}, **more}
    return Subject(study_from_plain(table, "study"), ("a", "b"), 100, {"m": model(net())})


def test_what_it_cannot_support_is_said_before_it_starts():
    pruned = {"prune": {"methods": ["magnitude"], "sparsities": [0.5]}}
    analysis.check(subject(**pruned))
    with pytest.raises(Unsupported, match="a single model of each kind, so there is nothing to compare"):
        analysis.check(subject())
    with pytest.raises(Unsupported, match="5 test images are too few"):
        analysis.check(replace(subject(**pruned), samples=5))
    with pytest.raises(SpecError, match=r"layers\[0\] \(model 'm'\): got 'conv9'"):
        Similarity(layers=("conv9",)).check(subject(**pruned))
    lonely = build(Similarity, {"criteria": ["magnitude", "l1-filter"]}, "x")
    with pytest.raises(SpecError, match="is the only one of its kind of unit"):
        lonely.check(subject(**pruned))
    with pytest.raises(SpecError, match=r"criteria\[1\]"):
        build(Similarity, {"criteria": ["magnitude", "magnitud"]}, "x").check(subject(**pruned))
    with pytest.raises(Unsupported, match="criterion granet: similarity: it scores while a network is trained"):
        build(Similarity, {"criteria": ["magnitude", "granet"]}, "x").check(subject(**pruned))
    with pytest.raises(SpecError, match="a list of methods"):
        build(Similarity, {"criteria": "magnitude"}, "x")


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("similarity"), quick=True).result(tmp_path / "s", executor="inline", device="cpu")
    study = result.study
    assert not result.failed
    table = study.table("similarity")
    pairs = table.drop_duplicates(["run_id", "reference_run_id"])
    assert len(pairs) == 2 * (1 + 3) + 1  # retrained, magnitude, taylor, random; and the two dense models
    assert table["cka"].between(-1, 1).all()
    methods = study.table("similarity_methods").set_index(["method", "other"])
    assert methods.loc[("magnitude", "taylor"), "excess"] > 0.3
    assert abs(methods.loc[("magnitude", "random"), "excess"]) < 0.05
    assert len(study.table("similarity_criteria")) == 2 * 6
    assert {"similarity_seen", "similarity_masks", "similarity_scores"} <= set(study.tables_of("similarity"))
    assert study.findings()["similarity"][0].startswith("lenet5-fashion · dense · other dense models: the same layer")
