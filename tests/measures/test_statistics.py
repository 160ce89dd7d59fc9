from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import measures_slow as slow
from scipy.stats import binomtest, friedmanchisquare, norm
from scipy.stats import t as student

from pruneviz.measures.statistics import (
    POINTS_BELOW,
    RANKING_LEAST,
    friedman,
    hierarchical_bootstrap,
    holm,
    points_only,
    resampled_means,
    t_interval,
    wilson,
)

Z = float(norm.ppf(0.975))


@given(st.integers(1, 500), st.data())
def test_wilson_agrees_with_its_quadratic_and_scipy(n, data):
    k = data.draw(st.integers(0, n))
    low, high = (float(v) for v in wilson(k, n))
    assert (low, high) == pytest.approx(slow.wilson(k, n, Z), abs=1e-9)
    theirs = binomtest(k, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= low <= k / n <= high <= 1


def test_wilson_of_arrays_and_of_nothing():
    low, high = wilson([0, 5, 10], [0, 10, 10])
    assert math.isnan(low[0])
    assert math.isnan(high[0])
    assert low[1] < 0.5 < high[1]
    assert high[2] == 1


def test_wilson_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for p, n in ((0.5, 20), (0.1, 50), (0.9, 200)):
        low, high = wilson(rng.binomial(n, p, 20_000), n)
        assert np.mean((low <= p) & (p <= high)) >= 0.93


def test_t_interval_agrees_with_scipy_and_is_silent_on_few():
    v = [0.1, 0.4, 0.2, 0.35, 0.3]
    got = t_interval(v)
    theirs = student.interval(0.95, 4, loc=np.mean(v), scale=np.std(v, ddof=1) / math.sqrt(5))
    assert (got.low, got.high) == pytest.approx(theirs)
    assert (got.mean, got.n, got.varied, got.shown) == (pytest.approx(0.27), 5, "5 replicates", True)
    few = t_interval(v[:4])
    assert not few.shown
    assert few.mean == pytest.approx(np.mean(v[:4]))
    with pytest.raises(ValueError, match="finite"):
        t_interval([0.1, math.nan])


def test_points_only_below_the_stated_number():
    assert [n for n in range(10) if points_only(n)] == list(range(POINTS_BELOW))


def test_resampled_means_are_those_of_drawn_samples():
    values = np.random.default_rng(0).integers(-1, 2, (5, 60)).astype(np.int8)
    got = resampled_means(values, 300, seed=4)
    rng = np.random.default_rng(4)  # the definition: one list of drawn images at a time, the same for all models
    drawn = rng.integers(0, 60, (300, 60))
    np.testing.assert_allclose(got, np.stack([values[:, d].mean(axis=1) for d in drawn], axis=1))
    np.testing.assert_array_equal(got[2:3], resampled_means(values[2:3], 300, seed=4))
    np.testing.assert_allclose(resampled_means(values.astype(float), 300, seed=4), got)


def test_resampled_means_in_blocks(monkeypatch):
    values = np.random.default_rng(0).integers(0, 2, (7, 50)).astype(bool)
    whole = resampled_means(values, 20, seed=0)
    monkeypatch.setattr("pruneviz.measures.statistics._ROW_BLOCK", 2)
    np.testing.assert_array_equal(resampled_means(values, 20, seed=0), whole)
    monkeypatch.setattr("pruneviz.measures.statistics._SAMPLE_BLOCK", 150)
    assert resampled_means(values, 20, seed=0).std() == pytest.approx(whole.std(), rel=0.2)


def test_hierarchical_bootstrap_agrees_with_a_plain_loop():
    rng = np.random.default_rng(1)
    dense = [f"d{i}" for i in range(8) for _ in range(1 + i % 3)]  # one to three seeds each
    values = [float(int(d[1:]) + rng.normal()) for d in dense]
    got = hierarchical_bootstrap(values, dense, resamples=20_000)
    plain = slow.hierarchical_bootstrap(values, dense, 6000, seed=5)
    half = student.ppf(0.975, 7) * np.std(plain, ddof=1) * math.sqrt(8 / 7)
    by_model = [np.mean([v for v, d in zip(values, dense, strict=True) if d == g]) for g in sorted(set(dense))]
    assert got.mean == pytest.approx(np.mean(by_model))
    assert (got.low, got.high) == pytest.approx((got.mean - half, got.mean + half), abs=0.15)
    assert got.varied == "8 dense models, 15 runs"


def test_hierarchical_bootstrap_laws():
    dense = np.repeat(np.arange(6), 2)
    values = np.random.default_rng(2).uniform(0, 1, 12)
    got = hierarchical_bootstrap(values, dense)
    assert got == hierarchical_bootstrap(values, dense)  # seeded
    assert got.low < got.mean < got.high
    shifted = hierarchical_bootstrap(values + 10, dense)
    assert (shifted.low, shifted.high) == pytest.approx((got.low + 10, got.high + 10))
    shuffled = np.random.default_rng(3).permutation(12)
    assert hierarchical_bootstrap(values[shuffled], dense[shuffled]).mean == pytest.approx(got.mean)
    cut = hierarchical_bootstrap(values, dense, bounds=(got.mean, got.mean + 1e-6))
    assert (cut.low, cut.high) == pytest.approx((got.mean, got.mean + 1e-6))
    single = hierarchical_bootstrap(values[::2], dense[::2], resamples=50_000)  # one run each: Student's interval
    expected = t_interval(values[::2])
    assert (single.low, single.high) == pytest.approx((expected.low, expected.high), rel=0.02)
    constant = hierarchical_bootstrap(np.full(12, 0.5), dense)
    assert (constant.low, constant.high) == pytest.approx((0.5, 0.5))


def test_many_seeds_of_few_dense_models_are_still_few():
    got = hierarchical_bootstrap(np.arange(40.0), np.repeat(np.arange(4), 10))
    assert not got.shown
    assert got.varied == "4 dense models, 40 runs"
    assert got.mean == 19.5


def test_images_widen_the_interval():
    rng = np.random.default_rng(0)
    right = (rng.random(50) < 0.7)[None] ^ (rng.random((6, 50)) < 0.02)  # six models that nearly agree on 50 images
    dense, means = np.arange(6), right.mean(axis=1)
    without = hierarchical_bootstrap(means, dense)
    got = hierarchical_bootstrap(means, dense, resampled=resampled_means(right, 4000, seed=0))
    assert got.high - got.low > 3 * (without.high - without.low)
    assert got.varied == "6 dense models, test images"
    with pytest.raises(ValueError, match="one row per run"):
        hierarchical_bootstrap(means, dense[:5])


@pytest.mark.parametrize("models", [5, 6, 10])
@pytest.mark.parametrize("seeds", [1, 3])
def test_no_effect_is_called_one_no_more_often_than_the_level(models, seeds):
    rng = np.random.default_rng(models)
    dense = np.repeat(np.arange(models), seeds)
    wrong = []
    for i in range(600):
        values = np.repeat(rng.normal(0, 1, models), seeds) + 0.5 * rng.normal(0, 1, models * seeds)
        got = hierarchical_bootstrap(values, dense, resamples=500, seed=i)
        wrong.append(got.low > 0 or got.high < 0)
    assert np.mean(wrong) <= 0.077  # 5 % and three standard errors of 600 trials


def test_t_interval_keeps_its_level():
    values = np.random.default_rng(0).normal(size=(4000, 5))
    wrong = [not i.low <= 0 <= i.high for i in map(t_interval, values)]
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.011)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_the_definition(p):
    got = holm(p)
    assert got.tolist() == pytest.approx(slow.holm(p))
    assert (got >= np.array(p)).all()
    assert (got <= 1).all()


