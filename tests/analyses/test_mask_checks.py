from __future__ import annotations

import numpy as np
import own_models
import pytest
import torch
from looked import Looked, checked, model
from scipy.stats import ttest_1samp
from torch import nn

from pruneviz.api import read_study
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.spec import study_from_plain
from pruneviz.measures.statistics import hierarchical_bootstrap, holm
from pruneviz.pruning.channels import find_channels
from pruneviz.shipped import find_study
from pruneviz_analyses import Subject
from pruneviz_analyses.mask_checks import MaskChecks
from pruneviz_analyses.mask_checks.schemas import SEEN
from pruneviz_analyses.mask_checks.variants import reinitialise, require_initialisers, shuffled

analysis = MaskChecks(resamples=300)


def net(seed=0):
    torch.manual_seed(seed)
    return own_models.tiny(norm=True)


def weight_mask(n, share=0.5):
    rng = np.random.default_rng(0)
    return Mask.of({name: rng.random(p.shape) < share for name, p in n.named_parameters() if p.dim() > 1})


# -- the variants


def test_shuffled_masks_keep_as_many_of_every_layer_and_others():
    n = net()
    seen, mask = model(n), weight_mask(n)
    one, same, other = (shuffled(seen, mask, seed) for seed in (1, 1, 2))
    assert one.same_as(same)
    assert not one.same_as(mask)
    assert not one.same_as(other)
    for name, kept in mask.items():
        assert one[name].shape == kept.shape
        assert one[name].sum() == kept.sum()
    counts = np.mean([shuffled(seen, mask, s)["4.weight"] for s in range(400)], axis=0)
    assert counts == pytest.approx(np.full(counts.shape, mask["4.weight"].mean()), abs=0.12)  # every place alike


def test_shuffled_channels_stay_closed_over_all_that_goes_with_them():
    torch.manual_seed(0)
    n = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
    seen = model(n)
    units = find_channels(seen.net, seen.info, (), seen.example)
    mask = units.mask({"0": torch.tensor([True, True, True, True, False, False])})
    moved = shuffled(seen, mask, 3)
    assert moved.units["0"].sum() == 2
    assert not np.array_equal(moved.units["0"], mask.units["0"])
    kept = moved.units["0"]
    assert np.array_equal(moved["0.weight"].any(axis=(1, 2, 3)), kept)
    assert np.array_equal(moved["1.weight"], kept)
    assert np.array_equal(moved["4.weight"].any(axis=0), np.repeat(kept, 4))


def test_weights_drawn_anew_are_those_of_a_fresh_network():
    n, fresh = net(5), None
    n[1].running_mean.fill_(7.0)
    before = torch.get_rng_state()
    reinitialise(n, 11)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(11)
    fresh = own_models.tiny(norm=True)
    for (name, a), b in zip(n.state_dict().items(), fresh.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


class _Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))


def test_parameters_that_nobody_can_draw_anew_are_named():
    require_initialisers(net())
    with pytest.raises(Unsupported, match=r"1\.scale cannot be drawn anew"):
        require_initialisers(nn.Sequential(nn.Linear(2, 2), _Scale()))


# -- the tables


def test_differences_are_paired_and_their_intervals_over_dense_models():
    study = checked(seeds=2)
    frames = analysis.measure(study)
    runs = frames["mask_checks"].set_index(["run_id", "check"])
    seen = study.frames[SEEN.name].set_index(["run_id", "variant"])["accuracy"]
    assert runs.loc[("m10", "shuffled"), "difference"] == pytest.approx(
        seen[("m10", "original")] - seen[("m10", "shuffled")]
    )
    arms = frames["mask_checks_arms"].set_index(["method", "check"])
    row = arms.loc[("magnitude", "shuffled")]
    names = [(f"m{d}{s}", d) for d in range(5) for s in range(2)]
    each = [runs.loc[(m, "shuffled"), "difference"] for m, _ in names]
    expected = hierarchical_bootstrap(each, [d for _, d in names], bounds=(-1, 1), resamples=300, seed=0)
    got = row[["difference", "low", "high"]].to_numpy(float)
    assert got == pytest.approx([expected.mean, expected.low, expected.high])
    assert arms["p_holm"].tolist() == pytest.approx(holm(arms["p"]).tolist())
    assert arms["control"].to_dict()[("random", "shuffled")]


def test_with_one_run_a_dense_model_p_is_students():
    study = checked(models=6)
    frames = MaskChecks(resamples=20000).measure(study)
    runs = frames["mask_checks"]
    own = runs[(runs["check"] == "reinitialised") & runs["run_id"].str.startswith("m")]["difference"].to_numpy(float)
    arms = frames["mask_checks_arms"].set_index(["method", "check"])
    assert arms.loc[("magnitude", "reinitialised"), "p"] == pytest.approx(ttest_1samp(own, 0).pvalue, abs=0.02)


