from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from references import sparsity_slow as slow

from pruneviz.measures.sparsity import gini, pq_index, retained_bound

NORMS = [(0.5, 1.0), (1.0, 2.0), (0.1, 2.0), (1.0, 1.5)]
vectors = arrays(
    np.float64, st.integers(1, 12), elements=st.floats(0.01, 10).flatmap(lambda x: st.just(x) | st.just(-x))
)


@pytest.mark.parametrize(("p", "q"), NORMS)
def test_every_row_agrees_with_the_definition(p, q):
    rng = np.random.default_rng(0)
    w, kept = rng.normal(size=(20, 15)) ** 3, rng.random((20, 15)) < 0.6
    kept[3], kept[4] = False, np.arange(15) == 2
    index, spread = pq_index(w, kept, p=p, q=q), gini(w, kept)
    bound = retained_bound(index, kept.sum(axis=1), p=p, q=q, eta=0.1)
    for i in range(20):
        expected = slow.pq_index(w[i], kept[i], p, q)
        assert index[i] == pytest.approx(expected, abs=1e-12)
        assert spread[i] == pytest.approx(slow.gini(w[i], kept[i]), abs=1e-12)
        assert bound[i] == slow.bound(index[i], int(kept[i].sum()), p, q, 0.1)
    assert (index[3], spread[3], bound[3]) == (0, 0, 0)  # nothing kept
    assert (index[4], spread[4], bound[4]) == (0, 0, 1)  # one weight is as even as can be


@given(vectors, st.sampled_from(NORMS), st.floats(1e-200, 1e200))
def test_a_scale_or_a_sign_or_an_order_changes_nothing(w, norms, scale):
    p, q = norms
    index = float(pq_index(w, p=p, q=q))
    assert 0 <= index < 1
    for other in (scale * w, -w, w[::-1]):
        assert float(pq_index(other, p=p, q=q)) == pytest.approx(index, abs=1e-9)
        assert float(gini(other)) == pytest.approx(float(gini(w)), abs=1e-9)


@given(st.integers(1, 200), st.sampled_from(NORMS), st.floats(1e-6, 1e6))
def test_equal_weights_are_0_and_a_single_one_is_the_most(d, norms, c):
    p, q = norms
    assert float(pq_index(np.full(d, c), p=p, q=q)) == pytest.approx(0, abs=1e-12)
    assert float(gini(np.full(d, -c))) == pytest.approx(0, abs=1e-12)
    one = np.zeros(d)
    one[d // 2] = c
    assert float(pq_index(one, p=p, q=q)) == pytest.approx(1 - d ** (1 / q - 1 / p), abs=1e-12)
    assert float(gini(one)) == pytest.approx(1 - 1 / d, abs=1e-12)
    assert float(retained_bound(pq_index(np.full(d, c), p=p, q=q), d, p=p, q=q)) == d
    if p >= 0.5:  # for smaller p, 1 − I is so small that its digits are lost in I
        assert float(retained_bound(pq_index(one, p=p, q=q), d, p=p, q=q)) == 1


@given(vectors, st.sampled_from(NORMS))
def test_copies_change_nothing_and_moving_weight_from_large_to_small_makes_less_sparse(w, norms):
    p, q = norms
    assert float(pq_index(np.tile(w, 3), p=p, q=q)) == pytest.approx(float(pq_index(w, p=p, q=q)), abs=1e-9)
    size = np.abs(w)
    largest, least = int(size.argmax()), int(size.argmin())
    give = (size[largest] - size[least]) / 3
    moved = size.copy()
    moved[largest] -= give
    moved[least] += give
    assert float(pq_index(moved, p=p, q=q)) <= float(pq_index(w, p=p, q=q)) + 1e-9  # Robin Hood


@given(vectors, st.sampled_from(NORMS))
def test_no_pruning_goes_below_its_bound(w, norms):
    """For each m: with η as large as keeping the m largest makes it, the bound is at most m."""
    p, q = norms
    index, d = float(pq_index(w, p=p, q=q)), len(w)
    for m in range(1, d + 1):
        assert float(retained_bound(index, d, p=p, q=q, eta=slow.eta_of(w, m, p))) <= m


def test_masked_weights_say_nothing():
    w = np.array([1.0, 5.0, 2.0, 100.0])
    kept = np.array([True, True, True, False])
    assert float(pq_index(w, kept)) == float(pq_index(w[:3]))
    assert float(gini(w, kept)) == float(gini(w[:3]))
    assert float(pq_index(w * kept, kept)) == float(pq_index(w[:3]))


def test_removing_small_weights_lowers_the_index_and_removing_random_ones_does_not():
    rng = np.random.default_rng(0)
    w = rng.normal(size=20_000)
    order, random = np.argsort(np.abs(w)), rng.permutation(len(w))
    assert float(pq_index(w[order[10_000:]])) < 0.5 * float(pq_index(w))
    assert float(pq_index(w[random[10_000:]])) == pytest.approx(float(pq_index(w)), abs=0.01)


def test_what_has_no_index():
    assert math.isnan(float(pq_index(np.zeros(3))))
    assert math.isnan(float(gini(np.zeros(3))))
    assert math.isnan(float(retained_bound(np.nan, 3)))
    with pytest.raises(ValueError, match="0 < p < q"):
        pq_index(np.ones(3), p=1, q=1)
    with pytest.raises(ValueError, match="0 < p < q"):
        retained_bound(0.5, 3, p=2, q=1)
    with pytest.raises(ValueError, match="finite"):
        pq_index(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="same shape"):
        gini(np.ones(3), np.ones(2, bool))
    with pytest.raises(ValueError, match="eta"):
        retained_bound(0.5, 3, eta=-1)
