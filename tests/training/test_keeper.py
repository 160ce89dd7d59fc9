"""Removed entries stay at exactly zero, whatever trains the network."""

from __future__ import annotations

import dataclasses

import numpy as np
import own_models
import pytest
import torch
from small_images import small
from torch import nn

from pruneviz.core.masks import Mask
from pruneviz.core.spec import TrainSpec
from pruneviz.training import MaskKeeper, TrainState, train

SPEC = TrainSpec(epochs=3, batch_size=8, lr=0.05, weight_decay=0.05)
DATA = small()
OPTIMIZERS = [
    {"optimizer": "sgd", "momentum": 0.0},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    {"optimizer": "adam", "lr": 0.01},
    {"optimizer": "adamw", "lr": 0.01},
]


def fresh() -> nn.Module:
    torch.manual_seed(0)
    return own_models.tiny(norm=True)


def random_mask(net: nn.Module, seed: int = 0) -> Mask:
    rng = np.random.default_rng(seed)
    return Mask.of({n: rng.random(tuple(p.shape)) < 0.5 for n, p in net.named_parameters() if p.dim() > 1})


def channel_mask() -> Mask:
    """The first of the two channels of ``tiny(norm=True)`` with all that belongs to it."""
    filters, scale = np.ones((2, 1, 3, 3), bool), np.array([False, True])
    filters[0] = False
    consumers = np.ones((4, 8), bool)
    consumers[:, :4] = False
    names = ("1.weight", "1.bias", "1.running_mean", "1.running_var")
    return Mask.of({"0.weight": filters, "4.weight": consumers, **dict.fromkeys(names, scale)})


def removed(net: nn.Module, mask: Mask) -> torch.Tensor:
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return torch.cat([tensors[name].detach()[torch.tensor(~kept)] for name, kept in mask.items()])


def kept(net: nn.Module, mask: Mask) -> torch.Tensor:
    return torch.cat(
        [dict(net.named_parameters())[n].detach()[torch.tensor(mask[n])] for n in ("0.weight", "4.weight")]
    )


@pytest.mark.parametrize("values", OPTIMIZERS)
@pytest.mark.parametrize("channels", [False, True])
def test_removed_entries_stay_zero_and_kept_ones_learn(values: dict[str, object], channels: bool) -> None:
    net = fresh()
    mask = channel_mask() if channels else random_mask(net)

    class Watch:
        largest = 0.0

        def on_start(self, t: TrainState) -> None: ...
        def after_backward(self, t: TrainState) -> None: ...
        def on_epoch(self, t: TrainState) -> None: ...
        def on_end(self, t: TrainState) -> None: ...

        def after_step(self, t: TrainState) -> None:
            self.largest = max(self.largest, float(removed(t.net, mask).abs().max()))

    watch, before = Watch(), kept(net, mask)
    train(net, DATA, dataclasses.replace(SPEC, **values), seed=0, keeper=MaskKeeper(net, mask), hooks=[watch])
    assert watch.largest == 0.0
    assert (kept(net, mask) != before).all()
    assert (kept(net, mask) != 0).all()


def test_the_gradient_that_hooks_see_is_dense() -> None:
    net, seen = fresh(), []
    mask = Mask.of({"4.weight": np.zeros((4, 8), bool)})

    class Look:
        def on_start(self, t: TrainState) -> None: ...
        def after_step(self, t: TrainState) -> None: ...
        def on_epoch(self, t: TrainState) -> None: ...
        def on_end(self, t: TrainState) -> None: ...

        def after_backward(self, t: TrainState) -> None:
            seen.append(float(t.net[4].weight.grad.abs().max()))

    train(net, DATA, SPEC, seed=0, keeper=MaskKeeper(net, mask), hooks=[Look()], stop_step=1)
    assert seen[0] > 0


def test_a_mask_replaced_in_training_clears_momentum_and_lets_entries_come_back() -> None:
    net = fresh()
    first, second = random_mask(net, 1), random_mask(net, 2)
    momenta = []

    class Swap:
        def on_start(self, t: TrainState) -> None: ...
        def after_backward(self, t: TrainState) -> None: ...
        def on_epoch(self, t: TrainState) -> None: ...
        def on_end(self, t: TrainState) -> None: ...

        def after_step(self, t: TrainState) -> None:
            if t.step == 10:
                t.keeper.replace(second, t.optimizer)
                gone = torch.tensor(~second["4.weight"])
                momenta.append(t.optimizer.state[t.net[4].weight]["momentum_buffer"][gone])

    keeper = MaskKeeper(net, first)
    train(net, DATA, SPEC, seed=0, keeper=keeper, hooks=[Swap()])
    assert keeper.mask is second
    assert (momenta[0] == 0).all()
    assert (removed(net, second) == 0).all()
    assert (kept(net, second) != 0).all()  # those that only the second keeps have grown again


def test_apply_zeroes_even_what_is_not_finite() -> None:
    net = fresh()
    mask = random_mask(net)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name in mask:
                p[torch.tensor(~mask[name])] = float("nan")
    MaskKeeper(net, mask).apply()
    assert (removed(net, mask) == 0).all()
    assert all(p.isfinite().all() for p in net.parameters())


def test_a_mask_that_does_not_fit_is_refused() -> None:
    net = fresh()
    with pytest.raises(KeyError, match=r"'9\.weight'"):
        MaskKeeper(net, Mask.of({"9.weight": [True]}))
    with pytest.raises(ValueError, match=r"'4\.weight' has shape \(2,\), its tensor \(4, 8\)"):
        MaskKeeper(net, Mask.of({"4.weight": [True, False]}))
