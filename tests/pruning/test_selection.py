from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from pruning_cases import Case, build
from references import pruning_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.errors import ModelError, SpecError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target, count_removed, parse_target
from pruneviz.core.spec import Choice
from pruneviz.models.inspect import examine
from pruneviz.pruning.recipes import Recipe


@pytest.fixture(scope="module")
def lenet() -> Case:
    return build("lenet5")


def recipe(name: str, **options: object) -> Recipe:
    return pruning.resolve(Choice(name, options), "here")


def select(c: Case, r: Recipe, target: object, **kw: object) -> pruning.Selected:
    return pruning.select(c.net, c.info, r, parse_target(target, "here"), example=c.example, **kw)  # type: ignore[arg-type]


def prunable(c: Case) -> int:
    return sum(x.parameters for x in c.info.layers)


def test_magnitude_removes_the_smallest_of_the_whole_network(lenet: Case) -> None:
    mask = select(lenet, recipe("magnitude"), 0.9).mask
    weights = {x.parameter: dict(lenet.net.named_parameters())[x.parameter].detach().abs() for x in lenet.info.layers}
    expected = pruning_slow.smallest(weights, count_removed(0.9, prunable(lenet)))
    assert list(mask) == list(weights)
    assert all(np.array_equal(mask[n], ~expected[n]) for n in mask)


def test_excluded_layers_are_not_counted_as_units(lenet: Case) -> None:
    s = select(lenet, recipe("magnitude"), 0.5, exclude=("conv?", "fc3.weight"))
    assert s.mask["conv1.weight"].all()
    assert s.mask["fc3.weight"].all()
    units = 400 * 120 + 120 * 84
    assert s.mask.removed_count == count_removed(0.5, units)
    assert s.achieved == s.mask.removed_count / units
    with pytest.raises(Unsupported, match="Nothing is left to prune"):
        select(lenet, recipe("magnitude"), 0.5, exclude=("*",))


def test_a_pattern_that_matches_nothing_is_said(lenet: Case) -> None:
    s = select(lenet, recipe("magnitude"), 0.5, exclude=("layer4.*",))
    assert s.warnings == (
        "exclude pattern 'layer4.*' matches no layer of this model; its layers: conv1, conv2, fc1, fc2, fc3",
    )


@pytest.mark.parametrize("target", ["20x", {"parameters": 0.3}, {"macs": 0.5}, {"macs": 0.1}])
@pytest.mark.parametrize("name", ["magnitude", "erk", "global-mp"])
def test_weights_reach_cost_targets_with_the_fewest_removed(lenet: Case, name: str, target: object) -> None:
    t = parse_target(target, "here")
    s = select(lenet, recipe(name), target)
    cost = pruning.costs(lenet.info, s.mask)
    if t.kind == "parameters":
        assert cost.prunable_kept == prunable(lenet) - count_removed(1 - t.value, prunable(lenet))
    else:
        limit = lenet.info.macs - count_removed(1 - t.value, lenet.info.macs)
        assert cost.macs <= limit
        assert cost.macs > limit - max(x.positions for x in lenet.info.layers)


def test_channels_reach_cost_targets_with_the_fewest_removed(lenet: Case) -> None:
    r = recipe("l1-filter", allocation="global")
    for target, kept, whole in (("3x", "prunable_kept", prunable(lenet)), ({"macs": 0.4}, "macs", lenet.info.macs)):
        s = select(lenet, r, target)
        limit = whole - count_removed(1 - parse_target(target, "here").value, whole)
        assert getattr(pruning.costs(lenet.info, s.mask), kept) <= limit
        count = sum(int((~u).sum()) for u in s.mask.units.values())
        one_less = select(lenet, r, (count - 1) / 226).mask
        assert sum(int((~u).sum()) for u in one_less.units.values()) == count - 1
        assert getattr(pruning.costs(lenet.info, one_less), kept) > limit


@pytest.mark.parametrize(
    ("name", "target", "reachable"),
    [
        ("l1-filter", "1000x", r"at most \d+\.?\d*x"),
        ("l1-filter", {"macs": 0.001}, r"macs of at least 0\.0\d+"),
        ("random-channel", 0.999, "which is 222 of 226 units"),
        ("global-mp", 0.9999, "at most 0.99"),
        ("nm-magnitude", 0.9, "0.5, the only sparsity of this pattern"),
        ("nm-magnitude", "2x", "0.5, the only sparsity of this pattern"),
    ],
)
def test_what_cannot_be_reached_is_refused_before_anything_starts(
    lenet: Case, name: str, target: object, reachable: str
) -> None:
    with pytest.raises(SpecError, match=reachable):
        select(lenet, recipe(name), target)
    if not name.startswith("nm"):
        with pytest.raises(SpecError, match=reachable):
            pruning.check(lenet.net, lenet.info, recipe(name), (parse_target(target, "here"),), (), lenet.example)


def test_an_unreachable_cost_names_one_that_can_be_reached(lenet: Case) -> None:
    with pytest.raises(SpecError) as caught:
        select(lenet, recipe("l1-filter"), "1000x")
    best = caught.value.allowed.removeprefix("at most ")
    select(lenet, recipe("l1-filter"), f"{float(best[:-1]) - 0.01:.4f}x")


