from __future__ import annotations

import math

import pytest
import torch
from pruning_cases import build
from references import methods_slow, pruning_slow

from pruneviz import pruning
from pruneviz.core.errors import SpecError
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.methods.densities import ErkPlus, RatioMap, UniformPlus
from pruneviz.pruning.parts import Allocation, Block
from pruneviz.pruning.smallest import Ranked

SHAPES = ((6, 1, 5, 5), (16, 6, 5, 5), (40, 256), (10, 40))
SIZES = [math.prod(s) for s in SHAPES]
PLACES = ("first", "", "", "last")


def counts(allocation: Allocation, remove: int, gone: int = 0) -> list[int]:
    blocks = tuple(Block(f"l{i}", s, s, 0, gone, p) for i, (s, p) in enumerate(zip(SHAPES, PLACES, strict=True)))
    ranked = {b.name: Ranked(torch.arange(b.size).float().reshape(b.shape)) for b in blocks}
    found = allocation(blocks, ranked, remove)
    return [int(found[b.name].sum()) for b in blocks]


@pytest.mark.parametrize("sparsity", [0.3, 0.8, 0.95])
def test_uniform_plus_spares_the_first_convolution_and_a_fifth_of_the_last_layer(sparsity: float) -> None:
    remove = round(sparsity * sum(SIZES))
    found = counts(UniformPlus(), remove)
    expected = methods_slow.uniform_plus_counts(SIZES, [SIZES[0], 0, 0, SIZES[3] // 5], remove)
    assert sum(found) == remove
    assert found[0] == 0
    assert SIZES[3] - found[3] >= SIZES[3] / 5
    assert all(abs(a - b) <= 1 for a, b in zip(found, expected, strict=True))


def test_uniform_plus_says_how_much_it_can_remove() -> None:
    blocks = (Block("a", (4, 1, 3, 3), (4, 1, 3, 3), place="first"), Block("b", (10, 7), (10, 7), place="last"))
    assert UniformPlus().most(blocks) == 70 - 14
    linear = (Block("a", (4, 9), (4, 9), place="first"), Block("b", (10, 4, 1, 1), (10, 4, 1, 1), place="last"))
    assert UniformPlus().most(linear) == 36 + 40  # neither is of the kind that is spared


@pytest.mark.parametrize(("density", "dense_layers"), [(0.5, 2), (0.2, 1), (0.05, 1)])
def test_erk_plus_keeps_the_last_linear_layer_and_the_number(density: float, dense_layers: int) -> None:
    keep = round(density * sum(SIZES))
    found = counts(ErkPlus(), sum(SIZES) - keep)
    assert sum(SIZES) - sum(found) == keep
    expected = pruning_slow.erk_densities(SHAPES, keep / sum(SIZES), dense=[3])
    assert expected.count(1.0) == dense_layers
    for lost, d, size in zip(found, expected, SIZES, strict=True):
        assert abs(size - lost - d * size) < 1


def test_a_ratio_map_is_scaled_until_the_target_is_met() -> None:
    ratios = (0.0, 0.2, 0.4, 0.1)
    found = counts(RatioMap(ratios), 3000)
    factor = 3000 / sum(r * n for r, n in zip(ratios, SIZES, strict=True))
    assert sum(found) == 3000
    assert all(abs(c - factor * r * n) < 1 for c, r, n in zip(found, ratios, SIZES, strict=True))
    assert counts(RatioMap(), 3000) == counts(RatioMap((0.7,) * 4), 3000)
    blocks = tuple(Block(f"l{i}", s, s) for i, s in enumerate(SHAPES))
    assert RatioMap(ratios).most(blocks) == sum(SIZES[1:])


def test_a_ratio_map_of_another_length_is_refused_before_anything_starts() -> None:
    lenet = build("lenet5")
    recipe = pruning.resolve(Choice("l1-filter", {"allocation": {"name": "ratio-map", "ratios": [0.1, 0.2]}}), "here")
    with pytest.raises(SpecError, match="4 numbers, for conv1, conv2, fc1, fc2"):
        pruning.check(lenet.net, lenet.info, recipe, (Target("sparsity", 0.5),), (), lenet.example)


def test_first_and_last_are_those_of_the_network() -> None:
    for name, first, last in (("resnet8", "conv.weight", "fc.weight"), ("vit", "patches.weight", "fc.weight")):
        c = build(name)
        uniform, erk = (
            [n for n, kept in c.select(pruning.RECIPES[r], Target("sparsity", 0.9)).mask.items() if kept.all()]
            for r in ("magnitude-uniform-plus", "random-erk-plus")
        )
        assert uniform == [first]
        assert last in erk
