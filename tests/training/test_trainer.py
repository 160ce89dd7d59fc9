"""The trainer: against a plain loop, and the laws that it promises."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import own_models
import pytest
import torch
import torch.nn.functional as F
from small_images import small
from torch import nn

from pruneviz.core.errors import Cancelled, DataError, Diverged, ModelError, SpecError
from pruneviz.core.spec import TrainSpec
from pruneviz.core.tables import HISTORY
from pruneviz.training import TrainState, lr_at, predict, train
from pruneviz.training.batches import Batches
from pruneviz.training.schedule import derived_seed

SPEC = TrainSpec(epochs=3, batch_size=8, lr=0.1)  # 50 images: 7 steps an epoch, the last of 2 images
DATA = small()


def fresh(seed: int = 0, norm: bool = False, dropout: bool = False) -> nn.Module:
    torch.manual_seed(seed)
    net = own_models.tiny(norm=norm)
    return nn.Sequential(nn.Dropout(0.2), net) if dropout else net


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(t, b.state_dict()[k]) for k, t in a.state_dict().items())


class Log:
    """Records what a hook sees."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lrs: list[float] = []
        self.steps: list[int] = []
        self.epochs: list[int] = []

    def on_start(self, t: TrainState) -> None:
        self.calls.append("start")

    def after_backward(self, t: TrainState) -> None:
        self.lrs.append(t.optimizer.param_groups[0]["lr"])
        self.calls.append("backward")

    def after_step(self, t: TrainState) -> None:
        self.steps.append(t.step)
        self.calls.append("step")

    def on_epoch(self, t: TrainState) -> None:
        self.epochs.append(t.epoch)
        self.calls.append("epoch")

    def on_end(self, t: TrainState) -> None:
        self.calls.append("end")


# -- what it computes


@pytest.mark.parametrize(
    ("values", "optimizer"),
    [
        ({}, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=5e-4)),
        (
            {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01, "label_smoothing": 0.1},
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.5, nesterov=True, weight_decay=0.01),
        ),
        ({"optimizer": "adam", "lr": 0.01}, lambda p: torch.optim.Adam(p, 0.01, weight_decay=5e-4)),
        ({"optimizer": "adamw", "lr": 0.01}, lambda p: torch.optim.AdamW(p, 0.01, weight_decay=5e-4)),
    ],
)
def test_agrees_with_a_plain_loop(values: dict[str, Any], optimizer: Any) -> None:
    spec = dataclasses.replace(SPEC, schedule="linear", **values)
    net = fresh(norm=True)
    result = train(net, DATA, spec, seed=4)

    plain = fresh(norm=True)
    plain.train()
    update = optimizer(plain.parameters())
    pixels = torch.tensor(DATA.train.images).permute(0, 3, 1, 2).float()
    images, labels = (pixels / 255 - 0.3) / 0.25, torch.tensor(DATA.train.labels)
    losses = []
    for epoch in range(3):
        order = torch.randperm(50, generator=torch.Generator().manual_seed(derived_seed(4, "order", epoch)))
        for batch in range(7):
            at = order[batch * 8 : batch * 8 + 8]
            for group in update.param_groups:
                group["lr"] = spec.lr * (1 - (7 * epoch + batch) / 21)
            update.zero_grad()
            loss = F.cross_entropy(plain(images[at]), labels[at], label_smoothing=spec.label_smoothing)
            loss.backward()
            update.step()
            losses.append(loss.item() * len(at))
    for name, t in plain.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], t, atol=1e-5, rtol=1e-4)
    assert result.steps == 21
    assert [row["train_loss"] for row in result.history] == pytest.approx(
        [sum(losses[i : i + 7]) / 50 for i in (0, 7, 14)], rel=1e-4
    )


def test_history_is_what_predict_gives() -> None:
    net = fresh()
    result = train(net, DATA, dataclasses.replace(SPEC, epochs=20), seed=0)
    rows = HISTORY.frame([{**row, "run_id": "r"} for row in result.history])
    assert rows["epoch"].tolist() == list(range(1, 21))
    assert rows["step"].tolist() == [7 * e for e in range(1, 21)]
    predicted = predict(net, DATA.val.images, DATA.preprocess)
    last = result.history[-1]
    assert last["val_accuracy"] == np.mean(predicted.argmax(1) == DATA.val.labels) > 0.9
    labels = torch.tensor(DATA.val.labels)
    assert last["val_loss"] == pytest.approx(float(F.cross_entropy(torch.tensor(predicted), labels)))
    assert last["lr"] == lr_at(dataclasses.replace(SPEC, epochs=20), 139, 140, 7)


