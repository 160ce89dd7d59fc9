from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import measures_slow as slow

from pruneviz.measures.smallest import smallest_within

accuracies = st.one_of(st.integers(0, 20).map(lambda k: k / 20), st.just(float("nan")))
costs = st.one_of(st.integers(1, 5).map(float), st.just(float("nan")))


@given(st.lists(st.tuples(accuracies, costs), max_size=12), st.integers(0, 20), st.sampled_from([0.0, 0.05, 0.1]))
def test_agrees_with_looking_at_each(models, dense, delta):
    accuracy, cost = [a for a, _ in models], [c for _, c in models]
    got = smallest_within(accuracy, cost, dense / 20, delta)
    assert got.index == slow.smallest_within(accuracy, cost, dense / 20, delta)
    assert (got.index is None) == bool(got.reason)
    if got.index is not None:
        assert got.enough[got.index]


def test_a_loss_of_exactly_delta_is_within_it():
    assert smallest_within([0.90, 0.89], [2.0, 1.0], 0.91, 0.01).index == 0


def test_each_model_against_its_own_dense_model():
    assert smallest_within([0.90, 0.90], [1.0, 2.0], [0.95, 0.905], 0.01).index == 1


def test_the_test_split_has_no_say():
    assert not any("test" in p for p in inspect.signature(smallest_within).parameters)
    none = smallest_within([np.nan, np.nan], [1.0, 2.0], 0.9, 0.01)
    assert (none.index, none.reason) == (
        None,
        "no model has a validation accuracy, and the test split must not choose",
    )


def test_nothing_good_enough_says_so():
    got = smallest_within([0.5], [1.0], 0.9, 0.01)
    assert (got.index, got.reason) == (None, "no model is within 1 points of its dense model on validation")
    with pytest.raises(ValueError, match="delta"):
        smallest_within([0.5], [1.0], 0.9, float("nan"))
