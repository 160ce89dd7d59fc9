from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from references import geometry_slow as slow
from scipy.sparse.csgraph import minimum_spanning_tree as scipys

from pruneviz.measures.layout import classical_mds, minimum_spanning_tree, stress, umap_layout


def between(places):
    return np.linalg.norm(places[:, None] - places[None], axis=2)


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_is_as_short_as_any(seed):
    d = between(np.random.default_rng(seed).normal(size=(5, 3)))
    edges = minimum_spanning_tree(d)
    assert len(edges) == 4
    assert (edges[:, 0] < edges[:, 1]).all()
    assert sum(d[a, b] for a, b in edges) == pytest.approx(slow.least_tree(d.tolist()))


def test_of_many_items_it_is_scipys():
    d = between(np.random.default_rng(9).normal(size=(60, 4)))
    theirs = np.argwhere(scipys(d).toarray() > 0)
    assert {tuple(e) for e in minimum_spanning_tree(d).tolist()} == {(min(e), max(e)) for e in theirs.tolist()}


def test_items_at_one_place_are_joined_too():
    d = between(np.array([[0.0, 0], [0, 0], [1, 0], [1, 0]]))
    edges = minimum_spanning_tree(d)
    assert sorted(d[a, b] for a, b in edges) == [0, 0, 1]
    assert minimum_spanning_tree(np.zeros((1, 1))).shape == (0, 2)
    assert minimum_spanning_tree(np.zeros((0, 0))).shape == (0, 2)


def test_places_in_the_plane_are_found_again():
    places = np.random.default_rng(1).normal(size=(12, 2))
    found = classical_mds(between(places))
    assert found.by == "MDS"
    assert between(found.places) == pytest.approx(between(places))
    assert found.stress == pytest.approx(0, abs=1e-9)
    assert found.places.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert np.var(found.places[:, 0]) >= np.var(found.places[:, 1])
    again = classical_mds(between(-places[:, ::-1]))  # turned: the same distances, the same picture
    assert again.places == pytest.approx(found.places, abs=1e-9)


def test_stress_says_how_much_the_plane_loses():
    d = between(np.random.default_rng(2).normal(size=(10, 8)))
    found = classical_mds(d)
    pairs = [(i, j) for i in range(10) for j in range(i)]
    shown = between(found.places)
    expected = np.sqrt(sum((shown[p] - d[p]) ** 2 for p in pairs) / sum(d[p] ** 2 for p in pairs))
    assert found.stress == pytest.approx(expected)
    assert 0 < found.stress < 1
    assert np.isnan(stress(np.zeros((3, 3)), np.zeros((3, 2))))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_items_have_places_too(n):
    assert classical_mds(np.ones((n, n)) - np.eye(n)).places.shape == (n, 2)


def test_umap_is_asked_for_in_a_way_that_can_be_repeated(monkeypatch):
    asked = {}

    class Stub:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, distances):
            return np.asarray(asked["init"]) + 3

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Stub))
    d = between(np.random.default_rng(4).normal(size=(8, 3)))
    found = umap_layout(d, 30, 5)
    assert (asked["random_state"], asked["n_jobs"], asked["metric"], asked["n_neighbors"]) == (5, 1, "precomputed", 7)
    assert found.by == "UMAP"
    assert np.isnan(found.stress)
    assert found.places.mean(axis=0) == pytest.approx([0, 0], abs=1e-5)


@pytest.mark.science  # its first fit in a process compiles for most of a minute
def test_umap_keeps_groups_together_and_is_the_same_again():
    pytest.importorskip("umap", reason="needs umap-learn: pip install 'pruneviz[umap]'")
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1], 10)
    d = between(rng.normal(size=(20, 3)) * 0.1 + 5 * group[:, None])
    found = umap_layout(d, 5, 0)
    assert found.by == "UMAP"
    near = between(found.places)
    np.fill_diagonal(near, np.inf)
    assert (group[near.argmin(axis=1)] == group).all()
    assert (umap_layout(d, 5, 0).places == found.places).all()