def test_sentences_say_what_matters_and_what_is_not_detected():
    words = checked().said(analysis)
    assert words[0].startswith("net · magnitude · none · 0.9: retrained for 3 epochs the mask reaches 8")
    assert "shuffled within its layers 7" in words[0]
    assert "which units of a layer it keeps matters (+" in words[0]
    assert "corrected for 4 comparisons" in words[0]
    assert all("no difference detected" in w for w in words[1:4])
    few = checked(models=3).said(analysis)[0]
    assert "5 dense models are needed for an interval" in few
    assert "matters" not in few
    unlearnt = checked(gap=0.69).said(analysis)[0]
    assert "though the destroyed one has learnt next to nothing in 3 epochs and may with more" in unlearnt
    chance = checked(base=0.12, gap=0.0).said(analysis)[0]
    assert chance.endswith("neither learns, chance being 10.0 %, so this says nothing (5 runs of 5 dense models).")


@pytest.mark.parametrize(
    ("steps", "told"), [(900, "before pruning (900 steps), which"), (None, "before pruning, which"), (0, "")]
)
def test_the_head_start_of_trained_weights_is_told_where_there_is_one(steps, told):
    study = checked(models=3)
    for row in study.rows:
        row["train_steps_total"] = steps if row["method"] == "dense" else None
    lacking = [w for w in study.said(analysis) if w.startswith("Weights drawn anew lack the training that came")]
    assert len(lacking) == bool(told)
    assert all(told in w for w in lacking)
    arms = analysis.measure(study)
    arms["mask_checks_arms"] = arms["mask_checks_arms"].query("check == 'shuffled'")
    assert not any("drawn anew" in w for w in analysis.findings(study, arms))


def test_checks_that_change_nothing_are_seldom_said_to():
    """In 25 studies no check of random masks makes a difference."""
    wrong = 0
    for seed in range(25):
        arms = analysis.measure(checked(gap=0.0, seed=seed))["mask_checks_arms"]
        wrong += bool((arms["p_holm"] <= 0.05).any())
    assert wrong <= 25 * 0.05 + 2.5 * np.sqrt(25 * 0.05 * 0.95)


def test_diverged_retrainings_are_left_out_and_counted():
    study = checked()
    frame = study.frames[SEEN.name]
    frame.loc[(frame["run_id"] == "m00"), "accuracy"] = np.nan
    table = analysis.measure(study)["mask_checks"]
    assert "m00" not in set(table["run_id"])
    assert any(w.startswith("1 run without a comparison") for w in study.said(analysis))


def test_what_is_not_checked_is_said():
    study = checked(models=1).add("x", "imp", dense="d0", recovery="weight-rewind")
    study.add("nm", "nm", dense="d0", unit="nm")
    words = study.said(analysis)
    assert "imp: not checked, since it brings a recovery of its own or prunes while training." in words
    assert "1 run of N:M patterns not checked: shuffled, they would be none." in words
    found = analysis.observations(study.runs)
    assert [o.run_ids for o in found] == [("r00", "d0"), ("m00", "d0")]
    empty = Looked().add("d")
    assert all(f.empty for f in analysis.measure(empty).values())


# -- before it starts


def subject(recoveries=("none",), methods=("magnitude",), n=None):
    table = {"model": {"source": "m:f"}, "data": {"source": "sample:digits"}}
    table |= {"prune": {"methods": list(methods), "sparsities": [0.5]}, "recover": {"recoveries": list(recoveries)}}
    return Subject(study_from_plain(table, "study"), ("a", "b"), 100, {"m": model(n or net())})


def test_what_it_cannot_support_is_said_before_it_starts():
    analysis.check(subject())
    for bad in (subject(recoveries=["finetune"]), subject(methods=["lottery-ticket"])):
        with pytest.raises(Unsupported, match="it retrains masks by itself, from right after pruning"):
            analysis.check(bad)
    with pytest.raises(SpecError, match="each once"):
        MaskChecks(checks=("shuffled", "shuffled")).check(subject())
    seen = subject()
    seen.models["m"].data.train = None
    with pytest.raises(Unsupported, match="no training images"):
        analysis.check(seen)


# -- from end to end


def test_the_quick_study_from_end_to_end(tmp_path):
    result = read_study(find_study("mask_checks"), quick=True).result(tmp_path / "s", executor="inline", device="cpu")
    assert not result.failed
    seen = result.study.table("mask_checks_seen").set_index(["run_id", "variant"])
    assert len(seen) == 2 * 3
    runs = result.study.runs
    magnitude = str(runs.loc[runs["method"] == "magnitude", "run_id"].iloc[0])
    before = runs.set_index("run_id")["accuracy"]
    assert seen.loc[(magnitude, "original"), "accuracy_before"] == pytest.approx(before[magnitude])
    assert seen.loc[(magnitude, "shuffled"), "accuracy_before"] < before[magnitude]
    assert set(result.study.table("mask_checks")["check"]) == {"shuffled", "reinitialised"}