def test_without_a_validation_split_there_is_no_validation() -> None:
    assert "val_loss" not in train(fresh(), small(val=None), SPEC, seed=0).history[0]


# -- determinism


@pytest.mark.parametrize("augment", ["none", "flip", "crop-flip"])
def test_the_same_seed_gives_the_same_bits(augment: str) -> None:
    spec = dataclasses.replace(SPEC, augment=augment)
    nets = [fresh(norm=True, dropout=True) for _ in range(3)]
    for net, seed in zip(nets, (7, 7, 8), strict=True):
        torch.rand(seed)  # whatever happened before must not matter
        train(net, DATA, spec, seed=seed)
    assert same(nets[0], nets[1])
    assert not same(nets[0], nets[2])


def test_the_global_generator_and_the_modes_are_left_alone() -> None:
    net = fresh(norm=True)
    net.eval()
    net[1].train()
    torch.manual_seed(3)
    train(net, DATA, SPEC, seed=0)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))
    assert [m.training for m in net][:3] == [False, True, False]
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("at", [0, 7, 10, 21])
def test_two_parts_of_a_schedule_are_the_whole_where_there_is_no_momentum(at: int) -> None:
    spec = dataclasses.replace(SPEC, momentum=0.0, augment="crop-flip", schedule="cosine")
    whole, parts = fresh(norm=True), fresh(norm=True)
    train(whole, DATA, spec, seed=1)
    first = train(parts, DATA, spec, seed=1, stop_step=at)
    second = train(parts, DATA, spec, seed=1, first_step=at)
    assert (first.steps, second.steps) == (at, 21 - at)
    assert same(whole, parts)


def test_parts_that_are_none() -> None:
    for first, stop in ((-1, 3), (5, 3), (0, 22)):
        with pytest.raises(ValueError, match="no part of a schedule of 21 steps"):
            train(fresh(), DATA, SPEC, seed=0, first_step=first, stop_step=stop)


def test_no_epochs_change_nothing() -> None:
    net = fresh()
    result = train(net, DATA, dataclasses.replace(SPEC, epochs=0, keep_steps=(0,)), seed=0)
    assert same(net, fresh())
    assert (result.steps, result.history) == (0, [])
    assert set(result.kept) == {0}


# -- kept weights, hooks, progress


def test_kept_weights_are_those_of_their_step() -> None:
    spec = dataclasses.replace(SPEC, keep_steps=(0, 5, 7, 21))
    net, start = fresh(norm=True), fresh(norm=True)
    kept = train(net, DATA, spec, seed=2).kept
    assert set(kept) == {0, 5, 7, 21}
    for step, state in kept.items():
        again = fresh(norm=True)
        train(again, DATA, SPEC, seed=2, stop_step=step)
        assert all(torch.equal(t, state[k]) for k, t in again.state_dict().items())
    assert all(torch.equal(t, kept[0][k]) for k, t in start.state_dict().items())
    assert all(torch.equal(t, kept[21][k]) for k, t in net.state_dict().items())


def test_a_training_that_stops_early_is_a_checkpoint_of_the_whole() -> None:
    kept = train(fresh(norm=True), DATA, dataclasses.replace(SPEC, keep_steps=(14,)), seed=2).kept[14]
    early = fresh(norm=True)
    result = train(early, DATA, dataclasses.replace(SPEC, stop_epochs=2), seed=2)
    assert result.steps == 14
    assert all(torch.equal(t, kept[k]) for k, t in early.state_dict().items())


def test_a_number_of_steps_may_end_within_an_epoch() -> None:
    log = Log()
    result = train(fresh(), DATA, dataclasses.replace(SPEC, steps=10), seed=0, hooks=[log])
    assert (result.steps, log.steps[-1], len(result.history)) == (10, 10, 2)
    assert log.lrs == [lr_at(SPEC, step, 10, 7) for step in range(10)]


