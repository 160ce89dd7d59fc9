from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import measures_slow as slow
from scipy.stats import binomtest, norm

from pruneviz.measures.changes import (
    SMALL_CLASS,
    Change,
    changes,
    count_changes,
    mcnemar,
    paired_bootstrap,
    paired_interval,
)

Z = float(norm.ppf(0.975))


@st.composite
def predictions(draw):
    n, k = draw(st.integers(1, 30)), draw(st.integers(2, 4))
    column = st.lists(st.integers(0, k - 1), min_size=n, max_size=n)
    return np.array(draw(column)), np.array(draw(column)), np.array(draw(column)), k


@given(predictions())
def test_flips_agree_with_the_definition_in_all_and_by_class(given_):
    labels, before, after, k = given_
    flips = count_changes(changes(labels, before, after)[None], labels, k)
    for part, keep in [(flips.overall.counts[0], labels >= 0)] + [(flips.counts[0, c], labels == c) for c in range(k)]:
        expected = slow.flips(labels[keep], before[keep], after[keep])
        assert {kind.name.lower().replace("_", " "): int(part[kind]) for kind in Change} == expected


@given(predictions())
def test_laws_of_flips(given_):
    labels, before, after, k = given_
    forth = count_changes(changes(labels, before, after)[None], labels, k).overall
    back = count_changes(changes(labels, after, before)[None], labels, k).overall
    n = len(labels)
    assert forth.n[0] == n
    assert forth.churn[0] == np.mean(before != after) == back.churn[0]
    assert forth.right_to_wrong[0] == back.wrong_to_right[0]
    assert forth.wrong_to_wrong[0] == back.wrong_to_wrong[0]
    assert forth.unchanged[0] == n - round(n * forth.churn[0])
    assert forth.accuracy_before[0] == np.mean(before == labels)
    difference = np.mean(after == labels) - np.mean(before == labels)
    assert forth.accuracy_difference[0] == pytest.approx(difference)
    assert forth.positive_flips[0] - forth.negative_flips[0] == pytest.approx(difference)


def test_a_model_changes_nothing_against_itself():
    labels = np.array([0, 1, 1, 2])
    flips = count_changes(changes(labels, labels * 0, labels * 0)[None], labels, 3).overall
    assert flips.churn[0] == 0
    assert mcnemar(flips.right_to_wrong, flips.wrong_to_right)[0] == 1


def test_many_pairs_at_once_equal_one_at_a_time():
    rng = np.random.default_rng(0)
    labels, before, after = rng.integers(0, 3, 50), rng.integers(0, 3, (4, 50)), rng.integers(0, 3, (4, 50))
    together = count_changes(changes(labels, before, after), labels, 3).counts
    for i in range(4):
        alone = count_changes(changes(labels, before[i], after[i])[None], labels, 3).counts[0]
        np.testing.assert_array_equal(together[i], alone)


def test_a_class_without_samples_has_no_rates():
    flips = count_changes(changes(np.array([0]), np.array([0]), np.array([1]))[None], np.array([0]), 2)
    assert np.isnan(flips.churn[0, 1])
    assert np.isnan(flips.accuracy_difference[0, 1])


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_agrees_with_exact_fractions_and_scipy(lost, gained):
    p = float(mcnemar(lost, gained))
    assert p == pytest.approx(slow.mcnemar(lost, gained), rel=1e-9)
    if lost + gained:
        assert p == pytest.approx(binomtest(lost, lost + gained).pvalue, rel=1e-9)
    assert p == mcnemar(gained, lost)
    assert 0 < p <= 1


@given(st.integers(SMALL_CLASS, 200), st.data())
def test_paired_interval_agrees_with_the_definition_and_holds_the_estimate(n, data):
    lost = data.draw(st.integers(0, n))
    gained = data.draw(st.integers(0, n - lost))
    low, high = paired_interval(lost, gained, n)
    assert (float(low), float(high)) == pytest.approx(slow.paired_interval(lost, gained, n, Z), rel=1e-9, abs=1e-12)
    assert low <= (gained - lost) / n <= high
    assert low < high
    other = paired_interval(gained, lost, n)
    np.testing.assert_allclose((-other[1], -other[0]), (low, high), atol=1e-12)


def test_small_classes_have_no_interval_and_no_flips_have_one_with_a_width():
    low, high = paired_interval([0, 0, 0], [0, 0, 0], [0, SMALL_CLASS - 1, SMALL_CLASS])
    assert np.isnan(low).tolist() == [True, True, False]
    assert low[2] < 0 < high[2]


def test_bootstrap_and_closed_form_agree_where_many_samples_differ():
    d = np.array([-1] * 90 + [1] * 60 + [0] * 1850, np.int8)
    low, high = paired_bootstrap(d, resamples=8000)
    np.testing.assert_allclose((low, high), paired_interval(90, 60, 2000), atol=1e-3)
    rng = np.random.default_rng(3)  # and with a plain loop over draws
    plain = [np.mean(d[rng.integers(0, 2000, 2000)]) for _ in range(4000)]
    assert (low, high) == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=1e-3)


def test_bootstrap_of_a_pair_does_not_depend_on_the_other_pairs():
    d = np.random.default_rng(0).normal(size=(3, 40))
    low, high = paired_bootstrap(d, resamples=200)
    assert low.shape == (3,)
    for i in range(3):
        assert paired_bootstrap(d[i], resamples=200) == pytest.approx((low[i], high[i]))


@pytest.mark.parametrize(("n", "share"), [(10, 0.3), (30, 0.1), (100, 0.05), (1000, 0.03)])
def test_equal_models_are_called_different_no_more_often_than_the_level(n, share):
    rng = np.random.default_rng(n)
    lost, gained, _ = rng.multinomial(n, [share / 2, share / 2, 1 - share], size=20_000).T
    low, high = paired_interval(lost, gained, n)
    assert np.mean((low > 0) | (high < 0)) <= 0.055
    assert np.mean(mcnemar(lost, gained) < 0.05) <= 0.05


def test_bootstrap_of_equal_models_keeps_its_level():
    rng = np.random.default_rng(8)
    d = rng.choice(np.array([-1, 0, 1], np.int8), p=[0.05, 0.9, 0.05], size=(1500, 400))
    low, high = paired_bootstrap(d, resamples=1000)
    assert np.mean((low > 0) | (high < 0)) <= 0.07  # 5 % and three standard errors of 1,500 trials
