from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from references import pruning_slow

from pruneviz.pruning.allocations import Erk, Global, GlobalFloor, Uniform
from pruneviz.pruning.apportion import apportion
from pruneviz.pruning.parts import Block
from pruneviz.pruning.smallest import Ranked

SHAPES = ((6, 1, 5, 5), (16, 6, 5, 5), (40, 256), (10, 40))


def blocks_of(shapes: tuple[tuple[int, ...], ...], least: int = 0) -> tuple[Block, ...]:
    return tuple(Block(f"l{i}", s, s, least) for i, s in enumerate(shapes))


def scores_of(blocks: tuple[Block, ...], seed: int = 0) -> dict[str, Ranked]:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.linspace(0.2, 3, len(blocks))
    return {b.name: Ranked(torch.rand(b.shape, generator=generator) * s) for b, s in zip(blocks, scales, strict=True)}


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=6), st.data())
def test_apportioned_numbers_are_exact_bounded_and_never_fall(
    layers: list[tuple[float, int, int]], data: st.DataObject
) -> None:
    rates, low, extra = (list(x) for x in zip(*layers, strict=True))
    high = [lo + e for lo, e in zip(low, extra, strict=True)]
    total = data.draw(st.integers(sum(low), sum(high)))
    found = apportion(rates, total, low, high)
    assert sum(found) == total
    assert all(lo <= n <= h for lo, n, h in zip(low, found, high, strict=True))
    if total < sum(high):
        more = apportion(rates, total + 1, low, high)
        assert all(a <= b for a, b in zip(found, more, strict=True))


def test_apportioning_is_proportional_to_within_one() -> None:
    sizes = [150, 2400, 10240, 400]
    for total in (1, 13, 1319, 6595, 13189):
        found = apportion(sizes, total, [0] * 4, sizes)
        ideal = [total * s / sum(sizes) for s in sizes]
        assert all(abs(n - i) < 1 for n, i in zip(found, ideal, strict=True))


def test_apportioning_refuses_what_the_bounds_do_not_allow() -> None:
    with pytest.raises(ValueError, match="outside 1 … 4"):
        apportion([1.0, 1.0], 5, [1, 0], [2, 2])


def test_layers_of_rate_zero_take_what_no_other_can() -> None:
    assert apportion([1.0, 0.0], 3, [0, 0], [3, 5]) == [3, 0]
    assert apportion([1.0, 0.0], 5, [0, 0], [3, 5]) == [3, 2]


def test_uniform_takes_the_same_fraction_everywhere() -> None:
    blocks = blocks_of(SHAPES)
    removed = Uniform()(blocks, scores_of(blocks), 11_871)
    assert sum(int(r.sum()) for r in removed.values()) == 11_871
    for b in blocks:
        assert abs(int(removed[b.name].sum()) - 11_871 * b.size / sum(x.size for x in blocks)) < 1


def test_global_keeps_the_best_of_every_group_that_must_stay() -> None:
    blocks = (Block("a", (4,), (4, 1, 3, 3), least=1), Block("b", (3,), (3, 4, 3, 3), least=1))
    ranked = {"a": Ranked(torch.tensor([0.1, 0.3, 0.3, 0.2])), "b": Ranked(torch.tensor([5.0, 6.0, 7.0]))}
    removed = Global()(blocks, ranked, 5)
    assert removed["a"].tolist() == [True, True, False, True]  # of equals the later stays
    assert removed["b"].tolist() == [True, True, False]
    assert Global()(blocks, ranked, 3)["b"].sum() == 0


@pytest.mark.parametrize(("density", "dense_layers"), [(0.9, 2), (0.5, 2), (0.2, 0), (0.02, 0)])
def test_erk_follows_its_formula_solved_again_where_layers_are_dense(density: float, dense_layers: int) -> None:
    blocks = blocks_of(SHAPES)
    total = sum(b.size for b in blocks)
    keep = round(total * density)
    removed = Erk()(blocks, scores_of(blocks), total - keep)
    kept = [b.size - int(removed[b.name].sum()) for b in blocks]
    assert sum(kept) == keep
    expected = pruning_slow.erk_densities(SHAPES, keep / total)
    assert expected.count(1.0) == dense_layers  # so both branches are covered
    for n, d, shape in zip(kept, expected, SHAPES, strict=True):
        assert abs(n - d * math.prod(shape)) < 1


@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.97])
def test_floor_rescales_as_the_paper_does(sparsity: float) -> None:
    blocks = blocks_of(((3, 3), *SHAPES))  # the first is smaller than the floor
    ranked = scores_of(blocks, seed=3)
    fraction = 0.005
    total = sum(b.size for b in blocks)
    remove = round(sparsity * total)
    removed = GlobalFloor(fraction)(blocks, ranked, remove)
    counts = [int(removed[b.name].sum()) for b in blocks]
    expected = pruning_slow.floor_sparsities([ranked[b.name].values.numpy() for b in blocks], remove / total, fraction)
    floor = int(fraction * total)
    assert sum(counts) == remove
    assert counts[0] == 0
    assert all(b.size - c >= floor for b, c in zip(blocks[1:], counts[1:], strict=True))
    for b, c, s in zip(blocks, counts, expected, strict=True):
        assert abs(c - s * b.size) < 1.5
        within = pruning_slow.smallest({"w": ranked[b.name].values}, c)["w"]
        np.testing.assert_array_equal(removed[b.name].numpy(), within)


def test_floor_that_binds_nowhere_is_global() -> None:
    blocks = blocks_of(SHAPES[1:])
    ranked = scores_of(blocks)
    a, b = GlobalFloor()(blocks, ranked, 3000), Global()(blocks, ranked, 3000)
    assert all(torch.equal(a[n], b[n]) for n in a)


def test_floor_says_how_much_it_can_remove() -> None:
    blocks = blocks_of(((10, 10), (2, 1)))
    assert GlobalFloor(0.05).most(blocks) == 95  # the layer of 2 is below the floor of 5 and stays
