"""Recoveries: their options, what they need, and what they do to a pruned network."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import own_models
import pytest
import torch
from small_images import small
from torch import nn

from pruneviz.core.errors import DataError, Diverged, ModelError, PrunevizError, SpecError, Unsupported
from pruneviz.core.keys import digest
from pruneviz.core.masks import Mask
from pruneviz.core.options import describe
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.training import (
    RECOVERIES,
    Budget,
    MaskKeeper,
    Recovery,
    TrainState,
    check,
    label,
    lr_at,
    predict,
    recover,
    recovery_from,
    train,
)

BASE = TrainSpec(epochs=4, batch_size=8, lr=0.2, schedule="cosine", warmup_epochs=1.0, keep_steps=(0, 5))
DATA = small()  # 7 steps an epoch


def made(name: str, **options: Any) -> Recovery:
    return recovery_from(Choice(name, options), "recoveries[0]")


def fresh(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return own_models.tiny(norm=True)


def mask_of(net: nn.Module) -> Mask:
    rng = np.random.default_rng(0)
    return Mask.of({n: rng.random(tuple(p.shape)) < 0.6 for n, p in net.named_parameters() if p.dim() > 1})


def removed(net: nn.Module, mask: Mask) -> torch.Tensor:
    tensors = dict(net.named_parameters())
    return torch.cat([tensors[name].detach()[torch.tensor(~kept)] for name, kept in mask.items()])


class Rates:
    """The learning rates seen."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_start(self, t: TrainState) -> None: ...
    def after_step(self, t: TrainState) -> None: ...
    def on_epoch(self, t: TrainState) -> None: ...
    def on_end(self, t: TrainState) -> None: ...

    def after_backward(self, t: TrainState) -> None:
        self.seen.append(t.optimizer.param_groups[0]["lr"])


def nothing(net: nn.Module, keeper: MaskKeeper, data: Any, budget: Budget) -> None:
    """A custom recovery that does nothing."""


# -- the catalogue


