"""Contrasts of mean ranks, beside their definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from pruneviz.measures.contrasts import rank_contrasts


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
