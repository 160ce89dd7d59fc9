"""Methods that prune in levels: how much each level removes, and which weights."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from pruning_cases import Case, build, case
from references import systems_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.errors import SpecError
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.methods.reactivation import Reactivating
from pruneviz.pruning.recipes import control_of, resolve

LEVEL = Target("level", 1.0)


def small(seed: int = 0) -> Case:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 9), nn.ReLU(), nn.Linear(9, 10)]
    return case(nn.Sequential(*layers), 8)


def weights(c: Case) -> dict[str, np.ndarray]:
    return {x.parameter: dict(c.net.named_parameters())[x.parameter].detach().numpy() for x in c.info.layers}


@pytest.mark.parametrize("scope", ["neuron", "layer", "global"])
@pytest.mark.parametrize(("p", "q", "gamma", "beta"), [(0.5, 1.0, 1.0, 0.9), (1.0, 2.0, 2.5, 0.3)])
def test_sap_removes_what_the_pq_index_allows(scope: str, p: float, q: float, gamma: float, beta: float) -> None:
    c = small()
    options = {"p": p, "q": q, "gamma": gamma, "beta": beta}
    recipe = resolve(Choice(f"sap-{scope}", options), "here")
    kept = {n: np.ones(w.shape, dtype=bool) for n, w in weights(c).items()}
    mask = None
    for level in range(3):
        s = c.select(recipe, Target("level", float(level)), mask=mask)
        kept = systems_slow.sap_level(weights(c), kept, scope, p, q, gamma, beta)
        assert all(np.array_equal(s.mask[n], kept[n]) for n in kept)
        mask = s.mask
    assert mask is not None
    assert mask.removed_count > 0


def test_sap_spares_a_scope_of_equal_weights_and_one_of_zeros() -> None:
    c = small()
    with torch.no_grad():
        c.net[0].weight.fill_(0.5)
        c.net[3].weight.zero_()
    s = c.select(pruning.RECIPES["sap-layer"], LEVEL)
    assert s.mask["0.weight"].all()
    assert s.mask["3.weight"].all()
    assert not s.mask["5.weight"].all()


def test_lottery_of_layers_takes_a_fifth_of_each_and_a_tenth_of_the_output_layer() -> None:
    c = small()
    mask, left = None, {x.parameter: x.parameters for x in c.info.layers}
    for _ in range(4):
        mask = c.select(pruning.RECIPES["lottery-ticket-layers"], LEVEL, mask=mask).mask
        left = {n: k - count_removed(0.1 if n == "5.weight" else 0.2, k) for n, k in left.items()}
        assert {n: int(mask[n].sum()) for n in left} == left
    flat = np.abs(weights(c)["3.weight"])
    assert flat[~mask["3.weight"]].max() < flat[mask["3.weight"]].min()


@pytest.mark.parametrize("name", ["sap-neuron", "sap-global", "lottery-ticket-layers"])
def test_the_control_takes_over_the_numbers_of_each_layer(name: str) -> None:
    c, recipe = small(), pruning.RECIPES[name]
    control = control_of(recipe)
    assert control_of(control) == control
    first = c.select(recipe, LEVEL)
    other = copy.deepcopy(c.net)
    for p in other.parameters():
        p.data.mul_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)).exp())
    drawn = pruning.select(other, c.info, control, LEVEL, like=first.mask, example=c.example)
    assert drawn.achieved == first.achieved
    assert all(drawn.mask[n].sum() == first.mask[n].sum() for n in first.mask)
    assert not drawn.mask.same_as(first.mask)


def test_ap_spends_a_tenth_on_negative_weights_that_did_not_move() -> None:
    c, recipe = small(), pruning.RECIPES["ap"]
    names = list(weights(c))
    order = np.concatenate([weights(c)[n].reshape(-1) for n in names])
    c.select(recipe, recipe.schedule.levels(LEVEL)[0])  # has the earlier weights made
    (need,) = recipe.needs - {"activations"}
    start = np.concatenate([c.statistics[need][n].numpy().reshape(-1) for n in names])
    alive, mask, total = np.ones(len(order), dtype=bool), None, len(order)
    for level in recipe.schedule.levels(LEVEL)[:4]:
        s = c.select(recipe, level, mask=mask)
        mask = s.mask
        found = np.concatenate([mask[n].reshape(-1) for n in names])
        expected = systems_slow.ap_level(order, start, alive, 0.18, 0.02)
        assert s.achieved == count_removed(level.value, total) / total
        assert (found != expected).sum() <= 4  # numbers of each part are rounded from the whole network's
        alive = found
    plain = c.select(resolve(Choice("lottery-ticket", {"rounds": 4}), "here"), level)
    assert not plain.mask.same_as(mask)


def test_ap_tells_how_many_neurons_are_dead_although_they_have_weights() -> None:
    c = build("lenet5")
    with torch.no_grad():
        for row in range(7):
            c.net.fc1.bias[row] = -1e3  # never fires
            c.net.fc1.weight[row] *= row > 1  # two of them have no weight left
    s = c.select(pruning.RECIPES["ap"], pruning.RECIPES["ap"].schedule.levels(LEVEL)[0])
    seen: dict[str, torch.Tensor] = {}

    def hook_for(name: str) -> Any:
        return lambda module, args, out: seen.__setitem__(name, torch.relu(out))

    for name in ("conv1", "conv2", "fc1", "fc2"):
        c.net.get_submodule(name).register_forward_hook(hook_for(name))
    chosen = balanced_choice(c.data.train.labels, 10, 0)
    with torch.no_grad():
        c.net(c.data.preprocess(c.data.train.images[chosen]))
    dead = sum(int((out.movedim(1, 0).flatten(1) == 0).all(1).sum()) for out in seen.values()) - 2
    assert dead >= 5
    told = f"dynamic dead-neuron rate before the pruning to 0.2: {dead / 224:.1%} ({dead} of 224)"
    assert told in s.warnings  # of 6 + 16 + 120 + 84 − 2


def test_ap_is_prunings_of_both_kinds() -> None:
    schedule = Reactivating()
    level = schedule.levels(LEVEL)[1]
    (host, first), (least, last) = schedule.phases(pruning.RECIPES["ap"].score, level)
    assert (host.name, least.name, last) == ("magnitude", "least-moved", level)
    assert first.value == pytest.approx(1 - 0.8 * 0.82)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sap-layer", {"allocation": "uniform"}, "allocation: got 'uniform'; allowed: with the schedule 'levels'"),
        ("magnitude", {"allocation": "sparsity-indexed"}, "schedule: got 'one-shot'; allowed: with the allocation"),
        ("sap-layer", {"p": 1.0}, "p smaller than q"),
        ("magnitude", {"at": -1}, "a step of the dense training"),
        ("large-sparse", {"recovery": "none"}, "recovery: got 'none'; allowed: one that trains: finetune"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        resolve(Choice(name, options), "here")


def test_kept_weights_grow_by_their_density() -> None:
    c, recipe = build("lenet5"), pruning.RECIPES["sparse-erk"]
    s = c.select(recipe, Target("sparsity", 0.9))
    for name, w in weights(c).items():
        new, kept = s.weights[name].numpy(), s.mask[name]
        for row in range(len(w)):
            density = kept[row].mean()
            if density:
                np.testing.assert_allclose(new[row][kept[row]], w[row][kept[row]] / density**0.5, rtol=1e-5)
    layer = c.select(resolve(Choice("sparse-erk", {"count": "layer"}), "here"), Target("sparsity", 0.9))
    name = "fc1.weight"
    scale = layer.weights[name].numpy()[layer.mask[name]] / weights(c)[name][layer.mask[name]]
    np.testing.assert_allclose(scale, layer.mask[name].mean() ** -0.5, rtol=1e-5)


def test_a_network_without_a_block_is_the_network_with_its_shortcut_alone() -> None:
    c = build("resnet8")
    space = c.space(pruning.RECIPES["layer-lottery"])
    assert [b.name for b in space.branches] == ["block1", "block2", "block3"]
    mask = space.mask({"blocks": torch.tensor([True, False, False])})
    net = copy.deepcopy(c.net)
    pruning.apply(net, mask)
    without = copy.deepcopy(c.net)
    without.block1 = nn.Identity()
    assert torch.allclose(c.logits(net), c.logits(without), atol=1e-6)
    assert space.gone(mask)["blocks"].tolist() == [True, False, False]
    assert "block2.shortcut.0.weight" not in {n for b in space.branches for n in b.tensors}


def test_blocks_are_ranked_by_the_sum_over_their_weights() -> None:
    c, recipe = build("resnet8"), pruning.RECIPES["layer-lottery"]
    c.select(recipe, Target("sparsity", 0.5))
    (need,) = recipe.needs
    product = c.statistics[need]
    sums = [
        sum(
            float((w * product[f"product|{n}"].numpy()).sum())
            for n, w in weights(c).items()
            if n.startswith(f"{b}.conv")
        )
        for b in ("block1", "block2", "block3")
    ]
    s = c.select(recipe, Target("sparsity", 1 / 3))
    gone = c.space(recipe).gone(s.mask)["blocks"].tolist()
    assert gone.index(True) == int(np.argmin(sums))


def test_blocks_of_a_transformer_and_exclusion() -> None:
    c = build("vit")
    recipe = pruning.RECIPES["random-block"]
    assert len(c.space(recipe).branches) == 4
    spared = recipe.space(c.net, c.info, ("blocks.0.*",), c.example)
    assert len(spared.branches) == 2
