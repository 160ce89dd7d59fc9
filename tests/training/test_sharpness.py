"""Sharpness-aware training: against a plain loop that walks uphill and back itself, and its laws."""

from __future__ import annotations

import copy

import numpy as np
import own_models
import pytest
import torch
import torch.nn.functional as F
from small_images import small
from torch import nn

from pruneviz.core.masks import Mask
from pruneviz.core.spec import TrainSpec
from pruneviz.training import MaskKeeper, train
from pruneviz.training.batches import Batches
from pruneviz.training.schedule import derived_seed

SPEC = TrainSpec(epochs=2, batch_size=8, lr=0.1, schedule="constant", momentum=0.0, weight_decay=0.01, sam_rho=0.3)
DATA = small()


def fresh(dropout: bool = False) -> nn.Module:
    torch.manual_seed(0)
    net = own_models.tiny(norm=True)
    return nn.Sequential(nn.Dropout(0.3), net) if dropout else net


def slowly(net: nn.Module, spec: TrainSpec, seed: int, kept: dict[str, np.ndarray]) -> None:
    """Algorithm 1 of Foret et al. for plain gradient descent, one weight tensor at a time, on copies of the network."""
    assert DATA.train is not None
    batches = Batches(DATA, DATA.train, spec, seed, "cpu")
    masks = {n: torch.from_numpy(kept[n]) if n in kept else torch.ones_like(p) for n, p in net.named_parameters()}
    net.train()
    for epoch in range(spec.epochs):
        torch.manual_seed(derived_seed(seed, "dropout", epoch))
        for images, labels in batches.epoch(epoch, 0, batches.per_epoch):
            state = torch.get_rng_state()
            loss = F.cross_entropy(net(images), labels)  # also updates the batch-norm statistics: the only pass to
            names, weights = zip(*net.named_parameters(), strict=True)
            g = [d * masks[n] for n, d in zip(names, torch.autograd.grad(loss, weights), strict=True)]
            norm = sum(float((d.double() ** 2).sum()) for d in g) ** 0.5
            uphill = copy.deepcopy(net)
            torch.set_rng_state(state)
            with torch.no_grad():
                for p, d in zip(uphill.parameters(), g, strict=True):
                    p += spec.sam_rho * d / norm
            h = torch.autograd.grad(F.cross_entropy(uphill(images), labels), list(uphill.parameters()))
            with torch.no_grad():
                for n, p, d in zip(names, weights, h, strict=True):
                    p -= spec.lr * (d * masks[n] + spec.weight_decay * p)
    net.eval()


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_every_step_follows_the_gradient_uphill(dropout: bool, masked: bool) -> None:
    net, own = fresh(dropout), fresh(dropout)
    name = next(n for n, p in net.named_parameters() if p.dim() > 1)
    shape = dict(net.named_parameters())[name].shape
    kept = {name: np.random.default_rng(0).random(tuple(shape)) < 0.5} if masked else {}
    keeper = MaskKeeper(net, Mask.of(kept))
    MaskKeeper(own, Mask.of(kept)).apply()
    train(net, DATA, SPEC, seed=3, keeper=keeper)
    slowly(own, SPEC, 3, kept)
    for key, t in own.state_dict().items():
        assert torch.allclose(net.state_dict()[key].double(), t.double(), atol=2e-5), key
    if masked:
        assert (dict(net.named_parameters())[name].detach().numpy()[~kept[name]] == 0).all()


def trained(spec: TrainSpec) -> dict[str, torch.Tensor]:
    net = fresh()
    train(net, DATA, spec, seed=3)
    return net.state_dict()


def test_a_distance_of_nothing_is_ordinary_training_and_a_tiny_one_nearly() -> None:
    off, tiny, far = (trained(TrainSpec(epochs=2, batch_size=8, lr=0.1, sam_rho=r)) for r in (0.0, 1e-6, 0.3))
    default = trained(TrainSpec(epochs=2, batch_size=8, lr=0.1))
    assert all(torch.equal(off[k], default[k]) for k in off)
    assert all(torch.allclose(off[k].double(), tiny[k].double(), atol=1e-3) for k in off)
    assert any(not torch.allclose(off[k].double(), far[k].double(), atol=1e-3) for k in off)


def test_weights_that_are_at_a_flat_place_stay_there() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (0 * self.w.sum()).expand(len(x), DATA.num_classes)

    net = Flat()
    train(net, DATA, TrainSpec(epochs=1, batch_size=8, sam_rho=0.5), seed=0)
    assert torch.equal(net.w, torch.zeros(3))
