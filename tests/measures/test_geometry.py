from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import geometry_slow as slow

from pruneviz.measures import geometry as g


def case(seed, n=40, d=6, k=5, bias=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(k, d)), bias * rng.normal(size=k), rng.integers(0, k, n)


@pytest.mark.parametrize("seed", range(3))
def test_every_metric_agrees_with_its_definition(seed):
    x, w, b, y = case(seed)
    found = g.margins(x, w, b, y)
    for i in range(len(x)):
        assert g.angles(x, w)[i] == pytest.approx([slow.angle(x[i], v) for v in w])
        assert g.norms(x)[i] == pytest.approx(slow.length(x[i]))
        assert (found.margin[i], found.rival[i]) == pytest.approx(slow.margin(x[i], w, b, y[i]))


@given(st.integers(0, 10_000))
def test_the_margins_sign_is_correctness_and_angles_lie_in_their_range(seed):
    x, w, b, y = case(seed, n=20, d=1 + seed % 7, k=2 + seed % 4)
    right = [int(np.argmax(slow.logits(v, w, b))) == k for v, k in zip(x, y, strict=True)]
    assert ((g.margins(x, w, b, y).margin > 0) == right).all()
    angles = g.angles(x, w)
    assert ((angles >= 0) & (angles <= np.pi)).all()


def test_where_a_sample_is_right_its_margin_is_the_distance_to_another_decision():
    x, w, b, _ = case(1, n=30, d=3)
    y = np.argmax(x @ w.T + b, axis=1)
    found, rng = g.margins(x, w, b, y), np.random.default_rng(0)
    for i in range(len(x)):
        j, m = found.rival[i], found.margin[i]
        step = (w[j] - w[y[i]]) / np.linalg.norm(w[y[i]] - w[j])
        before, behind = x[i] + 0.999 * m * step, x[i] + 1.001 * m * step
        assert np.argmax(w @ before + b) == y[i]
        assert np.argmax(w @ behind + b) == j
        ball = rng.normal(size=(500, 3))
        inside = x[i] + 0.999 * m * ball / np.linalg.norm(ball, axis=1, keepdims=True)
        assert (np.argmax(inside @ w.T + b, axis=1) == y[i]).all()


def test_where_it_is_wrong_the_way_to_its_class_is_no_shorter():
    x, w, b, y = case(2, n=60, d=2, k=4)
    margin = g.margins(x, w, b, y).margin
    turn = np.linspace(0, 2 * np.pi, 721)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for i in np.flatnonzero(margin < 0):
        inside = x[i] + 0.999 * abs(margin[i]) * circle
        assert (np.argmax(inside @ w.T + b, axis=1) != y[i]).all()


@given(st.floats(1e-3, 1e3), st.integers(0, 100))
def test_scale_laws(scale, seed):
    x, w, b, y = case(seed)
    # Features grow: angles stay, norms and (with biases that grow alike) margins grow with them.
    assert g.angles(scale * x, w) == pytest.approx(g.angles(x, w))
    assert g.norms(scale * x) == pytest.approx(scale * g.norms(x))
    margin = g.margins(x, w, b, y).margin
    assert g.margins(scale * x, w, scale * b, y).margin == pytest.approx(scale * margin)
    # The classifier grows: logits do, geometry does not.
    assert g.margins(x, scale * w, scale * b, y).margin == pytest.approx(margin)
    assert g.angles(x, scale * w) == pytest.approx(g.angles(x, w))
    # The same turn of features and directions changes nothing.
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))[0]
    assert g.margins(x @ turn, w @ turn, b, y).margin == pytest.approx(margin)
    assert g.angles(x @ turn, w @ turn) == pytest.approx(g.angles(x, w))
    # Adding one vector to all directions changes angles, and no decision and no margin.
    shift = np.random.default_rng(seed).normal(size=6)
    assert g.margins(x, w + shift, b, y).margin == pytest.approx(margin, rel=1e-6)


def test_angles_of_huge_and_tiny_features_are_those_of_their_directions():
    x, w, _, _ = case(3)
    for scale in (1e-200, 1e200):
        assert g.angles(scale * x, w) == pytest.approx(g.angles(x, w))


def test_what_is_not_defined_is_nan_and_spreads_to_nothing_else():
    x, w, b, y = case(4)
    x[3], x[5, 1] = 0, np.nan
    angles, found = g.angles(x, w), g.margins(x, w, b, y)
    assert np.isnan(angles[[3, 5]]).all()
    assert np.isfinite(np.delete(angles, [3, 5], axis=0)).all()
    assert np.isnan(found.margin[5])
    assert found.rival[5] == -1
    assert np.isfinite(found.margin[3])  # the biases alone decide there
    w[2] = 0
    assert np.isnan(g.angles(x, w)[:, 2]).all()


