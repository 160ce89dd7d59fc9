"""Contrasts of mean ranks, beside their definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, rankdata, ttest_rel

from pruneviz.measures.contrasts import rank_contrasts, tiers


def test_equals_the_definition() -> None:
    ranks, n, k = [1.2, 2.0, 3.1, 3.7], 9, 4
    pairs = [(0, 3), (1, 2), (2, 2)]
    found = rank_contrasts(ranks, n, pairs)
    for p, (i, j) in zip(found, pairs, strict=True):
        z = (ranks[i] - ranks[j]) / math.sqrt(k * (k + 1) / (6 * n))
        assert p == pytest.approx(2 * norm.sf(abs(z)), rel=1e-12)


def test_holds_its_level_where_methods_are_alike() -> None:
    rng = np.random.default_rng(0)
    p = [rank_contrasts(rankdata(rng.normal(size=(10, 5)), axis=1).mean(axis=0), 10, [(0, 1)])[0] for _ in range(2000)]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07


@pytest.mark.parametrize(("ranks", "n"), [([1.0], 5), ([1.0, 2.0], 0)])
def test_too_little_is_refused(ranks: list[float], n: int) -> None:
    with pytest.raises(ValueError, match="at least 2 methods"):
        rank_contrasts(ranks, n, [(0, 0)])


def test_tiers_are_their_definition() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(6, 5)) * 0.1 + np.array([0.0, 3.0, 0.02, 2.95, -4.0])
    expected, order = {}, sorted(range(5), key=lambda i: -values[:, i].mean())
    first, tier = order[0], 1
    for i in order:
        p = 1.0 if i == first else ttest_rel(values[:, first], values[:, i]).pvalue
        if p * 10 < 0.05:  # 10 pairs
            first, tier = i, tier + 1
        expected[i] = tier
    found = tiers(values)
    assert found == tuple(expected[i] for i in range(5))
    assert found == (2, 1, 2, 1, 3)


@pytest.mark.parametrize("n", [5, 6, 12])
def test_methods_that_are_alike_are_one_tier(n: int) -> None:
    rng = np.random.default_rng(n)
    several = [max(tiers(rng.normal(size=(n, 8)) + rng.normal(size=(n, 1)))) > 1 for _ in range(1000)]
    assert np.mean(several) <= 0.06


def test_equal_values_are_one_tier_and_constant_differences_are_not() -> None:
    assert tiers(np.ones((6, 3))) == (1, 1, 1)
    assert tiers(np.array([[2.0, 1.0]] * 6)) == (1, 2)
    assert tiers(np.ones((2, 1))) == (1,)
    with pytest.raises(ValueError, match="at least 2 replicates"):
        tiers(np.ones((1, 3)))
