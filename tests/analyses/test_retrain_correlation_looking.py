"""What retrain_correlation sees of a model: losses of removed filters, and what becomes of some of them."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pruneviz import models, training
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.spec import DataSpec, ModelSpec, TrainSpec
from pruneviz.data import load
from pruneviz.pruning.channels import find_channels
from pruneviz.study.observe import SeenModel
from pruneviz_analyses.retrain_correlation import RetrainCorrelation, cells, looking
from pruneviz_samples import nets


@pytest.fixture(scope="module")
def data():
    return load(DataSpec("sample:fashion", size=(32, 32), train_limit=300, test_limit=100))


def seen_of(net, data, run_id="d0"):
    net.eval()
    example = data.preprocess(data.test.images[:1])
    info = models.examine(net, example, data.num_classes)
    return SeenModel(run_id, net, None, info, data, example, "cpu")


@pytest.fixture
def mini(data):
    return seen_of(models.build_fresh(ModelSpec("pruneviz_samples.nets:LeNet5Mini"), 3), data)


def part_of(analysis, **more):
    first = analysis._of_cell("d0", "mini #0", analysis.layers[0], analysis.ratios[0])
    return {**first[0].part, **more}, {**first[1].part, **more}


def told(done, total):
    assert 0 <= done <= total


# -- which sets there are


def test_sets_are_all_of_their_size_or_different_draws():
    assert len(cells.Cell(("a",), (10,), (4,)).sets(1000, 0)) == 210
    both = cells.Cell(("a", "b"), (5, 4), (2, 1))
    every = both.sets(1000, 0)
    expected = itertools.product(itertools.combinations(range(5), 2), itertools.combinations(range(4), 1))
    assert every == list(expected)
    drawn = both.sets(11, 0)
    assert len(drawn) == len(set(drawn)) == 11
    assert set(drawn) < set(every)
    assert both.sets(11, 0) == drawn != both.sets(11, 1)
    for removed in every:
        assert cells.set_of(cells.text_of(removed)) == removed
    marks = cells.members(every, (5, 4))
    assert marks.shape == (40, 9)
    assert (marks[:, :5].sum(1) == 2).all()
    assert (marks[:, 5:].sum(1) == 1).all()
    assert len(np.unique(marks, axis=0)) == 40


def test_large_layers_are_drawn_evenly():
    counts = np.zeros(64)
    for (removed,) in cells.Cell(("a",), (64,), (32,)).sets(400, 0):
        counts[list(removed)] += 1
    assert abs(counts - 200).max() < 50


# -- their losses


def slow_loss(seen, units, cell, removed, images, labels):
    """By definition: a copy with the filters, their biases and norms, and all that reads them, set to zero."""
    net = copy.deepcopy(seen.net)
    named = dict(net.named_parameters())
    with torch.no_grad():
        for group, part in zip(cell.groups, removed, strict=True):
            for m in next(g for g in units.groups if g.name == group).members:
                if m.tensor in named:
                    tensor = named[m.tensor].transpose(0, m.axis)
                    for index, unit in zip(m.index, m.unit, strict=True):
                        if unit in part:
                            tensor[int(index)] = 0
        logits = net(seen.data.preprocess(images)).double()
    return float(F.cross_entropy(logits, torch.as_tensor(labels)))


@pytest.mark.parametrize(
    ("make", "layer", "ratio", "number"),
    [
        (nets.LeNet5Mini, "conv1", 0.8, 45),
        (nets.LeNet5Mini, "fc1", 0.2, 45),
        (nets.LeNet5Mini, "conv1+conv3", 0.1, 100),
        (lambda: nets.ResNet8(width=4), "block1.conv2", 0.5, 6),
        (lambda: nets.ResNet8(width=4), "block2.conv1", 0.25, 28),
    ],
)
def test_losses_are_those_of_the_network_without_the_filters(data, make, layer, ratio, number):
    torch.manual_seed(0)
    net = make()
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):  # statistics that hide nothing
            torch.nn.init.uniform_(m.running_mean, -0.3, 0.3)
            torch.nn.init.uniform_(m.running_var, 0.5, 2)
            torch.nn.init.uniform_(m.bias, 0.1, 0.5)
    seen = seen_of(net, data)
    before = {k: t.clone() for k, t in net.state_dict().items()}
    part, _ = part_of(RetrainCorrelation(layers=(layer,), ratios=(ratio,), images=40))
    frame = looking.pruned_losses(seen, part, told)
    assert len(frame) == number
    assert frame["all_subsets"].all()
    assert all(torch.equal(t, before[k]) for k, t in net.state_dict().items())
    units = find_channels(net, seen.info, (), seen.example)
    cell = cells.cell_of(seen, units, layer, ratio)
    chosen = cells.fixed_images(len(data.train), 40, 0)
    images, labels = data.train.images[chosen], data.train.labels[chosen]
    for row in frame.iloc[:: max(1, number // 7)].to_dict("records"):
        removed = cells.set_of(row["removed"])
        expected = slow_loss(seen, units, cell, removed, images, labels)
        assert row["pruned_loss"] == pytest.approx(expected, rel=1e-4)
        smaller = looking.without(seen, units, cell, removed)
        logits = torch.as_tensor(training.predict(smaller, images, data.preprocess)).double()
        assert float(F.cross_entropy(logits, torch.as_tensor(labels))) == pytest.approx(expected, rel=1e-4)
    places = frame.sort_values("place")["pruned_loss"].to_numpy()
    assert places[0] == frame["pruned_loss"].min()


def test_relabelled_losses_are_those_of_the_sets_that_they_become(mini):
    asked = RetrainCorrelation(layers=("conv1+conv2",), ratios=(0.3,), images=40, subsets=20, retrain=3, chunk=2)
    losses, *steps = asked._of_cell("d0", "mini #0", "conv1+conv2", 0.3, 150)
    frame = looking.pruned_losses(mini, losses.part, told)
    assert not frame["all_subsets"].any()
    part = next(o.part for o in steps if o.part.get("draws") == (100, 150) and o.part["first"] == 2)
    found = looking.relabelled_losses(mini, {**part, "draws": (100, 104)}, frame, told)
    assert found["draw"].to_list() == [100, 101, 102, 103]
    third = frame[frame["place"] == 2].iloc[0]
    assert set(found["subset"]) == {third["subset"]}
    units = find_channels(mini.net, mini.info, (), mini.example)
    cell = cells.cell_of(mini, units, "conv1+conv2", 0.3)
    chosen = cells.fixed_images(len(mini.data.train), 40, 0)
    images, labels = mini.data.train.images[chosen], mini.data.train.labels[chosen]
    own, become = cells.set_of(third["removed"]), []
    for row in found.to_dict("records"):
        seed = cells.seed_of("relabel", 0, "conv1+conv2", 0.3, row["draw"])
        become.append(cell.relabelled(own, seed))
        assert [len(part) for part in become[-1]] == [3, 3]
        assert row["pruned_loss"] == pytest.approx(slow_loss(mini, units, cell, become[-1], images, labels), rel=1e-4)
    assert len(set(become)) == 4
    # One draw exchanges the same labels in all sets: what two sets share, they share still.
    other = cells.set_of(frame[frame["place"] == 0].iloc[0]["removed"])
    for draw in range(100, 104):
        a, b = (cell.relabelled(s, cells.seed_of("relabel", 0, "conv1+conv2", 0.3, draw)) for s in (own, other))
        assert [len({*x} & {*y}) for x, y in zip(a, b, strict=True)] == [
            len({*x} & {*y}) for x, y in zip(own, other, strict=True)
        ]
    assert looking.relabelled_losses(mini, part, frame.assign(all_subsets=True), told).empty


def test_a_loss_that_is_not_finite_is_null_and_never_retrained(mini):
    with torch.no_grad():
        mini.net.conv1.bias[4] = torch.inf  # whoever keeps filter 4 sees infinities
    part, _ = part_of(RetrainCorrelation(layers=("conv1",), ratios=(0.9,), images=20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looking, "find_channels", lambda *a: find_channels(nets.LeNet5Mini().eval(), *a[1:]))
        frame = looking.pruned_losses(mini, part, told)
    assert frame["pruned_loss"].isna().any()
    assert (frame["pruned_loss"].isna() == frame["place"].isna()).all()


# -- retraining


def test_retraining_follows_the_turns_and_repeats_differ(mini):
    analysis = RetrainCorrelation(layers=("conv3",), ratios=(0.8,), images=50, epochs=2, repeats=2, last=1, lr=0.05)
    part, more = part_of(analysis)
    losses = looking.pruned_losses(mini, part, told)
    first = looking.retrained(mini, {**more, "first": 0, "stop": 2}, losses, told)
    again = looking.retrained(mini, {**more, "first": 0, "stop": 2, "repeat": 1}, losses, told)
    for frame, repeat in ((first, 0), (again, 1)):
        assert list(frame["subset"]) == [int(losses.loc[losses["place"] == p, "subset"].iloc[0]) for p in (0, 1)]
        assert list(frame["repeat"]) == [repeat, repeat]
        assert frame["reason"].isna().all()
        assert ((frame["best_test_accuracy"] >= frame["test_accuracy"]) & (frame["best_epoch"].isin([1, 2]))).all()
    assert len({*first["train_loss"], *again["train_loss"]}) == 4
    # Turn by turn or together, the same numbers: a study may stop and go on anywhere.
    apart = looking.retrained(mini, {**more, "first": 1, "stop": 2}, losses, told)
    assert apart.reset_index(drop=True).equals(first.iloc[1:].reset_index(drop=True))
    assert looking.retrained(mini, {**more, "first": 90, "stop": 99}, losses, told).empty


@pytest.mark.parametrize("last", [1, 2])
def test_what_is_reached_is_what_the_smaller_network_reaches(mini, last):
    lr = 3.0 if last == 1 else 0.01  # too much, so that the best epoch is not the last
    analysis = RetrainCorrelation(layers=("conv3",), ratios=(0.8,), images=50, epochs=3, repeats=1, last=last, lr=lr)
    part, more = part_of(analysis)
    losses = looking.pruned_losses(mini, part, told)
    row = looking.retrained(mini, {**more, "first": 0, "stop": 1}, losses, told).iloc[0]
    units = find_channels(mini.net, mini.info, (), mini.example)
    removed = losses.loc[losses["place"] == 0, "removed"].iloc[0]
    net = looking.without(mini, units, cells.cell_of(mini, units, "conv3", 0.8), cells.set_of(removed))
    assert net.conv3.weight.shape[0] == 2
    seed = cells.seed_of("retrain", 0, "d0", "conv3", 0.8, removed, 0)
    spec, reached, losses_reached = TrainSpec(**analysis.train), [], []
    chosen = cells.fixed_images(len(mini.data.train), 50, 0)
    images, labels = mini.data.train.images[chosen], torch.as_tensor(mini.data.train.labels[chosen])
    total = 3 * 9  # 270 images in batches of 32
    for stop in (9, 18, 27):
        again = copy.deepcopy(net)
        training.train(again, replace(mini.data, val=None), spec, seed=seed, stop_step=stop)
        logits = training.predict(again, mini.data.test.images, mini.data.preprocess)
        reached.append(float(np.mean(logits.argmax(1) == mini.data.test.labels)))
        logits = torch.as_tensor(training.predict(again, images, mini.data.preprocess)).double()
        losses_reached.append(float(F.cross_entropy(logits, labels)))
    assert total == training.total_steps(spec, len(mini.data.train))
    assert row["test_accuracy"] == pytest.approx(np.mean(reached[-last:]))
    assert row["best_test_accuracy"] == max(reached)
    assert row["best_epoch"] == 1 + reached.index(max(reached))
    assert last == 2 or row["best_epoch"] < 3
    assert row["train_loss"] == pytest.approx(np.mean(losses_reached[-last:]), rel=1e-5)
    assert row["best_train_loss"] == pytest.approx(losses_reached[reached.index(max(reached))], rel=1e-5)


def test_a_retraining_that_diverges_is_a_row_with_its_reason(mini):
    analysis = RetrainCorrelation(layers=("conv3",), ratios=(0.8,), images=50, epochs=1, lr=1e9)
    part, more = part_of(analysis)
    losses = looking.pruned_losses(mini, part, told)
    frame = looking.retrained(mini, {**more, "first": 0, "stop": 1}, losses, told)
    assert len(frame) == 1
    assert frame["test_accuracy"].isna().all()
    assert all("iverged" in reason or "not finite" in reason for reason in frame["reason"])


# -- what cannot be done


@pytest.mark.parametrize(
    ("layer", "ratio", "error", "words"),
    [
        ("conv9", 0.5, SpecError, "allowed: conv1, conv2, conv3, fc1. Did you mean"),
        ("fc2", 0.5, Unsupported, "they are the classes"),
        ("conv1", 0.01, SpecError, "0.01 of them are 0"),
        ("conv1", 0.99, SpecError, "0.99 of them are 10"),
        ("conv1+conv1", 0.5, SpecError, "apart from each other"),
    ],
)
def test_layers_and_ratios_that_mean_nothing_are_refused(mini, layer, ratio, error, words):
    units = find_channels(mini.net, mini.info, (), mini.example)
    with pytest.raises(error, match=words):
        cells.cell_of(mini, units, layer, ratio)


def test_coupled_layers_are_one_and_too_few_sets_are_too_few(data):
    seen = seen_of(nets.ResNet8(width=2), data)
    units = find_channels(seen.net, seen.info, (), seen.example)
    with pytest.raises(SpecError, match="apart from each other"):
        cells.cell_of(seen, units, "conv+block1.conv2", 0.5)
    with pytest.raises(Unsupported, match="2 sets of filters"):
        cells.cell_of(seen, units, "conv", 0.5)