def test_a_step_beyond_the_end_cannot_be_kept() -> None:
    with pytest.raises(SpecError, match="keep_steps"):
        train(fresh(), DATA, dataclasses.replace(SPEC, keep_steps=(22,)), seed=0)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear", "step"])
def test_each_step_has_the_learning_rate_of_the_formula(schedule: str) -> None:
    spec, log = dataclasses.replace(SPEC, schedule=schedule, warmup_epochs=0.5), Log()
    train(fresh(), DATA, spec, seed=0, hooks=[log], first_step=2, stop_step=18)
    assert log.lrs == [lr_at(spec, step, 21, 7) for step in range(2, 18)]


def test_hooks_are_called_in_order() -> None:
    log = Log()
    train(fresh(), DATA, SPEC, seed=0, hooks=[log], first_step=5, stop_step=16)
    step = ["backward", "step"]
    assert log.calls == ["start", *step * 2, "epoch", *step * 7, "epoch", *step * 2, "epoch", "end"]
    assert log.steps == list(range(6, 17))
    assert log.epochs == [1, 2, 2]  # the last one stops in the middle of the third


def test_progress_ends_at_the_end_and_may_cancel() -> None:
    seen: list[tuple[int, int]] = []
    train(fresh(), DATA, SPEC, seed=0, first_step=7, progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (14, 14)

    def stop(done: int, of: int) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        train(fresh(), DATA, SPEC, seed=0, progress=stop)


# -- what goes wrong


@pytest.mark.parametrize("norm", [False, True])
def test_divergence_is_an_error(norm: bool) -> None:
    spec = dataclasses.replace(SPEC, lr=1e30, schedule="constant")
    with pytest.raises(Diverged, match=r"by step .* of 21.*Lower the learning rate"):
        train(fresh(norm=norm), DATA, spec, seed=0)


def test_a_last_step_that_spoils_the_weights_is_noticed() -> None:
    class Spoil(Log):
        def after_step(self, t: TrainState) -> None:
            if t.step == t.total_steps:
                with torch.no_grad():
                    t.net[0].bias[0] = float("inf")

    with pytest.raises(Diverged, match=r"'0\.bias' holds NaN or infinite"):
        train(fresh(), DATA, SPEC, seed=0, hooks=[Spoil()])


def test_without_training_images_there_is_nothing_to_train_on() -> None:
    with pytest.raises(DataError, match="no training split"):
        train(fresh(), small(train=None), SPEC, seed=0)


def test_a_model_that_gives_something_else_in_training_is_refused() -> None:
    with pytest.raises(ModelError, match=r"In training mode the model gives tuple for 8 images.*\(8, 3\)"):
        train(own_models.two_outputs(), DATA, SPEC, seed=0)


def test_a_single_image_at_the_end_does_not_break_batch_norm() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    assert train(net, small(train=17), SPEC, seed=0).steps == 6


# -- batches


def test_shifts_and_flips_are_those_of_a_slow_loop() -> None:
    data = small(train=20, channels=3)
    spec = TrainSpec(batch_size=20, augment="crop-flip")
    batches = Batches(data, data.train, spec, seed=3, device="cpu")
    ((images, labels),) = batches.epoch(1, 0, 1)
    flips, downs, rights = batches._changes(1, 20).numpy()
    assert set(flips) == {0, 1}
    assert {-4, 4} <= set(downs) | set(rights)
    assert min(downs.min(), rights.min()) >= -4
    order = torch.randperm(20, generator=batches._generator("order", 1)).numpy()
    for i, source in enumerate(order):
        padded = np.pad(data.train.images[source], ((4, 4), (4, 4), (0, 0)))
        cut = padded[4 + downs[i] : 8 + downs[i], 4 + rights[i] : 8 + rights[i]]
        cut = cut[:, ::-1] if flips[i] else cut
        torch.testing.assert_close(images[i], data.preprocess(np.ascontiguousarray(cut)[None])[0])
        assert labels[i] == data.train.labels[source]


def test_every_image_comes_once_an_epoch_and_epochs_differ() -> None:
    batches = Batches(DATA, DATA.train, SPEC, seed=0, device="cpu")
    orders = [torch.cat([labels for _, labels in batches.epoch(e, 0, 7)]) for e in (0, 1)]
    assert all(torch.equal(o.sort().values, torch.tensor(DATA.train.labels).sort().values) for o in orders)
    assert not torch.equal(*orders)
