from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import cka_slow as slow

from pruneviz.measures.cka import cka_matrix, cosines, direction, linear_cka

BOTH = pytest.mark.parametrize("unbiased", [True, False])


def pair(seed, n=9, widths=(3, 5)):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, widths[0])) + 2
    return x, x @ rng.normal(size=widths) + rng.normal(size=(n, widths[1]))


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_the_definition(unbiased, seed):
    x, y = pair(seed)
    expected = slow.linear_cka(x.tolist(), y.tolist(), unbiased)
    assert linear_cka(x, y, unbiased=unbiased) == pytest.approx(expected, abs=1e-10)


@BOTH
@settings(deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-100, 1e100), shift=st.floats(-100, 100))
def test_a_rotation_a_scale_or_a_shift_changes_nothing(unbiased, seed, scale, shift):
    x, y = pair(seed)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(3, 3)))
    once = linear_cka(x, y, unbiased=unbiased)
    assert linear_cka(scale * (x @ rotation), y, unbiased=unbiased) == pytest.approx(once, abs=1e-9)
    assert linear_cka(x + shift, y, unbiased=unbiased) == pytest.approx(once, abs=1e-9)
    assert linear_cka(y, x, unbiased=unbiased) == pytest.approx(once, abs=1e-12)


@BOTH
def test_with_itself_it_is_one_and_it_stays_within_its_bounds(unbiased):
    x, _ = pair(0)
    assert linear_cka(x, -3 * x, unbiased=unbiased) == pytest.approx(1.0, abs=1e-12)
    for seed in range(50):
        value = linear_cka(*pair(seed, n=5, widths=(30, 2)), unbiased=unbiased)
        assert (-1 if unbiased else 0) <= value <= 1
    # Any invertible map that is no rotation is seen: CKA is no CCA.
    assert linear_cka(x, x * [1, 10, 100], unbiased=unbiased) < 0.99


def test_wide_independent_features_look_alike_to_the_biased_estimate_only():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 1600)), rng.normal(size=(200, 1600))
    assert linear_cka(x, y, unbiased=False) == pytest.approx(0.89, abs=0.005)
    assert linear_cka(x, y, unbiased=True) == pytest.approx(0.0, abs=0.01)


def test_the_unbiased_estimate_does_not_depend_on_the_number_of_images():
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(6, 6))
    means = {}
    for n in (8, 200):
        draws = [(rng.normal(size=(n, 6)), rng.normal(size=(n, 6))) for _ in range(300 if n == 8 else 30)]
        # The numerator alone is without bias; CKA as a ratio nearly so.
        means[n] = np.mean([linear_cka(a, a @ mix + 2 * b, unbiased=True) for a, b in draws])
    assert means[8] == pytest.approx(means[200], abs=0.08)


@BOTH
def test_a_matrix_holds_every_pair(unbiased):
    (a, b), (c, d) = pair(0), pair(1)
    found = cka_matrix([a, b], [c, d, a], unbiased=unbiased)
    assert found.shape == (2, 3)
    assert found[1, 0] == pytest.approx(linear_cka(b, c, unbiased=unbiased))
    assert found[0, 2] == pytest.approx(1.0)
    kept = cosines([direction(a, unbiased=unbiased)], [direction(d, unbiased=unbiased)])
    assert kept[0, 0] == found[0, 1]


@BOTH
def test_features_that_do_not_vary_are_like_nothing(unbiased):
    x, _ = pair(0)
    assert np.isnan(linear_cka(np.full((9, 4), 0.1), x, unbiased=unbiased))
    assert np.isnan(linear_cka(x, np.zeros((9, 2)), unbiased=unbiased))


def test_what_cannot_be_compared_is_refused():
    x, _ = pair(0)
    with pytest.raises(ValueError, match=r"\[8, 9\] images"):
        linear_cka(x, x[:8], unbiased=True)
    with pytest.raises(ValueError, match="at least 4 images"):
        linear_cka(x[:3], x[:3], unbiased=True)
    with pytest.raises(ValueError, match="finite"):
        linear_cka(np.where(x > 2, np.nan, x), x, unbiased=True)