def test_holm_leaves_out_what_was_not_tested():
    assert holm([0.01, math.nan, 0.04])[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert math.isnan(holm([0.01, math.nan, 0.04])[1])
    assert holm([]).shape == (0,)


def test_holm_keeps_the_family_at_its_level():
    p = np.random.default_rng(0).uniform(size=(5000, 10))
    assert np.mean([holm(row).min() < 0.05 for row in p]) == pytest.approx(0.05, abs=0.01)


def test_friedman_agrees_with_scipy_also_with_ties():
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=(8, 4)), rng.integers(0, 3, (7, 5)).astype(float)):
        theirs = friedmanchisquare(*values.T)
        for better in ("low", "high"):
            got = friedman(values, better)
            assert (got.statistic, got.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    order = friedman(np.tile([0.9, 0.7, 0.8], (6, 1)), "high")
    assert order.mean_ranks == (1, 3, 2)
    assert friedman(np.tile([0.9, 0.7, 0.8], (6, 1)), "low").mean_ranks == (3, 1, 2)


def test_friedman_gives_no_ranking_on_too_little():
    few = friedman(np.random.default_rng(0).normal(size=(RANKING_LEAST - 1, 4)), "high")
    assert (few.mean_ranks, few.p) == (None, None)
    assert few.reason == "5 paired dense models; a ranking needs at least 6"
    assert "at least 3" in friedman(np.zeros((6, 2)), "high").reason
    assert friedman(np.zeros((6, 3)), "high").p == 1
    with pytest.raises(ValueError, match="better"):
        friedman(np.zeros((6, 3)), "up")


def test_friedman_keeps_its_level():
    rng = np.random.default_rng(0)
    for methods in (3, 5):
        p = [friedman(v, "high").p for v in rng.normal(size=(3000, RANKING_LEAST, methods))]
        assert np.mean(np.array(p) < 0.05) <= 0.062