def test_the_catalogue_imports_no_torch() -> None:
    code = (
        "import sys, pruneviz.training as t; from pruneviz.core.spec import Choice\n"
        "assert t.label(t.recovery_from(Choice('finetune', {'lr': 0.01}), 'x')) == 'finetune(lr=0.01)'\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_every_recovery_says_what_it_is() -> None:
    kinds = {"none", "finetune", "lr-rewind", "weight-rewind", "scratch", "perp", "distill", "bn", "custom"}
    assert set(RECOVERIES) == kinds
    for name, kind in RECOVERIES.items():
        assert kind.name == name
        assert kind.summary
        assert kind.reference or name in ("none", "custom")
        assert all(o.doc for o in describe(kind))


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (Choice("none", {}), "none"),
        (Choice("finetune", {}), "finetune"),
        (Choice("finetune", {"epochs": 2, "lr": 0.01}), "finetune(lr=0.01)"),
        (Choice("finetune", {"lr": 1e-4, "epochs": 5}), "finetune(epochs=5, lr=0.0001)"),
        (Choice("weight-rewind", {"to": 100}), "weight-rewind(to=100)"),
        (Choice("scratch", {"mode": "B"}), "scratch(mode=B)"),
        (Choice("custom", {"function": "own_models:tiny"}), "custom(own_models:tiny)"),
        (Choice("custom", {"function": nothing, "epochs": 3}), f"custom({__name__}:nothing, epochs=3)"),
    ],
)
def test_labels_show_what_differs_from_the_defaults(choice: Choice, text: str) -> None:
    assert label(recovery_from(choice, "x")) == text


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("finetunes", {}, r"recoveries\[0\]: got 'finetunes'.*Did you mean 'finetune'"),
        ("finetune", {"epoch": 2}, r"recoveries\[0\] finetune: key: got 'epoch'.*Did you mean 'epochs'"),
        ("finetune", {"lr": 0}, "finetune lr: got 0"),
        ("weight-rewind", {"to": -1}, "weight-rewind to: got -1"),
        ("scratch", {"mode": "C"}, "scratch mode: got 'C'; allowed: B, E"),
        ("custom", {}, "custom: got {}; allowed: a table with the key 'function'"),
        ("custom", {"function": 3}, "function: got 3; allowed: .package.module:function"),
        ("custom", {"function": "memory:mine"}, "got 'memory:mine'; allowed: what was given in Python: nothing"),
        ("custom", {"function": "own_models"}, "got 'own_models'; allowed: .memory:NAME. or"),
        ("custom", {"function": "no_such_module:f"}, "no module 'no_such_module'"),
    ],
)
def test_what_is_not_allowed_is_said(name: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(PrunevizError, match=match):
        made(name, **options)


# -- what they need, said before anything starts


@pytest.mark.parametrize(
    ("recovery", "known", "error", "match"),
    [
        (
            made("weight-rewind", to=100),
            {"trained_here": True, "kept_steps": (0,)},
            Unsupported,
            r"weights of step 100 .* of which steps 0 will be there\. Write keep_steps = \[0, 100\] under \[train\]",
        ),
        (
            made("weight-rewind"),
            {"trained_here": False},
            Unsupported,
            r"needs the initial weights .* no step will be there\. The model comes trained.*keep_steps = \[0\]",
        ),
        (made("lr-rewind", epochs=5), {"trained_here": False}, SpecError, r"epochs: got 5; allowed: 1 to 4"),
        (made("bn"), {"trained_here": False, "batch_norm": False}, Unsupported, "no batch norm"),
    ],
)
def test_needs_are_said_before_anything_starts(
    recovery: Recovery, known: dict[str, Any], error: type[PrunevizError], match: str
) -> None:
    with pytest.raises(error, match=match):
        check(recovery, BASE, **known)


def test_rewinding_needs_a_dense_training() -> None:
    for name in ("lr-rewind", "weight-rewind", "scratch"):
        with pytest.raises(SpecError, match=r"\[train\] epochs: got 0; allowed: at least 1"):
            check(made(name), dataclasses.replace(BASE, epochs=0), trained_here=False, kept_steps=(0,))


def test_what_is_there_is_enough() -> None:
    check(made("weight-rewind", to=5), BASE, trained_here=True, kept_steps=(0, 5))
    check(made("weight-rewind"), BASE, trained_here=False, kept_steps=(0,))
    check(made("lr-rewind", epochs=4), BASE, trained_here=False)
    check(made("bn"), BASE, trained_here=False, batch_norm=True)
    for name in ("none", "finetune", "lr-rewind", "scratch"):
        check(made(name), BASE, trained_here=False)
    assert made("weight-rewind", to=5).needs_steps == (5,)
    assert made("finetune").needs_steps == ()


# -- the schedules


@pytest.mark.parametrize(
    ("recovery", "expected"),
    [
        (made("finetune"), [0.02] * 14),
        (made("finetune", epochs=1, lr=0.03), [0.03] * 7),
        (
            made("finetune", epochs=1, schedule="linear"),
            [lr_at(TrainSpec(lr=0.02, schedule="linear"), s, 7, 7) for s in range(7)],
        ),
        (made("lr-rewind"), [lr_at(BASE, s, 28, 7) for s in range(28)]),
        (made("lr-rewind", epochs=1), [lr_at(BASE, s, 28, 7) for s in range(21, 28)]),
        (made("weight-rewind"), [lr_at(BASE, s, 28, 7) for s in range(28)]),
        (made("weight-rewind", to=5), [lr_at(BASE, s, 28, 7) for s in range(5, 28)]),
        (made("scratch"), [lr_at(BASE, s, 28, 7) for s in range(28)]),
        (made("scratch", mode="B"), [lr_at(BASE, s, 70, 7) for s in range(70)]),
    ],
)
def test_the_learning_rate_of_each_step(recovery: Recovery, expected: list[float]) -> None:
    net, rates = fresh(), Rates()
    states = {0: fresh(1).state_dict(), 5: fresh(2).state_dict()}
    result = recover(
        recovery,
        net,
        mask_of(net),
        DATA,
        BASE,
        seed=3,
        rewind_state=states,
        kept_macs=0.4,
        fresh=fresh,
        hooks=[rates],
    )
    assert rates.seen == pytest.approx(expected)
    assert result.steps == len(expected)
    assert (removed(net, mask_of(net)) == 0).all()
    if not isinstance(recovery, type(made("weight-rewind"))):
        assert recovery.epochs_of(BASE, 50, 0.4) * 7 == len(expected)


def test_recoveries_of_a_training_that_stops_early_or_counts_steps_are_whole_schedules() -> None:
    early = dataclasses.replace(BASE, stop_epochs=1, keep_steps=(0,))
    for name in ("finetune", "lr-rewind", "weight-rewind", "scratch"):
        assert made(name).settings(early) == made(name).settings(BASE)
    counted = dataclasses.replace(BASE, steps=20)
    assert made("lr-rewind").settings(counted).steps == 20
    assert made("scratch", mode="B").settings(counted, 0.5).steps == 40
    assert made("finetune", epochs=3).settings(counted).steps is None
    with pytest.raises(SpecError, match="counts no epochs"):
        made("lr-rewind", epochs=1).check(counted)


def test_fine_tuning_may_differ_from_the_dense_training() -> None:
    base = dataclasses.replace(BASE, batch_size=4, sam_rho=0.2)
    assert (made("finetune").settings(base).batch_size, made("finetune").settings(base).sam_rho) == (4, 0.2)
    other = made("finetune", batch_size=16, sam_rho=0.0).settings(base)
    assert (other.batch_size, other.sam_rho) == (16, 0.0)


def test_scratch_b_trains_for_the_epochs_of_the_papers_code() -> None:
    for epochs, kept in ((160, 0.3), (10, 0.5), (7, 1.0), (3, 0.99), (10, 0.1)):
        spec = made("scratch", mode="B").settings(dataclasses.replace(BASE, epochs=epochs), kept)
        assert spec.epochs == int(epochs * (1 / kept) + 1e-9)


# -- what they do


def test_none_only_removes() -> None:
    net, mask = fresh(), mask_of(fresh())
    result = recover(made("none"), net, mask, DATA, BASE, seed=0)
    assert (result.steps, result.history) == (0, [])
    for name, p in net.named_parameters():
        kept = torch.tensor(mask[name]) if name in mask else torch.ones(p.shape, dtype=torch.bool)
        assert torch.equal(p.detach(), dict(fresh().named_parameters())[name].detach() * kept)


def test_finetuning_is_training_with_its_settings() -> None:
    net, plain, mask = fresh(), fresh(), mask_of(fresh())
    recovery = made("finetune", epochs=2, lr=0.05)
    recover(recovery, net, mask, DATA, BASE, seed=6)
    spec = dataclasses.replace(BASE, epochs=2, lr=0.05, schedule="constant", warmup_epochs=0.0, keep_steps=())
    train(plain, DATA, spec, seed=6, keeper=MaskKeeper(plain, mask))
    assert all(torch.equal(t, plain.state_dict()[k]) for k, t in net.state_dict().items())


def test_a_dense_network_can_be_retrained_too() -> None:
    net = fresh()
    assert recover(made("finetune"), net, None, DATA, BASE, seed=0).steps == 14


def test_weight_rewinding_starts_from_the_earlier_weights() -> None:
    early = fresh(9)
    one, other = fresh(1), fresh(2)  # what the dense weights have become does not matter
    for net in (one, other):
        recover(
            made("weight-rewind", to=5),
            net,
            mask_of(net),
            DATA,
            BASE,
            seed=3,
            rewind_state={5: early.state_dict()},
        )
    train(
        early,
        DATA,
        dataclasses.replace(BASE, keep_steps=()),
        seed=3,
        first_step=5,
        keeper=MaskKeeper(early, mask_of(one)),
    )
    for name, t in early.state_dict().items():
        assert torch.equal(one.state_dict()[name], t)
        assert torch.equal(other.state_dict()[name], t)


def test_rewinding_everything_to_the_start_repeats_the_dense_training() -> None:
    dense = fresh()
    kept = train(dense, DATA, BASE, seed=3).kept
    again = fresh(5)
    recover(made("weight-rewind"), again, None, DATA, BASE, seed=3, rewind_state=kept)
    assert all(torch.equal(t, dense.state_dict()[k]) for k, t in again.state_dict().items())


def test_learning_rate_rewinding_keeps_the_weights() -> None:
    net, plain, mask = fresh(), fresh(), mask_of(fresh())
    recover(made("lr-rewind", epochs=1), net, mask, DATA, BASE, seed=3)
    train(plain, DATA, dataclasses.replace(BASE, keep_steps=()), seed=3, first_step=21, keeper=MaskKeeper(plain, mask))
    assert all(torch.equal(t, plain.state_dict()[k]) for k, t in net.state_dict().items())


def test_scratch_forgets_the_weights() -> None:
    one, other = fresh(1), fresh(2)
    for net in (one, other):
        recover(made("scratch"), net, mask_of(net), DATA, BASE, seed=3, fresh=fresh)
    assert all(torch.equal(t, other.state_dict()[k]) for k, t in one.state_dict().items())
    with pytest.raises(Unsupported, match="factory"):
        recover(made("scratch"), one, None, DATA, BASE, seed=3)


def test_rewinding_without_the_weights() -> None:
    with pytest.raises(Unsupported, match="weights of step 5"):
        recover(made("weight-rewind", to=5), fresh(), None, DATA, BASE, seed=0, rewind_state={0: {}})


def test_batch_norm_statistics_are_the_mean_over_batches() -> None:
    net, mask = fresh(), mask_of(fresh())
    with torch.no_grad():
        net[1].running_mean.fill_(5)
        net[1].running_var.fill_(7)
    result = recover(made("bn", batch_size=50), net, mask, DATA, BASE, seed=0)
    assert result.steps == 0
    features = net[0](DATA.preprocess(DATA.train.images)).detach()
    torch.testing.assert_close(net[1].running_mean, features.mean((0, 2, 3)))
    torch.testing.assert_close(net[1].running_var, features.transpose(0, 1).flatten(1).var(1))
    assert net[1].momentum == 0.1
    expected = fresh()
    MaskKeeper(expected, mask).apply()
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), expected.parameters(), strict=True))

    parts = fresh()
    recover(made("bn", batch_size=20), parts, mask, DATA, BASE, seed=0)
    assert int(parts[1].num_batches_tracked) == 3
    torch.testing.assert_close(parts[1].running_mean, features.mean((0, 2, 3)), rtol=0.2, atol=0.1)


