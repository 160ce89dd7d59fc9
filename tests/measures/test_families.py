from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from pruneviz.measures.families import judge
from pruneviz.measures.statistics import Interval, hierarchical_bootstrap, holm, t_interval


def values(n=6, mean=0.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, n)


@pytest.mark.parametrize("mean", [-2.0, 0.0, 0.3])
@pytest.mark.parametrize("level", [0.9, 0.99])
def test_the_p_of_an_interval_is_that_of_students_test(mean, level):
    v = values(8, mean)
    assert t_interval(v, level).p == pytest.approx(ttest_1samp(v, 0).pvalue)


def test_the_p_of_a_bootstrap_interval_is_the_level_at_which_it_touches_zero():
    dense = np.repeat(np.arange(6), 2)
    v = values(12, 0.8)
    p = hierarchical_bootstrap(v, dense).p
    assert 0 < p < 1
    touching = hierarchical_bootstrap(v, dense, level=1 - p)
    assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-9)


def test_an_end_that_was_cut_says_nothing_and_what_does_not_vary_is_sure():
    v = values(8, 0.8)
    whole = t_interval(v)
    cut = Interval(whole.mean, whole.low, min(whole.high, whole.mean), 0.95, 8, "")
    assert cut.p == whole.p
    assert t_interval([0.2] * 5).p == pytest.approx(0, abs=1e-12)
    assert Interval(0.0, 0.0, 0.0, 0.95, 5, "").p == 1
    assert math.isnan(t_interval(v[:3]).p)


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=12))
def test_what_is_found_survives_holm_and_nothing_else_does(means):
    intervals = {i: t_interval(values(7, m, seed=i)) for i, m in enumerate(means)}
    judged = judge(intervals)
    corrected = holm([intervals[i].p for i in intervals])
    for (i, j), p in zip(judged.items(), corrected, strict=True):
        outside = intervals[i].low > 0 or intervals[i].high < 0
        assert (j.p, j.among) == (pytest.approx(p), len(means))
        assert j.sign == (math.copysign(1, intervals[i].mean) if p < 0.05 else 0)
        assert j.alone == (outside and p >= 0.05)


def test_points_without_an_interval_are_neither_judged_nor_counted():
    few = t_interval(values(3))
    judged = judge({"few": few, "one": t_interval(values(6, 9.0))})
    assert judged.keys() == {"one"}
    assert judged["one"].among == 1
    assert judge({"few": few}) == {}


def test_among_many_comparisons_of_nothing_something_is_seldom_found():
    """600 studies of 24 comparisons over 6 dense models, of which all share what the dense models have in common."""
    rng, any_found, any_alone = np.random.default_rng(0), 0, 0
    for _ in range(600):
        own = rng.normal(size=(6, 1)) * 0.5 + rng.normal(size=(6, 24))
        judged = judge({i: t_interval(v) for i, v in enumerate(own.T)}).values()
        any_found += any(j.sign for j in judged)
        any_alone += any(j.sign or j.alone for j in judged)
    error = math.sqrt(0.05 * 0.95 / 600)
    assert any_found / 600 <= 0.05 + 2 * error
    assert any_alone / 600 > 0.4  # what uncorrected intervals would have said


def test_comparisons_that_ask_something_else_are_another_family():
    strong = t_interval(values(6, 3.0, seed=1))
    intervals = {("x", i): t_interval(values(6, 0.0, seed=i)) for i in range(2, 30)} | {
        ("x", 0): strong,
        ("y", 0): strong,
    }
    together, apart = judge(intervals), judge(intervals, lambda key: key[0])
    assert list(together) == list(apart) == list(intervals)
    assert (together["y", 0].among, apart["y", 0].among, apart["x", 0].among) == (30, 1, 29)
    assert apart["y", 0].p == pytest.approx(strong.p)
    assert apart["x", 0].p == pytest.approx(min(1, 29 * strong.p))
