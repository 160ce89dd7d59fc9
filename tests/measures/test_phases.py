from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from pruneviz.measures.phases import SIGNS, largest_rise, phases


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=9))
def test_the_largest_rise_is_the_largest_of_all_pairs(curve):
    low, high = largest_rise(curve)
    most = max(0, *(b - a for a, b in itertools.combinations(curve, 2)))
    assert low <= high
    assert curve[high] - curve[low] == most
    assert (low == high == 0) == (most == 0)


def found(got):
    """Whether the fall, the rise and the fall each lie wholly on their side of 0."""
    return tuple(
        p.low > 0 if s > 0 else p.high < 0 for p, s in zip((got.first, got.rise, got.last), SIGNS, strict=True)
    )


def hypothesis_curves(repeats, noise, seed=0):
    """Falls by 1 to place 4, rises by .5 to place 8, falls by .7 to place 11."""
    truth = np.interp(np.arange(12), [0, 4, 8, 11], [1.0, 0.0, 0.5, -0.2])
    return truth + np.random.default_rng(seed).normal(0, noise, (repeats, 12))


def test_a_fall_a_rise_and_a_fall_are_found_where_they_are():
    got = phases(hypothesis_curves(6, 0.02))
    assert (got.low, got.high) == (4, 8)
    assert found(got) == (True, True, True)
    for part, change in zip((got.first, got.rise, got.last), (-1, 0.5, -0.7), strict=True):
        assert part.low < change < part.high
        assert part.n == 6


def test_turns_are_chosen_by_the_others():
    """The definition, one repeat at a time."""
    curves = hypothesis_curves(5, 0.3)
    rises = []
    for k in range(5):
        others = [c for i, c in enumerate(curves) if i != k]
        low, high = largest_rise([sum(c[t] for c in others) / 4 for t in range(12)])
        rises.append(curves[k][high] - curves[k][low])
    got = phases(curves)
    half = student.ppf(0.975, 4) * np.std(rises, ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert (got.rise.mean, got.rise.low) == pytest.approx((np.mean(rises), np.mean(rises) - half))


def test_few_repeats_are_not_judged():
    got = phases(hypothesis_curves(4, 0.0001))
    assert not got.rise.shown
    assert found(got) == (False, False, False)
    assert (got.low, got.high, got.rise.mean) == (4, 8, pytest.approx(0.5, abs=0.01))


def test_a_steady_fall_is_no_rise():
    got = phases(np.linspace(1, 0, 8) + np.random.default_rng(0).normal(0, 1e-3, (6, 1)))
    assert (got.low, got.high) == (0, 0)
    assert found(got) == (False, False, True)
    with pytest.raises(ValueError, match="finite curves"):
        phases([[1.0, np.nan]])
    with pytest.raises(ValueError, match="finite curves"):
        phases([[1.0]])


@pytest.mark.parametrize("kind", ["flat", "wandering", "falling"])
def test_noise_is_seldom_called_a_rise_and_hardly_ever_a_fall_rise_fall(kind):
    """400 studies of 6 curves that have no rise in common."""
    rng, each = np.random.default_rng(1), []
    for _ in range(400):
        noise = rng.normal(size=(6, 13))
        curves = {"flat": noise, "wandering": noise.cumsum(axis=1), "falling": noise - 0.3 * np.arange(13)}[kind]
        each.append(found(phases(curves)))
    share = np.mean(each, axis=0)
    error = np.sqrt(0.05 * 0.95 / 400)
    assert share[1] <= 0.05 + 2 * error
    assert np.mean(np.all(each, axis=1)) <= 0.02
    if kind != "falling":  # there the falls are true
        assert max(share[0], share[2]) <= 0.05 + 2 * error