def test_a_model_without_batch_norm_has_nothing_to_measure() -> None:
    with pytest.raises(Unsupported, match=r'no batch norm.*"none"'):
        recover(made("bn"), own_models.tiny(), None, DATA, BASE, seed=0)


def test_without_training_images_only_none_works() -> None:
    data = small(train=None, val=None)
    recover(made("none"), fresh(), None, data, BASE, seed=0)
    for name in ("finetune", "bn"):
        with pytest.raises(DataError, match=f"no training split, which recovery {name} needs"):
            recover(made(name), fresh(), None, data, BASE, seed=0)


def test_finetuning_recovers_accuracy() -> None:
    net = fresh()
    train(net, DATA, dataclasses.replace(BASE, epochs=20), seed=0)
    mask = mask_of(net)

    def accuracy() -> float:
        return float(np.mean(predict(net, DATA.test.images, DATA.preprocess).argmax(1) == DATA.test.labels))

    recover(made("none"), net, mask, DATA, BASE, seed=0)
    pruned = accuracy()
    recover(made("finetune", epochs=10, lr=0.05), net, mask, DATA, BASE, seed=0)
    assert accuracy() > max(pruned, 0.8)


# -- the user's own


def test_a_custom_loop_gets_what_it_needs() -> None:
    seen: dict[str, Any] = {}

    def loop(net: nn.Module, keeper: MaskKeeper, data: Any, budget: Budget) -> int:
        seen.update(data=data, budget=budget, mask=keeper.mask)
        optimizer = torch.optim.SGD(net.parameters(), 0.1, weight_decay=0.1)
        net.train()
        for _ in range(5):
            net(data.preprocess(data.train.images)).sum().backward()
            keeper.mask_grads()
            optimizer.step()
        return 5

    net, mask = fresh(), mask_of(fresh())
    net.eval()
    result = recover(made("custom", function=loop, epochs=3), net, mask, DATA, BASE, seed=4, progress=print)
    assert result.steps == 5
    assert (removed(net, mask) == 0).all()
    assert not net.training
    assert all(p.grad is None for p in net.parameters())
    budget = seen["budget"]
    assert (budget.steps, budget.seed, budget.device, budget.progress) == (21, 4, "cpu", print)
    assert budget.spec == dataclasses.replace(BASE, epochs=3, keep_steps=())
    assert seen["data"] is DATA
    assert seen["mask"] is mask


