"""Lines between networks as three_regime sees them: against one walked by hand, and their laws."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import own_models
import pytest
import torch
from references import cka_slow, lines_slow, regimes_slow
from small_images import small

from pruneviz.core.masks import Mask
from pruneviz.core.spec import TrainSpec
from pruneviz.training import MaskKeeper, train
from pruneviz_analyses.three_regime import ThreeRegime
from pruneviz_analyses.three_regime import looking as module

DATA = small(train=60)
PART = {"images": 40, "similar_images": 20, "seed": 3}
NAME = "4.weight"


def mask(share=0.5):
    shape = tuple(dict(own_models.tiny(norm=True).named_parameters())[NAME].shape)
    return Mask.of({NAME: np.random.default_rng(0).random(shape) < share})


def retrained(seed, kept=None, epochs=1):
    """The same pruned network trained on with another seed."""
    torch.manual_seed(0)
    net, kept = own_models.tiny(norm=True), kept or mask()
    train(net, DATA, TrainSpec(epochs=epochs, batch_size=8, lr=0.3), seed=seed, keeper=MaskKeeper(net, kept))
    return SimpleNamespace(run_id=f"r{seed}", net=net.eval(), mask=kept, data=DATA, device="cpu")


def look(models, part=PART):
    told = []
    frames = ThreeRegime().observe(models, part, lambda *at: told.append(at))
    return frames, told


def chosen():
    at = np.sort(np.random.default_rng(3).permutation(60)[:40])
    images = DATA.preprocess(DATA.train.images[at]).double().numpy()
    return images, np.asarray(DATA.train.labels)[at]


def arrays(seen):
    return [p.detach().double().numpy() for p in seen.net.parameters()]


@pytest.mark.parametrize("batch", [500, 16])
def test_errors_on_the_line_agree_with_one_walked_by_hand(monkeypatch, batch):
    monkeypatch.setattr(module, "BATCH", batch)
    models = [retrained(s) for s in (1, 2, 3)]
    frames, told = look(models)
    images, labels = chosen()
    lines, pairs = frames["three_regime_lines"], frames["three_regime_pairs"]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        own = (lines["run_id"] == f"r{i + 1}") & (lines["other_run_id"] == f"r{j + 1}")
        expected = lines_slow.errors(images, labels, arrays(models[i]), arrays(models[j]), batch)
        assert lines[own].sort_values("t")["train_error"].to_list() == pytest.approx(expected, abs=1 / 40 + 1e-9)
        assert np.mean(np.abs(lines[own].sort_values("t")["train_error"] - expected)) < 0.005  # ties may round apart
        row = pairs[(pairs["run_id"] == f"r{i + 1}") & (pairs["other_run_id"] == f"r{j + 1}")].iloc[0]
        value, place = regimes_slow.lmc(lines[own].sort_values("t")["train_error"].to_list())
        assert (row["lmc"], row["place"]) == (pytest.approx(value), pytest.approx(place))
    total = (3 + 2 * (3 + 27)) * -(-40 // batch)  # the models, then their ends and what lies between, twice each
    assert told == [(n, total) for n in range(1, total + 1)]
    assert lines["train_error"].nunique() > 2  # a line that is level everywhere would show nothing


def test_similarity_is_that_of_the_output_probabilities():
    models = [retrained(s) for s in (1, 2)]
    row = look(models)[0]["three_regime_pairs"].iloc[0]
    at = np.sort(np.random.default_rng(3).permutation(60)[:40])[:20]
    with torch.no_grad():
        p = [lines_slow.softmax(m.net(DATA.preprocess(DATA.train.images[at])).double().numpy()) for m in models]
    x, y = (v.tolist() for v in p)
    assert row["cka"] == pytest.approx(cka_slow.linear_cka(x, y, False), abs=1e-6)
    assert row["cka_unbiased"] == pytest.approx(cka_slow.linear_cka(x, y, True), abs=1e-6)


def test_a_model_with_itself_has_an_lmc_of_0_and_a_similarity_of_1():
    one = retrained(1)
    again = SimpleNamespace(**{**vars(one), "run_id": "again", "net": copy.deepcopy(one.net)})
    frames, _ = look([one, again])
    row = frames["three_regime_pairs"].iloc[0]
    assert (row["lmc"], row["cka"]) == (0.0, pytest.approx(1, abs=1e-12))
    assert frames["three_regime_lines"]["train_error"].nunique() == 1


def test_the_models_themselves_are_left_as_they_are():
    models = [retrained(s) for s in (1, 2)]
    before = [copy.deepcopy(m.net.state_dict()) for m in models]
    look(models)
    for m, state in zip(models, before, strict=True):
        assert all(torch.equal(t, state[k]) for k, t in m.net.state_dict().items())


def test_models_that_were_not_pruned_alike_are_not_joined():
    frames, _ = look([retrained(1), retrained(2, mask(0.4))])
    assert list(frames) == ["three_regime_retrained"]
    assert frames["three_regime_retrained"]["reason"].str.contains("not pruned alike").all()
    whole = retrained(1)
    whole.mask = None
    assert list(look([whole, retrained(2)])[0]) == ["three_regime_retrained"]


def test_outputs_that_are_no_numbers_are_named():
    broken = retrained(2)
    with torch.no_grad():
        broken.net[4].bias[0] = float("inf")
    frames, _ = look([retrained(1), broken])
    assert frames["three_regime_retrained"]["reason"].isna().tolist() == [True, False]
    row = frames["three_regime_pairs"].iloc[0]
    assert "NaN or infinite at t = 0.1" in row["reason"]
    assert np.isnan([row["lmc"], row["cka"]]).all()


def test_the_error_of_guessing_is_told_beside():
    row = look([retrained(1), retrained(2)])[0]["three_regime_retrained"].iloc[0]
    _, labels = chosen()
    assert row["guess_error"] == pytest.approx(1 - max(np.bincount(labels)) / 40)
    assert row["images"] == 40
