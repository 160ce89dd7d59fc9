from __future__ import annotations

import numpy as np
import pytest
from references import attribution_slow as slow
from scipy.stats import spearmanr

from pruneviz.measures.attribution import cosine, flat, rank_correlation, relative_gap


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return rng.integers(-3, 4, (2, 20, 15)).astype(float)  # with ties


def test_similarities_agree_with_their_definitions(maps):
    one, other = maps
    assert cosine(one, other) == pytest.approx([slow.cosine(a, b) for a, b in zip(one, other, strict=True)])
    ranked = rank_correlation(one, other)
    assert ranked == pytest.approx([slow.spearman(a, b) for a, b in zip(one, other, strict=True)])
    assert ranked == pytest.approx([spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)])


def test_a_map_is_most_like_itself_and_factors_do_not_matter(maps):
    one, other = maps
    for similarity in (cosine, rank_correlation):
        assert similarity(one, one) == pytest.approx(1.0)
        assert similarity(one, -one) == pytest.approx(-1.0)
        assert similarity(one, other) == pytest.approx(similarity(other, one))
        assert similarity(one, other) == pytest.approx(similarity(1e-200 * one, 1e200 * other))
    assert rank_correlation(one, other) == pytest.approx(rank_correlation(np.exp(one), other + 7))


def test_maps_that_say_nothing_have_no_similarity(maps):
    one, _ = maps
    assert np.isnan(cosine(one, 0 * one)).all()
    assert np.isnan(rank_correlation(one, np.full_like(one, 2.0))).all()
    assert cosine(one, np.full_like(one, 2.0)) == pytest.approx(one.sum(1) / np.linalg.norm(one, axis=1) / 15**0.5)
    assert flat(np.array([[1.0, 1.0], [1.0, 2.0]])).tolist() == [True, False]


def test_chance_is_around_zero():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 2000, 100))
    for similarity in (cosine, rank_correlation):
        assert abs(similarity(one, other).mean()) < 0.01
        assert similarity(one, other).std() == pytest.approx(0.1, abs=0.01)


def test_gaps_are_a_share_of_what_is_expected():
    assert relative_gap([1.1, -0.5, 2.0], [1.0, -1.0, 0.0]) == pytest.approx([0.1, 0.5, np.nan], nan_ok=True)
