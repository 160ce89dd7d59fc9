"""Methods that prepare channels while the network is trained: penalties on batch norm's scales, and gates."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pruning_cases import Case, build

from pruneviz import pruning
from pruneviz.core.errors import Unsupported
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice, TrainSpec
from pruneviz.pruning.methods.slimming import polarized
from pruneviz.pruning.recipes import resolve
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.trainer import train

SPEC = TrainSpec(epochs=1, batch_size=3, lr=0.05)  # 10 steps
HALF = Target("sparsity", 0.5)


class At:
    """Looks at a training in the middle."""

    def __init__(self, step: int, look: Any) -> None:
        self.step, self.look, self.seen = step, look, None

    def after_step(self, t: Any) -> None:
        if t.step == self.step:
            self.seen = self.look(t)

    def __getattr__(self, name: str) -> Any:
        return lambda t: None


def follow(c: Case, method: str, target: Target = HALF, look: Any = None, **options: Any) -> Any:
    recipe = resolve(Choice(method, options), "here")
    net = copy.deepcopy(c.net)
    hook = pruning.training_hook(recipe, target, pruning.Ground(c.info, seed=1, samples=4))
    at = At(1, lambda t: look(hook, t) if look else None)
    train(net, c.data, SPEC, seed=0, keeper=MaskKeeper(net, pruning.full_mask(c.info)), hooks=(hook, at))
    return hook, net, at.seen


def channels(c: Case) -> int:
    return sum(b.size for b in c.space(pruning.RECIPES["consensus"]).blocks)


@pytest.mark.parametrize("method", ["mask-sparsity", "polarization", "consensus", "lapp", "bip-channel"])
def test_channels_go_exactly_and_the_network_can_be_cut(method: str) -> None:
    c = build("resnet8")
    hook, net, _ = follow(c, method)
    assert hook.achieved == count_removed(0.5, channels(c)) / channels(c)
    assert not any(m._forward_hooks for m in net.modules())
    small = pruning.cut(net, hook.mask, c.example)
    assert torch.allclose(c.logits(small), c.logits(net), atol=1e-4)
    again, _, _ = follow(c, method)
    assert again.mask.same_as(hook.mask)


@pytest.mark.parametrize("method", ["mask-sparsity", "polarization"])
def test_what_has_no_batch_norm_is_refused_before_anything_starts(method: str) -> None:
    with pytest.raises(Unsupported, match="no batch norm"):
        build("lenet5").check(pruning.RECIPES[method], (HALF,))
    with pytest.raises(Unsupported, match="no batch norm"):
        build("lenet5").check(resolve(Choice(method, {"score": "filter-norm"}), "here"), (HALF,))


def test_only_scales_that_will_go_are_pulled() -> None:
    c = build("resnet8")
    chosen = c.select(pruning.RECIPES["bn-scale"], HALF)
    pulled, _, one = follow(c, "mask-sparsity", look=_scales, strength=0.5)
    assert pulled.mask.same_as(chosen.mask)
    free, _, other = follow(c, "mask-sparsity", look=_scales, strength=0.0)
    start = dict(c.net.named_parameters())
    for name, gone in ((n, ~chosen.mask[n]) for n in one):
        moved = (other[name] - one[name]).numpy()  # a step of gradient descent apart
        np.testing.assert_allclose(moved, SPEC.lr * 0.5 * np.sign(start[name].detach().numpy()) * gone, atol=1e-6)
    assert any("are above 0.01" in w for w in free.warnings)


def _scales(hook: Any, t: Any) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in t.net.named_parameters() if n.endswith(("bn.weight", "bn1.weight"))}


def test_the_penalty_is_the_gradient_of_its_definition() -> None:
    values = [torch.tensor([0.9, 0.2, 0.1], dtype=torch.float64), torch.tensor([0.55, 0.7], dtype=torch.float64)]

    def penalty(parts: list[torch.Tensor]) -> float:
        flat = [float(v) for part in parts for v in part]
        mean = sum(flat) / len(flat)
        return sum(1.2 * abs(v) for v in flat) - sum(abs(v - mean) for v in flat)

    found = polarized(values, 1.2)
    for part, gradient in zip(values, found, strict=True):
        for i in range(len(part)):
            ends = []
            for step in (1e-6, -1e-6):
                part[i] += step
                ends.append(penalty(values))
                part[i] -= step
            assert float(gradient[i]) == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-6)


def test_gates_learn_from_the_second_pass_of_sharpness_aware_training_alone() -> None:
    c, found = build("cnn"), []
    for rho in (0.0, 1e-9):
        net = copy.deepcopy(c.net)
        hook = pruning.training_hook(pruning.RECIPES["consensus"], HALF, pruning.Ground(c.info))
        at = At(1, lambda t, hook=hook: {n: a.detach().clone() for n, a in hook.learned.items()})
        spec = dataclasses.replace(SPEC, sam_rho=rho)
        train(
            net, c.data, spec, seed=0, keeper=MaskKeeper(net, pruning.full_mask(c.info)), hooks=(hook, at), stop_step=1
        )
        found.append(at.seen)
    assert all(torch.allclose(found[0][n], found[1][n], atol=1e-6) for n in found[0])


def test_scales_part_and_stay_within_bounds() -> None:
    c = build("resnet8")
    _, _, with_it = follow(c, "polarization", look=_scales, strength=0.5, upper=0.8)
    assert all(((v >= 0) & (v <= 0.8)).all() for v in with_it.values())


@pytest.mark.parametrize("architecture", ["resnet8", "cnn"])
def test_a_closed_gate_is_a_removed_channel(architecture: str) -> None:
    c = build(architecture)
    units = c.space(pruning.RECIPES["consensus"])
    closed = {b.name: torch.arange(b.size) % 3 == 1 for b in units.blocks}
    removed = copy.deepcopy(c.net)
    pruning.apply(removed, units.mask(closed))

    def look(hook: Any, t: Any) -> Any:
        hook.learned = {n: (~gone).float() for n, gone in closed.items()}
        t.net.load_state_dict(c.net.state_dict())
        t.net.eval()
        found = c.logits(t.net)
        t.net.train()
        hook.learned = {n: v.requires_grad_(True) for n, v in hook.learned.items()}
        return found

    _, _, found = follow(c, "consensus", look=look)
    assert torch.allclose(found, c.logits(removed), atol=1e-5)


def test_gates_learn_straight_through() -> None:
    """The gradient of a gate is what the loss does when the channel is scaled."""
    c = build("cnn")
    net = copy.deepcopy(c.net).double()
    images, labels = c.data.preprocess(c.data.train.images[:4]).double(), torch.arange(4)
    hook = pruning.training_hook(pruning.RECIPES["consensus"], HALF, pruning.Ground(c.info))

    class State:
        def __init__(self) -> None:
            self.net, self.data, self.device, self.step, self.total_steps = c.net, c.data, "cpu", 0, 10

    state = State()
    hook.units(state)
    begun = hook.begin(state)
    hook.begin = lambda t: {n: v.double() for n, v in begun.items()}
    state.net = net
    hook.on_start(state)
    F.cross_entropy(net(images), labels).backward()
    found = float(hook.learned["conv2"].grad[3])
    for handle in hook.handles:
        handle.remove()
    ends = []
    for factor in (1 + 1e-6, 1 - 1e-6):
        scaled = copy.deepcopy(net)
        scaled.conv2.weight.data[3] *= factor
        scaled.conv2.bias.data[3] *= factor
        ends.append(F.cross_entropy(scaled(images), labels).item())
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("kind", ["macs", "parameters", "sparsity"])
def test_the_bound_counts_what_the_target_counts(kind: str) -> None:
    c = build("resnet8")
    units = c.space(pruning.RECIPES["lapp"])
    closed = {b.name: torch.arange(b.size) % 2 == 1 for b in units.blocks}
    costs = pruning.costs(c.info, units.mask(closed))
    expected = {
        "macs": costs.macs / c.info.macs,
        "parameters": costs.prunable_kept / sum(x.parameters for x in c.info.layers),
        "sparsity": 0.5,
    }[kind]

    def look(hook: Any, t: Any) -> float:
        hook.gate = lambda group: (~closed[group]).float()
        found = float(hook.kept_cost(t))
        del hook.gate
        return found

    target = HALF if kind == "sparsity" else Target(kind, 0.6)
    hook, _, found = follow(c, "lapp", target=target, look=look)
    assert found == pytest.approx(expected, rel=1e-6)
    assert hook.allowed(0.0) == 1.0
    assert hook.allowed(0.5) == pytest.approx(1 - target.removed)


def test_thresholds_rise_where_too_much_is_kept_and_differ_between_layers() -> None:
    c = build("cnn")
    hook, _, _ = follow(c, "lapp", target=Target("sparsity", 0.75), bound=100.0, threshold_lr=0.2, temperature=0.5)
    rose = [tau.item() for tau in hook.learned.values()]
    assert min(rose) > 0
    assert len(set(rose)) == len(rose)
    still, _, _ = follow(c, "lapp", target=Target("sparsity", 0.0), bound=100.0)
    assert still.achieved == 0.0


def test_scores_and_weights_take_turns_and_gates_follow_the_scores() -> None:
    """Two steps by the definition: the first moves weights, the second scores."""
    c, seen = build("cnn"), {}

    def look(hook: Any, t: Any) -> None:  # after the first step, which is the weights'
        seen["start"] = {n: s.detach().clone() for n, s in hook.learned.items()}
        seen["weights"] = {n: p.detach().clone() for n, p in t.net.named_parameters()}
        before = hook.learn

        def learn(t: Any) -> None:
            seen["gradient"] = {n: s.grad.clone() for n, s in hook.learned.items()}
            seen["open"], seen["coupled"] = dict(hook.open), dict(hook.coupled)
            before(t)
            seen["after"] = {n: s.detach().clone() for n, s in hook.learned.items()}
            seen["rested"] = {n: p.detach().clone() for n, p in t.net.named_parameters()}
            hook.learn = before

        hook.learn = learn

    follow(c, "bip-channel", look=look, coupling=0.5)
    assert all(torch.equal(seen["weights"][n], seen["rested"][n]) for n in seen["weights"])
    for name, s in seen["start"].items():
        norms = dict(c.net.named_parameters())[f"{name}.weight"].detach().flatten(1).abs().sum(1)
        np.testing.assert_allclose(s.numpy(), (norms / norms.mean()).numpy(), rtol=1e-5)
        assert (seen["coupled"][name][~seen["open"][name]] == 0).all()  # no gradient runs through a closed gate
        step = seen["gradient"][name] - 0.5 * seen["coupled"][name]
        np.testing.assert_allclose(seen["after"][name].numpy(), (s - 0.1 * step).numpy(), rtol=1e-5, atol=1e-7)
    closed = sum(int((~o).sum()) for o in seen["open"].values())
    assert closed == count_removed(0.5, channels(c))
    flat = torch.cat(list(seen["start"].values()))
    is_open = torch.cat(list(seen["open"].values()))
    assert flat[~is_open].max() <= flat[is_open].min()
