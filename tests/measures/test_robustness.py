from __future__ import annotations

import numpy as np
import pytest
from references import robustness_slow as slow
from scipy.stats import spearmanr

from pruneviz.measures.robustness import (
    correlation,
    grouped,
    mean_of,
    rank_correlation,
    ratio,
    steady,
)


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(1, 40))
    return np.round(common + rng.normal(size=(6, 40)) * np.array([0.2, 0.3, 1, 3, 3, 3])[:, None], 1)


def test_correlations_agree_with_their_definitions(values) -> None:
    got, ranked = correlation(values), rank_correlation(values)
    for i in range(6):
        for j in range(6):
            assert got[i, j] == pytest.approx(slow.pearson(list(values[i]), list(values[j])))
            assert ranked[i, j] == pytest.approx(slow.pearson(slow.ranks(list(values[i])), slow.ranks(list(values[j]))))
    assert ranked[0, 3] == pytest.approx(spearmanr(values[0], values[3]).statistic)


def test_correlations_know_scale_and_place_of_nothing(values) -> None:
    factors = np.arange(1, 7)[:, None]
    assert correlation(factors * values + 7) == pytest.approx(correlation(values))
    assert rank_correlation(np.exp(values)) == pytest.approx(rank_correlation(values))
    assert np.diag(correlation(values)) == pytest.approx(1)
    assert correlation(np.stack([values[0], -values[0]]))[0, 1] == -1


def test_what_does_not_vary_correlates_with_nothing() -> None:
    got = correlation(np.array([[1.0, 2, 3], [0.1, 0.1, 0.1], [3, 1, 2]]))
    assert np.isnan(got[1]).all()
    assert np.isfinite(got[0, 2])
    assert np.isnan(correlation(np.array([[1.0, 2], [2, 1]]))).all()
    assert correlation(np.zeros((3, 0))).shape == (3, 3)


@pytest.mark.parametrize("least", [0.0, 0.3, 0.7, 1.0])
def test_groups_are_those_of_average_linkage(values, least: float) -> None:
    similarity = correlation(values)
    told = grouped(similarity, least)
    groups = {frozenset(np.flatnonzero(told.cluster == k).tolist()) for k in set(told.cluster.tolist())}
    assert groups == slow.average_linkage(similarity.tolist(), least)
    assert sorted(told.order) == list(range(6))
    along = told.cluster[told.order]
    assert (np.diff(along) >= 0).all()  # members stand together, numbered along the order
    assert along[0] == 0


def test_few_things_have_groups_too() -> None:
    assert grouped(np.zeros((0, 0)), 0.5).order.tolist() == []
    assert grouped(np.ones((1, 1)), 0.5).cluster.tolist() == [0]
    unknown = np.array([[1, np.nan], [np.nan, 1]])
    assert grouped(unknown, 0.5).cluster.tolist() == [0, 1]


def test_means_are_over_those_that_know() -> None:
    got = mean_of([np.array([1.0, np.nan, np.nan]), np.array([0.0, 0.4, np.nan])])
    assert got == pytest.approx([0.5, 0.4, np.nan], nan_ok=True)


def test_nothing_is_divided_by_what_is_small_or_uncertain() -> None:
    rng = np.random.default_rng(0)
    below = np.array([0.2, 0.2, 0.005, -0.3, 0.0])
    error = np.array([0.01, 0.06, 0.0001, 0.01, 0.0])
    sure = steady(below, below[:, None] + error[:, None] * rng.normal(size=(5, 500)))
    assert sure.tolist() == [True, False, False, False, False]
    got = ratio(np.full(5, 0.1), below, sure)
    assert got == pytest.approx([0.5, *[np.nan] * 4], nan_ok=True)
    assert np.isnan(ratio(np.array([1.0]), np.array([0.0]), np.array([True])))


def test_a_guarded_ratio_of_equals_is_about_one() -> None:
    """Where the guard lets a ratio pass, noise in what it divides by moves it by 4 % on average at most."""
    rng = np.random.default_rng(1)
    error = 0.2 / 5
    top, below = 0.2 + error * rng.normal(size=(2, 20_000))
    assert ratio(top, below, np.ones(20_000, bool)).mean() == pytest.approx(1, abs=0.05)