def test_2_4_keeps_the_two_larger_of_every_four_inputs() -> None:
    net = nn.Sequential(nn.Conv2d(8, 3, 3), nn.Flatten(), nn.Linear(3 * 36, 10))
    with torch.no_grad():
        net[0].weight.copy_(torch.randint(-2, 3, net[0].weight.shape, generator=torch.Generator().manual_seed(0)))
    example = torch.randn(1, 8, 8, 8)
    c = Case(net, examine(net, example, 10), None, example)  # type: ignore[arg-type]
    for n, m in ((2, 4), (1, 4), (1, 2)):
        s = select(c, recipe("nm-magnitude", n=n, m=m), 1 - n / m)
        for name in ("0.weight", "2.weight"):
            w = dict(net.named_parameters())[name].detach().numpy()
            assert np.array_equal(s.mask[name], pruning_slow.nm_kept(w, n, m))
        assert s.achieved == 1 - n / m


def test_layers_that_cannot_take_the_pattern_stay_dense_and_are_named(lenet: Case) -> None:
    s = select(lenet, recipe("nm-magnitude"), 0.5)
    assert s.mask["conv1.weight"].all()
    assert s.mask["conv2.weight"].all()
    assert s.achieved == 0.5
    assert s.warnings == ("left dense, layers whose inputs are no multiple of 4: conv1 (1), conv2 (6)",)
    with pytest.raises(Unsupported, match=r"No layer can take a 1:64 pattern: layers whose inputs"):
        select(lenet, recipe("nm-magnitude", n=1, m=64), 1 - 1 / 64, exclude=("fc1",))


def test_emptied_layers_are_named() -> None:
    c = build("resnet8")
    assert any("no weight is left in" in w for w in select(c, recipe("magnitude"), 0.9995).warnings)
    s = select(c, recipe("global-mp"), 0.99)
    assert s.warnings == ()
    assert pruning.dead_layers(c.info, s.mask) == ()


@pytest.mark.parametrize("name", ["random", "magnitude", "erk", "global-mp", "gradual-magnitude", "l2-filter"])
def test_what_was_removed_stays_removed_and_is_counted(lenet: Case, name: str) -> None:
    r, mask = recipe(name), None
    net = copy.deepcopy(lenet.net)
    for seed, sparsity in enumerate((0.3, 0.6, 0.85)):
        s = pruning.select(
            net, lenet.info, r, Target("sparsity", sparsity), mask=mask, seed=seed, example=lenet.example
        )
        total = 226 if r.unit == "channel" else prunable(lenet)
        assert s.achieved == count_removed(sparsity, total) / total
        if mask is not None:
            assert all((s.mask[n] <= mask[n]).all() for n in mask)
        mask = s.mask
        for p in net.parameters():  # as if retrained: what is zero no longer looks small
            p.data.normal_(generator=torch.Generator().manual_seed(seed))


def test_a_target_below_what_is_gone_removes_no_more(lenet: Case) -> None:
    first = select(lenet, recipe("magnitude"), 0.8).mask
    again = select(lenet, recipe("magnitude"), 0.5, mask=first)
    assert again.mask.same_as(first)
    assert again.achieved == pytest.approx(0.8, abs=1e-4)


def test_masks_of_weights_and_channels_add_up(lenet: Case) -> None:
    weights = select(lenet, recipe("magnitude"), 0.5).mask
    both = select(lenet, recipe("l1-filter"), 0.5, mask=weights).mask
    assert all((both[n] <= weights[n]).all() for n in weights)
    assert both.removed_count > weights.removed_count
    assert set(both.units) == {"conv1", "conv2", "fc1", "fc2"}


def test_nan_weights_are_refused_naming_the_layer(lenet: Case) -> None:
    net = copy.deepcopy(lenet.net)
    net.conv2.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"conv2\.weight: 1 of its scores are NaN"):
        pruning.select(net, lenet.info, recipe("magnitude"), Target("sparsity", 0.5), example=lenet.example)


def test_applying_zeroes_what_is_removed_and_nothing_else(lenet: Case) -> None:
    net = copy.deepcopy(lenet.net)
    net.fc1.weight.data[0, 0] = torch.inf
    kept = np.ones((120, 400), dtype=np.bool_)
    kept[0, 0] = False
    before = {n: p.clone() for n, p in net.state_dict().items()}
    pruning.apply(net, Mask.of({"fc1.weight": kept}))
    assert net.fc1.weight[0, 0] == 0
    before["fc1.weight"][0, 0] = 0
    assert all(torch.equal(p, before[n]) for n, p in net.state_dict().items())


def test_costs_count_what_is_kept(lenet: Case) -> None:
    full = pruning.costs(lenet.info, pruning.full_mask(lenet.info))
    assert full == pruning.Costs(lenet.info.parameters, prunable(lenet), lenet.info.macs)
    kept = np.ones((6, 1, 5, 5), dtype=np.bool_)
    kept[0] = False
    cost = pruning.costs(lenet.info, Mask.of({"conv1.weight": kept}))
    assert cost.nonzero == lenet.info.parameters - 25
    assert cost.macs == lenet.info.macs - 25 * 28 * 28
