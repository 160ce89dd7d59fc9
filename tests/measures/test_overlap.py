from __future__ import annotations

import math

import numpy as np
import pytest
from references import overlap_slow as slow
from scipy.stats import hypergeom

from pruneviz.measures.overlap import chance, overlap

CASES = [((5,), (2,), (3,)), ((4, 3), (2, 1), (1, 2)), ((4, 4, 2), (1, 2, 2), (3, 0, 1)), ((3, 2), (3, 0), (1, 1))]


@pytest.mark.parametrize(("sizes", "kept", "other"), CASES)
def test_chance_agrees_with_all_masks_of_these_counts(sizes, kept, other):
    drawn, expected = chance(sizes, kept, other), slow.distribution(sizes, kept, other)
    assert drawn.counts.tolist() == list(expected)
    assert drawn.probabilities == pytest.approx(list(expected.values()))
    mean, spread = slow.jaccard(sizes, kept, other)
    for both in slow.distribution(sizes, kept, other):
        shared = _spread(sizes, kept, other, both)
        found = overlap(sizes, kept, other, shared)
        assert (found.both, found.chance, found.chance_sd) == pytest.approx((both, mean, spread))
        assert found.jaccard == pytest.approx(both / (sum(kept) + sum(other) - both))
        tails = [sum(p for n, p in expected.items() if n >= both), sum(p for n, p in expected.items() if n <= both)]
        assert found.p == pytest.approx(min(1, 2 * min(tails)))


def _spread(sizes, kept, other, both):
    """Some way to share so many units."""
    low = [max(0, a + b - n) for n, a, b in zip(sizes, kept, other, strict=True)]
    for i, (a, b) in enumerate(zip(kept, other, strict=True)):
        low[i] += min(min(a, b) - low[i], both - sum(low))
    assert sum(low) == both
    return low


def test_one_layer_is_scipys_hypergeometric_also_where_it_is_large():
    n, a, b = 48_000, 4_800, 2_000
    drawn, expected = chance([n], [a], [b]), hypergeom(n, a, b)
    assert drawn.probabilities == pytest.approx(expected.pmf(drawn.counts), abs=1e-9)
    mean, spread = drawn.mean_of(drawn.counts)
    assert (mean, spread) == pytest.approx((expected.mean(), expected.std()))
    assert drawn.range(0.95) == expected.interval(0.95)
    assert drawn.p(260) == pytest.approx(2 * expected.sf(259), rel=1e-6)


def test_many_layers_have_the_sum_of_means_and_variances():
    sizes, kept, other = [150, 2400, 48000, 10080], [120, 900, 2000, 1500], [50, 700, 3000, 2000]
    mean, spread = (drawn := chance(sizes, kept, other)).mean_of(drawn.counts)
    parts = [hypergeom(n, a, b) for n, a, b in zip(sizes, kept, other, strict=True)]
    assert mean == pytest.approx(sum(p.mean() for p in parts))
    assert spread == pytest.approx(math.sqrt(sum(p.var() for p in parts)))


def test_equal_masks_have_the_most_and_disjoint_ones_less_than_chance():
    assert overlap([10, 20], [3, 5], [3, 5], [3, 5]).excess == pytest.approx(1.0)
    assert overlap([10, 20], [3, 5], [3, 5], [3, 5]).jaccard == 1.0
    assert overlap([10], [5], [5], [0]).excess == pytest.approx(-1.0)
    smaller = overlap([10], [5], [2], [2])  # the one within the other: as much as the counts allow
    assert (smaller.jaccard, smaller.excess) == pytest.approx((0.4, 1.0))


def test_where_counts_leave_no_choice_there_is_no_excess():
    whole = overlap([10, 4], [10, 0], [10, 2], [10, 0])
    assert math.isnan(whole.excess)
    assert whole.p == 1.0
    assert whole.jaccard == whole.low == whole.high == pytest.approx(whole.chance)
    nothing = overlap([10], [0], [0], [0])
    assert math.isnan(nothing.jaccard)
    assert math.isnan(nothing.p)


def test_blindly_drawn_masks_stay_within_the_range_of_chance():
    rng = np.random.default_rng(0)
    sizes, kept, other = [60, 300], [6, 200], [30, 60]
    outside = found = 0
    for _ in range(400):
        both = [len(set(rng.permutation(n)[:a]) & set(range(b))) for n, a, b in zip(sizes, kept, other, strict=True)]
        o = overlap(sizes, kept, other, both)
        outside += not o.low <= o.jaccard <= o.high
        found += o.p <= 0.05
    assert outside <= 0.05 * 400 + 2.5 * math.sqrt(400 * 0.05 * 0.95)
    assert found <= 0.05 * 400 + 2.5 * math.sqrt(400 * 0.05 * 0.95)


def test_counts_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="between none and all"):
        chance([5], [6], [1])
    with pytest.raises(ValueError, match="cannot keep that many"):
        overlap([5], [3], [3], [0])
    with pytest.raises(ValueError, match="at least one layer"):
        chance([], [], [])