def test_a_custom_loop_that_forgets_the_mask_is_put_right_and_counts_as_its_budget() -> None:
    def grow(net: nn.Module, keeper: MaskKeeper, data: Any, budget: Budget) -> None:
        with torch.no_grad():
            for p in net.parameters():
                p.add_(torch.rand(p.shape))

    nets, mask = [fresh(), fresh()], mask_of(fresh())
    for net in nets:
        torch.rand(1)
        assert recover(made("custom", function=grow), net, mask, DATA, BASE, seed=4).steps == 14
        assert (removed(net, mask) == 0).all()
    assert all(torch.equal(t, nets[1].state_dict()[k]) for k, t in nets[0].state_dict().items())


def test_a_custom_loop_that_goes_wrong() -> None:
    def spoil(net: nn.Module, keeper: MaskKeeper, data: Any, budget: Budget) -> None:
        with torch.no_grad():
            net[6].bias.fill_(float("nan"))

    with pytest.raises(Diverged, match=r"spoil: '6\.bias' holds NaN"):
        recover(made("custom", function=spoil), fresh(), None, DATA, BASE, seed=0)
    with pytest.raises(ModelError, match="returned 'done'; allowed: the number of steps"):
        recover(made("custom", function=lambda *_: "done"), fresh(), None, DATA, BASE, seed=0)


