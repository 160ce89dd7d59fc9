"""Recoveries that train few parameters, or towards the dense model's outputs, against slow re-implementations."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_images import small
from torch import nn

from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.training import Recovery, check, recover, recovery_from
from pruneviz.training.batches import Batches
from pruneviz.training.distilling import Distilling
from pruneviz.training.few import FewParameters, rank_of
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.schedule import derived_seed
from pruneviz.training.trainer import train

BASE = TrainSpec(epochs=2, batch_size=8, lr=0.5, momentum=0.0, weight_decay=0.0)
DATA = small()


def made(name: str, **options: Any) -> Recovery:
    return recovery_from(Choice(name, options), "recoveries[0]")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(6)
        self.fc = nn.Linear(96, 12)
        self.head = nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.relu(self.fc(F.relu(self.bn(self.conv(x))).flatten(1))))


def pruned() -> tuple[nn.Module, Mask]:
    torch.manual_seed(0)
    net, rng = Net(), np.random.default_rng(0)
    for _, p in net.named_parameters():
        nn.init.normal_(p, std=0.2) if p.dim() > 1 else nn.init.uniform_(p, 0.5, 1.0)
    mask = Mask.of({n: rng.random(tuple(p.shape)) < 0.5 for n, p in net.named_parameters() if p.dim() > 1})
    return net, mask


def slow(net: nn.Module, mask: Mask, kind: str, rank: int, alpha: float, seed: int, steps: int) -> dict[str, Any]:
    """PERP by autograd through the changed weights themselves, everything but head, norms and biases low-rank."""
    net = copy.deepcopy(net).train()
    start = {n: p.detach() * torch.from_numpy(mask[n]) if n in mask else p.detach() for n, p in net.named_parameters()}
    free = {n: t.clone().requires_grad_(True) for n, t in start.items() if t.dim() == 1 or n == "head.weight"}
    low = {}
    for n in ("conv.weight", "fc.weight"):
        outputs, inputs = start[n].flatten(1).shape
        r = min(rank, outputs * inputs // (outputs + inputs))
        generator = torch.Generator().manual_seed(derived_seed(seed, f"adapter {n}"))
        a = (torch.rand((r, inputs), generator=generator) * 2 - 1) / math.sqrt(inputs)
        b = torch.zeros((outputs, r))
        if kind == "scale":
            a[0], b[:, 0] = 1.0, 1.0
        low[n] = (b.requires_grad_(True), a.requires_grad_(True))

    def whole() -> dict[str, torch.Tensor]:
        found = dict(free)
        for n, (b, a) in low.items():
            change = (b @ a).reshape(start[n].shape)
            scaled = alpha / len(a) * change * (start[n] != 0)
            found[n] = start[n] + scaled if kind == "masked" else start[n] * change
        return found

    leaves = [*free.values(), *(x for pair in low.values() for x in pair)]
    batches = Batches(DATA, DATA.train, BASE, seed, "cpu")
    for images, labels in batches.epoch(0, 0, steps):
        loss = F.cross_entropy(torch.func.functional_call(net, whole(), (images,)), labels)
        gradients = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            for leaf, g in zip(leaves, gradients, strict=True):
                if leaf.shape == start["head.weight"].shape and leaf is free["head.weight"]:
                    g = g * torch.from_numpy(mask["head.weight"])
                leaf -= 0.05 * g
    return {n: t.detach() for n, t in whole().items()}


@pytest.mark.parametrize("kind", ["masked", "scale"])
def test_low_rank_changes_are_those_of_the_definition(kind: str) -> None:
    net, mask = pruned()
    expected = slow(net, mask, kind, 3, 6.0, seed=5, steps=4)
    recovery = made("perp", adapters=kind, rank=3, alpha=6.0, epochs=1)
    tuned = copy.deepcopy(net)
    train(
        tuned,
        DATA,
        recovery.settings(BASE),
        seed=5,
        keeper=MaskKeeper(tuned, mask),
        hooks=(FewParameters(recovery, 5),),
        stop_step=4,
    )
    for name, p in tuned.named_parameters():
        assert torch.allclose(p, expected[name], atol=1e-5), name
    assert not torch.allclose(
        dict(tuned.named_parameters())["fc.weight"], net.fc.weight * torch.from_numpy(mask["fc.weight"])
    )


@pytest.mark.parametrize(
    ("options", "moving"),
    [
        ({"adapters": "none", "norms": False, "head": False}, {"conv.bias", "fc.bias", "head.bias"}),
        ({"adapters": "none", "biases": False, "head": False}, {"bn.weight", "bn.bias"}),
        ({"adapters": "none", "biases": False, "norms": False}, {"head.weight", "head.bias"}),
        ({"biases": False, "norms": False, "head": False}, {"conv.weight", "fc.weight", "head.weight"}),
        ({"biases": False, "norms": False}, {"conv.weight", "fc.weight", "head.weight", "head.bias"}),
    ],
)
def test_nothing_else_moves_and_what_is_removed_stays_zero(options: dict[str, Any], moving: set[str]) -> None:
    net, mask = pruned()
    base = TrainSpec(epochs=2, batch_size=8, lr=0.5, optimizer="adamw", weight_decay=0.1)
    recover(made("perp", **options), net, mask, DATA, base, seed=0)
    before, named = dict(pruned()[0].named_parameters()), dict(net.named_parameters())
    kept = {
        n: torch.from_numpy(mask[n]) if n in mask else torch.ones(p.shape, dtype=torch.bool) for n, p in named.items()
    }
    assert {n for n, p in named.items() if not torch.equal(p, before[n] * kept[n])} == moving
    assert all((p.detach()[~kept[n]] == 0).all() for n, p in named.items())


def test_an_adapter_has_no_more_numbers_than_its_layer() -> None:
    assert [rank_of(16, *s) for s in ((6, 25), (120, 400), (1, 9), (512, 512))] == [4, 16, 1, 16]
    net, _ = pruned()
    recovery = made("perp", epochs=1)
    hook = FewParameters(recovery, 0)
    train(net, DATA, recovery.settings(BASE), seed=0, hooks=(hook,))
    sizes = {n: p.numel() for n, p in net.named_parameters()}
    whole = sum(v for n, v in sizes.items() if n.endswith("bias") or n in ("bn.weight", "head.weight"))
    assert hook.trained == whole + 3 * (6 + 9) + 10 * (12 + 96)
    for made_of in hook.adapters:
        assert made_of.a.numel() + made_of.b.numel() <= made_of.weight.numel()


def test_training_nothing_is_refused() -> None:
    nothing = {"biases": False, "norms": False, "head": False, "adapters": "none"}
    with pytest.raises(SpecError, match="at least one of biases, norms, head, adapters"):
        check(made("perp", **nothing), BASE, trained_here=True)


def test_the_loss_of_distillation_is_that_of_the_definition() -> None:
    torch.manual_seed(1)
    dense, images = Net(), torch.randn(5, 1, 4, 4)
    dense.train()
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    found = Distilling(made("distill", weight=0.3, temperature=2.5), dense, 0.0, "cpu")(images, logits, labels)
    assert not dense.training
    told, total = dense(images).detach().double().numpy(), 0.0
    for z, t, y in zip(logits.double().numpy(), told, labels.tolist(), strict=True):
        p = np.exp(t / 2.5) / np.exp(t / 2.5).sum()
        q = np.exp(z / 2.5) / np.exp(z / 2.5).sum()
        kl = sum(float(a * math.log(a / b)) for a, b in zip(p, q, strict=True))
        ce = -math.log(np.exp(z[y]) / np.exp(z).sum())
        total += 0.7 * ce + 0.3 * 2.5**2 * kl
    assert float(found) == pytest.approx(total / 5, rel=1e-5)


def test_distillation_without_a_teachers_part_is_fine_tuning() -> None:
    one, mask = pruned()
    two, _ = pruned()
    recover(made("distill", weight=0.0, epochs=1), one, mask, DATA, BASE, seed=3, dense=pruned()[0])
    recover(made("finetune", epochs=1), two, mask, DATA, BASE, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_distillation_brings_outputs_nearer_to_the_dense_models() -> None:
    dense, mask = pruned()
    train(dense, DATA, TrainSpec(epochs=4, batch_size=8, lr=0.05), seed=0)
    images = DATA.preprocess(DATA.test.images)

    def apart(net: nn.Module) -> float:
        with torch.no_grad():
            return float((net.eval()(images).softmax(1) - dense.eval()(images).softmax(1)).square().sum())

    found = {}
    for weight in (0.0, 1.0):
        net = copy.deepcopy(dense)
        recover(made("distill", weight=weight, epochs=3), net, mask, DATA, BASE, seed=0, dense=copy.deepcopy(dense))
        found[weight] = apart(net)
    assert found[1.0] < found[0.0]


def test_distillation_needs_the_dense_model() -> None:
    net, mask = pruned()
    with pytest.raises(Unsupported, match="distill needs the dense model"):
        recover(made("distill"), net, mask, DATA, BASE, seed=0)
