from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from references import embedding_slow as slow
from scipy.stats import ortho_group

from pruneviz.measures.embedding import (
    aligned_places,
    aligned_umap_places,
    change_by_chance,
    nearest_samples,
    neighbourhood_change,
    principal_scores,
    turned_onto,
    umap_places,
)


def features(n=40, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.arange(d, 0, -1)


def test_scores_keep_every_distance_and_come_by_variance():
    x = features()
    scores = principal_scores(x)
    assert slow.distance(x[3], x[9]) == pytest.approx(slow.distance(scores.values[3], scores.values[9]))
    assert (np.diff(scores.values.var(axis=0)) <= 0).all()
    assert scores.variance == pytest.approx(scores.values.var(axis=0) / x.var(axis=0).sum())
    assert principal_scores(-x).values == pytest.approx(scores.values)  # the sign is no accident


@pytest.mark.parametrize("n", [40, 5])  # also with fewer samples than features
def test_procrustes_undoes_a_turn_a_shift_and_a_factor(n):
    x = features(n)
    anchor = principal_scores(x)
    turned = 3.5 * x @ ortho_group.rvs(6, random_state=1) + 7
    places, residual = aligned_places(principal_scores(turned), anchor)
    assert places == pytest.approx(anchor.values[:, :2], abs=1e-9)
    assert residual == pytest.approx(0, abs=1e-9)


def test_no_other_turn_brings_features_nearer():
    x, y = features(seed=1), features(seed=2)
    a, b = principal_scores(x), principal_scores(y)
    _, residual = aligned_places(b, a)
    scaled = b.values * a.size / b.size
    for seed in range(40):
        other = scaled @ ortho_group.rvs(6, random_state=seed)
        assert ((other - a.values) ** 2).sum() / a.size**2 >= residual - 1e-9
    assert 0 < residual < 2


def test_a_narrower_space_is_one_that_lacks_directions():
    x = features()
    anchor = principal_scores(x)
    flat = np.hstack([x[:, :4], np.zeros((40, 2))])
    for own in (x[:, :4], flat @ ortho_group.rvs(6, random_state=3)):
        places, residual = aligned_places(principal_scores(own), anchor)
        expected, same = aligned_places(principal_scores(flat), anchor)
        assert places == pytest.approx(expected, abs=1e-9)
        assert residual == pytest.approx(same)
    back, _ = aligned_places(anchor, principal_scores(x[:, :1]))
    assert back.shape == (40, 2)
    assert (back[:, 1] == 0).all()


def test_features_that_are_all_the_same_have_no_place():
    dead = principal_scores(np.full((7, 3), 0.1))
    assert dead.size == 0
    places, residual = aligned_places(dead, principal_scores(features(7, 3)))
    assert np.isnan(places).all()
    assert np.isnan(residual)


def test_neighbours_are_those_of_plain_loops_and_ties_go_to_the_first():
    x = np.round(features(60, 3))  # with ties
    found, apart = nearest_samples(x, 4)
    assert found.tolist() == slow.nearest(x, 4)
    assert apart[5, 2] == pytest.approx(slow.distance(x[5], x[found[5, 2]]))
    with pytest.raises(ValueError, match="from 1 to 2"):
        nearest_samples(x[:3], 3)


def test_changes_are_those_of_sets_whatever_the_order():
    rng = np.random.default_rng(0)
    a, b = (np.array([rng.permutation(12)[:4] for _ in range(30)]) for _ in range(2))
    assert neighbourhood_change(a, b) == pytest.approx(slow.change(a, b))
    assert (neighbourhood_change(a, a[:, ::-1]) == 0).all()
    assert neighbourhood_change(a, b) == pytest.approx(neighbourhood_change(b, a))
    assert neighbourhood_change([[1, 2]], [[3, 4]]) == [1.0]


def test_unrelated_features_show_what_chance_gives():
    near = [nearest_samples(np.random.default_rng(s).normal(size=(400, 20)), 10)[0] for s in range(2)]
    assert neighbourhood_change(*near).mean() == pytest.approx(change_by_chance(400, 10), abs=0.01)


def test_places_without_axes_are_turned_onto_others():
    p = features(20, 2)
    turned = 0.2 * p @ ortho_group.rvs(2, random_state=4) - 3
    assert turned_onto(turned, p) == pytest.approx(p)


def test_several_models_are_laid_out_at_once_and_turned_alike(monkeypatch):
    asked = {}
    turn = ortho_group.rvs(2, random_state=1)
    given = features(8, 2), features(8, 2, 1)[1:]

    class Stub:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, x, relations):
            asked["relations"] = relations
            return [np.asarray(v) @ turn + 4 for v in x]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(AlignedUMAP=Stub))
    which = np.arange(8), np.arange(1, 8)
    first, second = aligned_umap_places(given, which, given[0], 15, 4, hold=0.2)
    assert asked["relations"] == [{i + 1: i for i in range(7)}]  # by sample, not by row
    assert (asked["random_state"], asked["transform_seed"], asked["n_neighbors"]) == (4, 4, 6)
    assert asked["alignment_regularisation"] == 0.2
    middle = given[0].mean(axis=0)
    assert first == pytest.approx(given[0] - middle, abs=1e-5)
    assert second == pytest.approx(given[1] - middle, abs=1e-5)


def test_umap_is_begun_at_given_places_and_can_be_repeated(monkeypatch):
    asked = {}

    class Stub:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, x):
            return asked["init"] + 1

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Stub))
    start = features(9, 2)
    found = umap_places(features(9), start, 15, 4)
    assert (asked["random_state"], asked["n_jobs"], asked["n_neighbors"]) == (4, 1, 8)
    assert np.abs(asked["init"]).max() == pytest.approx(10)
    assert found.shape == (9, 2)
