from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import rank_correlation_slow as slow
from scipy.stats import kendalltau

from pruneviz.measures.rank_correlation import (
    anomaly_ratio,
    kendall,
    noise_ceiling,
    published_p,
    relabelled,
    relabelling_p,
    shared_label_p,
    stratified_order,
    tau,
)

few = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=25)


def subsets_of(n, k):
    members = np.zeros((math.comb(n, k), n), bool)
    for row, removed in enumerate(itertools.combinations(range(n), k)):
        members[row, list(removed)] = True
    return members


# -- τ


@given(few)
def test_tau_agrees_with_its_definition_and_with_scipy_ties_included(pairs):
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    found = tau(x, y)
    assert found == pytest.approx(slow.tau_b(list(x), list(y)), nan_ok=True)
    assert found == pytest.approx(float(kendalltau(x, y).statistic), nan_ok=True)


@given(few)
def test_tau_is_symmetric_turns_its_sign_and_knows_only_ranks(pairs):
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    found = tau(x, y)
    assert tau(y, x) == pytest.approx(found, nan_ok=True)
    assert tau(-x, y) == pytest.approx(-found, nan_ok=True)
    assert tau(np.exp(x), 3 * y + 1) == pytest.approx(found, nan_ok=True)
    if len(set(x)) > 1:
        assert tau(x, x) == pytest.approx(1)


def test_many_rankings_at_once_are_each_as_alone():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 90)), rng.integers(0, 5, (4, 90)).astype(float)
    found = kendall(a, b)
    assert found.shape == (7, 4)
    for i, j in itertools.product(range(7), range(4)):
        assert found[i, j] == pytest.approx(float(kendalltau(a[i], b[j]).statistic))


def test_what_has_no_ranking_has_no_tau():
    rng = np.random.default_rng(0)
    y = rng.normal(size=5)
    for x in (np.ones(5), np.array([1, 2, math.nan, 4, 5]), np.array([1, 2, math.inf, 4, 5])):
        assert math.isnan(tau(x, y))
        assert math.isnan(tau(y, x))
    assert math.isnan(tau([1.0], [2.0]))
    with pytest.raises(ValueError, match="5 and 4 values"):
        tau(y, y[:4])


# -- relabelling


def test_relabelling_exchanges_filters_within_their_layer_and_nothing_else():
    a, b = subsets_of(4, 2), subsets_of(3, 1)
    members = np.array([np.concatenate(pair) for pair in itertools.product(a, b)])
    chosen = [0, 5, 11, 17]
    rows = relabelled(members, chosen, (4, 3), 200, seed=3)
    assert rows.shape == (200, 4)
    for row in rows:
        before, after = members[chosen], members[row]
        assert (after[:, :4].sum(1) == 2).all()
        assert (after[:, 4:].sum(1) == 1).all()
        # Filters keep company: how many subsets any two of them share is only renamed.
        assert sorted((before.T.astype(int) @ before).ravel()) == sorted((after.T.astype(int) @ after).ravel())
    assert len(np.unique(rows, axis=0)) > 50
    assert (relabelled(members, chosen, (4, 3), 200, seed=3) == rows).all()
    with pytest.raises(ValueError, match="not all subsets"):
        relabelled(np.delete(members, 3, axis=0), [0, 4, 10, 16], (4, 3), 200, seed=3)
    with pytest.raises(ValueError, match="do not add up"):
        relabelled(members, chosen, (4, 2), 200, seed=3)


@pytest.mark.parametrize(("n", "k", "count"), [(5, 2, 10), (5, 2, 6), (6, 3, 7)])
def test_its_p_approaches_that_over_every_relabelling(n, k, count):
    rng = np.random.default_rng(n + count)
    members = subsets_of(n, k)
    worth = rng.normal(size=n)
    losses = members @ worth + 0.1 * rng.normal(size=len(members))
    chosen = rng.permutation(len(members))[:count]
    finals = np.stack([-(members[chosen] @ worth), members[chosen] @ rng.normal(size=n)])
    p = relabelling_p(losses[chosen], losses[relabelled(members, chosen, (n,), 4000, seed=0)], finals)
    names = [frozenset(np.flatnonzero(m)) for m in members]
    for found, y in zip(p, finals, strict=True):
        after = {names[c]: v for c, v in zip(chosen, y, strict=True)}
        exact = slow.exact_label_p(dict(zip(names, losses, strict=True)), after, n)
        assert found == pytest.approx(exact, abs=0.03)


def test_what_cannot_be_ranked_has_no_p():
    members = subsets_of(4, 2)
    rows = relabelled(members, range(6), (4,), 50, seed=0)
    losses = np.arange(6.0)
    p = relabelling_p(losses, losses[rows], [np.ones(6), [1, 2, 3, 4, 5, math.nan], losses])
    assert np.isnan(p[:2]).all()
    assert 0 < p[2] <= 1


def null_study(rng, members, noise):
    """Losses before and results after that both follow from the filters, and have nothing to do with each other."""

    def quantity(spread):
        return members @ rng.normal(size=members.shape[1]) + spread * rng.normal(size=len(members))

    return quantity(0.1), quantity(noise)


@pytest.mark.parametrize(
    ("n", "k", "retrained", "noise"),
    [(10, 2, 45, 0.3), (10, 8, 16, 0.3), (10, 4, 16, 0.3), (10, 4, 16, 2.0)],
)
def test_on_null_studies_it_finds_no_more_than_its_level_where_the_published_p_finds_many(n, k, retrained, noise):
    """400 studies each: at 5 % about 20 are found, standard deviation 4.4; the bound is 3.4 of them above."""
    rng = np.random.default_rng(7)
    members = subsets_of(n, k)
    studies, found, published = 400, 0, 0
    for i in range(studies):
        before, after = null_study(rng, members, noise)
        chosen = stratified_order(before, 4, seed=i)[:retrained]
        rows = relabelled(members, chosen, (n,), 99, seed=i)
        found += relabelling_p(before[chosen], before[rows], after[chosen])[0] <= 0.05
        published += published_p(before[chosen], after[chosen]) <= 0.05
    assert found / studies <= 0.0875
    if noise < 1:
        assert published / studies > 0.12  # 33 – 68 % where all are retrained