def test_classes_of_one_direction_have_no_boundary_but_their_biases():
    x, w = np.ones((1, 2)), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert g.margins(x, w, [1.0, 0.0], np.array([0])).margin[0] == np.inf
    assert g.margins(x, w, [1.0, 0.0], np.array([1])).margin[0] == -np.inf
    assert g.margins(x, w, [1.0, 1.0], np.array([1])).margin[0] == 0


def test_spread_and_separation_agree_with_their_definitions():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 4, 60)
    y[y == 2] = 3  # a class without samples
    x = rng.normal(size=(60, 5)) + 2 * y[:, None]
    found = g.separation(x, y, 5)
    assert found.count.tolist() == np.bincount(y, minlength=5).tolist()
    there = [0, 1, 3]
    own = {k: slow.own_of(x.tolist(), y.tolist(), k) for k in there}
    for k in there:
        assert found.spread[k] == pytest.approx(slow.spread(own[k]))
        others = {j: slow.apart(slow.centre(own[k]), slow.centre(own[j])) for j in there if j != k}
        assert found.apart[k] == pytest.approx(min(others.values()))
        assert found.nearest[k] == min(others, key=lambda j: others[j])
    assert np.isnan(found.spread[[2, 4]]).all()
    assert np.isnan(found.apart[[2, 4]]).all()
    assert found.nearest[[2, 4]].tolist() == [-1, -1]
    assert found.share == pytest.approx(slow.share_between(x.tolist(), y.tolist()))
    assert found.within**2 + found.between**2 == pytest.approx(slow.spread(x.tolist()) ** 2)
    scaled = g.separation(7 * x, y, 5)
    assert (scaled.share, scaled.within) == pytest.approx((found.share, 7 * found.within))


def test_the_share_between_classes_at_its_ends():
    y = np.repeat([0, 1], 10)
    assert g.separation(np.eye(2)[y], y, 2).share == pytest.approx(1)
    assert g.separation(np.tile(np.arange(10.0), 2)[:, None], y, 2).share == pytest.approx(0)
    assert np.isnan(g.separation(np.full((20, 3), 0.1), y, 2).share)
    alone = g.separation(np.eye(2)[y], np.zeros(20, int), 2)
    assert np.isnan(alone.apart).all()


def test_vectors_are_zscored_and_constant_metrics_refused():
    rng = np.random.default_rng(6)
    values = [rng.normal(size=30), rng.uniform(5, 6, 30), rng.normal(size=30)]
    found = g.geometry_vector(*values)
    for row, own in zip(found, values, strict=True):
        assert row == pytest.approx(slow.zscored(own.tolist()))
    assert g.geometry_vector(values[0], 9 * values[1], 3 * values[2] + 1) == pytest.approx(found)  # scales drop out
    for flat in (np.full(30, 0.1), np.full(30, np.nan), np.r_[np.full(29, 0.3), np.nan]):
        with pytest.raises(ValueError, match="constant"):
            g.geometry_vector(values[0], flat, values[2])
    with_gap = values[1].copy()
    with_gap[4] = np.nan
    gap = g.zscored(with_gap)
    assert np.isnan(gap[4])
    assert np.delete(gap, 4) == pytest.approx(slow.zscored(np.delete(values[1], 4).tolist()))


def test_constant_columns_are_found_whatever_their_size():
    x = np.array([[0.0, 1e9, 0.3, np.nan, 1.0], [0.0, 1e9, 0.1 + 0.2, np.nan, 1.1], [0.0, 1e9, 0.3, np.nan, np.nan]])
    assert g.constant(x).tolist() == [True, True, True, True, False]
    assert g.constant(np.array([[1e-30], [2e-30]])).tolist() == [False]


def test_distances_are_correlations_in_disguise():
    rng = np.random.default_rng(7)
    values = rng.normal(size=(4, 3, 50))
    values[1] = -values[0]
    values[2] = 2 * values[0] + 1
    v = np.stack([g.geometry_vector(*own) for own in values])
    d = g.vector_distances(v)
    assert (d == d.T).all()
    assert (d[0, 1], d[0, 2]) == pytest.approx((2, 0), abs=1e-7)
    r = np.mean([np.corrcoef(values[0, m], values[3, m])[0, 1] for m in range(3)])
    assert g.correlation_of(d[0, 3]) == pytest.approx(r)
    v[0, 0, :10] = np.nan
    both = np.isfinite(v[0]) & np.isfinite(v[3])
    assert g.vector_distances(v)[0, 3] == pytest.approx(np.sqrt(np.mean((v[0][both] - v[3][both]) ** 2)))
    v[0] = np.nan
    assert np.isnan(g.vector_distances(v)[0, 1:]).all()