def test_a_custom_loop_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_loops.py").write_text("def loop(net, keeper, data, budget):\n    return 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    recovery = made("custom", function="my_loops:loop")
    assert recover(recovery, fresh(), None, DATA, BASE, seed=0).steps == 2
    first = digest(recovery)
    (tmp_path / "my_loops.py").write_text("def loop(net, keeper, data, budget):\n    return 3\n")
    assert digest(made("custom", function="my_loops:loop")) != first
    with pytest.raises(ModelError, match=r"has no 'lop'\. Did you mean 'loop'"):
        recover(made("custom", function="my_loops:lop"), fresh(), None, DATA, BASE, seed=0)


class Loop:
    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, *_: Any) -> None: ...


def enclosing(rate: float) -> Callable[..., Any]:
    return lambda *_: rate


def test_a_custom_loops_key_follows_its_code() -> None:
    def key(function: Any, **options: Any) -> str:
        return digest(made("custom", function=function, **options))

    one = recovery_from(Choice("custom", {"function": "memory:mine"}), "x", {"mine": nothing})
    assert digest(one) == key(nothing)
    assert digest(one) != key(nothing, epochs=9)
    for make in (enclosing, Loop, lambda rate: functools.partial(nothing, rate), lambda rate: lambda *_, r=rate: r):
        assert key(make(0.1)) == key(make(0.1))
        assert key(make(0.1)) != key(make(0.2))
    assert key(lambda *_: 1) != key(lambda *_: 2)
    assert key(lambda x, *_: x in {"a", "b"}) != key(lambda x, *_: x in {"a", "c"})