@pytest.mark.parametrize(("n", "k", "retrained"), [(16, 8, 16), (32, 16, 45)])
def test_on_null_studies_of_drawn_sets_it_keeps_its_level_too(n, k, retrained):
    """As above, with the losses of 300 drawn sets known, and of the chosen ones as relabelled."""
    rng = np.random.default_rng(11)
    studies, found, published = 400, 0, 0
    for i in range(studies):
        members = np.argsort(rng.random((300, n)), axis=1) < k
        worth, other = rng.normal(size=n), rng.normal(size=n)
        before = members @ worth
        chosen = members[stratified_order(before, 4, seed=i)[:retrained]]
        own, after = chosen @ worth, chosen @ other + 0.3 * rng.normal(size=retrained)
        orders = [rng.permutation(n) for _ in range(99)]
        drawn = np.stack([chosen[:, order] @ worth for order in orders])
        found += relabelling_p(own, drawn, after)[0] <= 0.05
        published += published_p(own, after) <= 0.05
    assert found / studies <= 0.0875
    assert published / studies > 0.12


def test_it_finds_what_is_there():
    rng = np.random.default_rng(0)
    members = subsets_of(10, 4)
    worth = rng.normal(size=10)
    before = members @ worth
    chosen = stratified_order(before, 4, seed=0)[:16]
    after = -(members[chosen] @ worth) + 0.2 * rng.normal(size=16)
    rows = relabelled(members, chosen, (10,), 999, seed=0)
    assert relabelling_p(before[chosen], before[rows], after)[0] == 0.001


# -- ceiling and anomalies


def test_the_ceiling_is_the_mean_tau_between_repeats():
    rng = np.random.default_rng(0)
    repeats = rng.normal(size=(3, 12)) + 2 * rng.normal(size=12)
    expected = np.mean([kendalltau(repeats[i], repeats[j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))])
    assert noise_ceiling(repeats) == pytest.approx(float(expected))
    assert noise_ceiling([repeats[0], repeats[0]]) == pytest.approx(1)
    assert math.isnan(noise_ceiling(repeats[:1]))
    assert noise_ceiling([repeats[0], np.ones(12), repeats[1]]) == pytest.approx(tau(repeats[0], repeats[1]))
    assert abs(noise_ceiling(rng.normal(size=(2, 400)))) < 0.1


@given(few, st.sampled_from(["high", "low"]))
def test_anomalies_are_those_strictly_better_than_the_least_loss(pairs, better):
    before, after = (list(v) for v in zip(*pairs, strict=True))
    found = anomaly_ratio(before, after, better)
    assert found == pytest.approx(slow.anomalies(before, after, better))
    assert 0 <= found < 1


# -- things ranked in several blocks


@pytest.mark.parametrize("k", [3, 4, 5])
def test_the_shared_p_is_that_over_every_exchange_of_labels(k):
    rng = np.random.default_rng(k)
    before = rng.normal(size=(3, k))
    after = before + rng.normal(size=(3, k))
    expected = slow.exact_shared_p(before.tolist(), after.tolist())
    assert shared_label_p(before, after, 99, seed=0) == pytest.approx(expected)


def test_on_null_blocks_it_keeps_its_level_whatever_the_blocks_share():
    """Methods good on one dense model are good on all, before and after alike, and neither tells of the other."""
    rng = np.random.default_rng(1)
    studies = 300
    found = 0
    for _ in range(studies):
        before, after = (rng.normal(size=5) + 0.2 * rng.normal(size=(3, 5)) for _ in range(2))
        found += shared_label_p(before, after, 99, seed=0) <= 0.05
    assert found / studies <= 0.09


def test_many_things_are_exchanged_by_draws():
    rng = np.random.default_rng(0)
    worth = rng.normal(size=9)
    before = worth + 0.1 * rng.normal(size=(2, 9))
    assert shared_label_p(before, before, 199, seed=0) == pytest.approx(1 / 200)
    assert shared_label_p(before, rng.normal(size=(2, 9)), 199, seed=0) > 0.05
    assert math.isnan(shared_label_p(np.ones((2, 4)), rng.normal(size=(2, 4)), 9, seed=0))


# -- what to look at first


@given(st.lists(st.one_of(st.integers(0, 9), st.just(math.nan)), max_size=40), st.integers(1, 6))
def test_the_order_holds_each_finite_one_once_and_begins_with_the_least(values, strata):
    order = stratified_order(values, strata, seed=0)
    finite = [i for i, v in enumerate(values) if math.isfinite(v)]
    assert sorted(order) == finite
    if finite:
        assert order[0] == min(finite, key=lambda i: (values[i], i))


def test_every_beginning_is_spread_over_the_strata():
    rng = np.random.default_rng(0)
    values = rng.normal(size=210)
    order = stratified_order(values, 4, seed=0)
    quarter = np.argsort(np.argsort(values)) * 4 // 210
    for length in range(1, 211):
        counts = np.bincount(quarter[order[:length]], minlength=4)
        assert counts.max() - counts.min() <= 2
    assert (stratified_order(values, 4, seed=0) == order).all()
    assert (stratified_order(values, 4, seed=1) != order).any()
