from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from references import pruning_slow

from pruneviz.core.errors import ModelError
from pruneviz.pruning.smallest import Ranked, smallest, smallest_per_row


def ranked(scores: dict[str, torch.Tensor]) -> dict[str, Ranked]:
    return {k: Ranked(v) for k, v in scores.items()}


def counted(marked: dict[str, torch.Tensor]) -> int:
    return sum(int(m.sum()) for m in marked.values())


floats = st.floats(width=32, allow_nan=False) | st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, 1e-45, -1e-45]
)


@given(st.lists(st.lists(floats, max_size=12), min_size=1, max_size=4), st.data())
def test_equals_a_stable_sort_for_any_floats(values: list[list[float]], data: st.DataObject) -> None:
    scores = {f"layer{i}": torch.tensor(v, dtype=torch.float32) for i, v in enumerate(values)}
    count = data.draw(st.integers(0, sum(map(len, values))))
    marked = smallest(ranked(scores), count)
    expected = pruning_slow.smallest(scores, count)
    for name, m in marked.items():
        np.testing.assert_array_equal(m.numpy(), expected[name])


@given(st.integers(0, 400), st.integers(1, 5))
def test_ties_are_broken_by_index_in_declared_order(count: int, levels: int) -> None:
    generator = torch.Generator().manual_seed(levels)
    scores = {n: torch.randint(0, levels, (4, 50), generator=generator).float() for n in ("b", "a")}
    marked = smallest(ranked(scores), count)
    expected = pruning_slow.smallest(scores, count)
    assert counted(marked) == count
    assert all(np.array_equal(m.numpy(), expected[n]) for n, m in marked.items())


def test_one_value_everywhere_removes_the_first() -> None:
    marked = smallest(ranked({"x": torch.ones(3), "y": torch.ones(3)}), 4)
    assert marked["x"].tolist() == [True, True, True]
    assert marked["y"].tolist() == [True, False, False]


def test_pieces_do_not_show() -> None:
    scores = torch.randn(1_200_000, generator=torch.Generator().manual_seed(0))
    scores[::7] = 0.25  # ties in every piece
    marked = smallest({"w": Ranked(scores.reshape(1000, 1200))}, 700_001)["w"].reshape(-1)
    order = torch.argsort(scores, stable=True)
    expected = torch.zeros(scores.numel(), dtype=torch.bool)
    expected[order[:700_001]] = True
    assert torch.equal(marked, expected)


def test_what_is_gone_ranks_first_even_before_minus_anything() -> None:
    values, gone = torch.tensor([-5.0, 3.0, -1.0, 2.0]), torch.tensor([False, True, False, False])
    marked = smallest({"w": Ranked(values, gone=gone)}, 2)["w"]
    assert marked.tolist() == [True, True, False, False]
    assert smallest({"w": Ranked(values, gone=gone)}, 1)["w"].tolist() == [False, True, False, False]


def test_function_applies_to_every_value() -> None:
    values = torch.tensor([[-3.0, 1.0], [2.0, -0.5]])
    assert smallest({"w": Ranked(values, torch.abs)}, 2)["w"].tolist() == [[False, True], [False, True]]
    assert torch.equal(Ranked(values, torch.abs).scores, values.abs())


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7F800001, -0x400000, -0x7FFFFF])
def test_every_nan_is_refused_naming_its_layer(bits: int) -> None:
    nan = torch.tensor([bits], dtype=torch.int32).view(torch.float32)
    assert torch.isnan(nan).all()
    scores = {"conv1.weight": torch.ones(3), "fc.weight": torch.cat([torch.zeros(2), nan])}
    for count in (0, 2, 6):
        with pytest.raises(ModelError, match=r"fc\.weight: 1 of its scores are NaN"):
            smallest(ranked(scores), count)


def test_impossible_counts_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="4 of 3"):
        smallest(ranked({"w": torch.ones(3)}), 4)
    with pytest.raises(TypeError, match="float32"):
        smallest(ranked({"w": torch.ones(3, dtype=torch.float64)}), 1)


@given(st.integers(1, 6), st.integers(1, 9), st.data())
def test_rows_each_lose_the_same_number(rows: int, columns: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(-2, 2), min_size=rows * columns, max_size=rows * columns))
    count = data.draw(st.integers(0, columns))
    scores = torch.tensor(values, dtype=torch.float32).reshape(rows, columns)
    marked = smallest_per_row(scores, count)
    for row, found in zip(scores, marked, strict=True):
        assert np.array_equal(found.numpy(), pruning_slow.smallest({"row": row}, count)["row"])


def test_rows_with_nan_are_refused() -> None:
    with pytest.raises(ModelError, match="fc: 1 of its scores"):
        smallest_per_row(torch.tensor([[1.0, torch.nan]]), 1, "fc")
