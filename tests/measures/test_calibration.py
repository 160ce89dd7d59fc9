from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import calibration_slow as slow
from scipy.stats import binom
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from pruneviz.measures.calibration import (
    BINNINGS,
    binned,
    brier,
    error_shares,
    floors,
    reliability,
    squared_error_shares,
)
from pruneviz.measures.classification import per_sample
from pruneviz.measures.statistics import t_interval

EDGES = {"width": lambda c, b: slow.edges_of_equal_width(b), "mass": slow.edges_of_equal_mass}


def sure(rng, n, scale=2.0, classes=5):
    """Confidences of random logits."""
    z = scale * rng.normal(size=(n, classes))
    return per_sample(z.astype(np.float32), np.zeros(n, np.int64)).confidence


confidences = st.lists(st.sampled_from([0.05, 0.2, 0.25, 0.5, 0.5, 0.75, 0.99, 1.0]), min_size=1, max_size=40)


@given(confidences, st.integers(2, 12), st.sampled_from(BINNINGS), st.data())
def test_bins_and_error_agree_with_the_definition_ties_and_all(given_, count, kind, data):
    right = np.array(data.draw(st.lists(st.booleans(), min_size=len(given_), max_size=len(given_))))
    c = np.array(given_)
    bins = binned(c, count, kind)
    told = reliability(c, right, bins)
    expected = slow.table(given_, right.tolist(), EDGES[kind](given_, count))
    assert told.count.tolist() == [n for n, _, _ in expected]
    assert told.confidence == pytest.approx([v for _, v, _ in expected], nan_ok=True)
    assert told.accuracy == pytest.approx([v for _, _, v in expected], nan_ok=True)
    assert told.error == pytest.approx(slow.ece(expected))
    assert float(error_shares(c, right, bins).mean()) == pytest.approx(told.error)
    squared = slow.squared_error(given_, right.tolist(), EDGES[kind](given_, count))
    assert float(squared_error_shares(c, right, bins).mean()) == pytest.approx(squared, abs=1e-12)
    order = data.draw(st.permutations(range(len(given_))))
    assert reliability(c[order], right[order], binned(c[order], count, kind)).error == pytest.approx(told.error)


@pytest.mark.parametrize("kind", BINNINGS)
def test_the_curve_is_that_of_scikit_learn(kind):
    rng = np.random.default_rng(0)
    c = sure(rng, 1000)
    right = rng.random(1000) < c**2
    told = reliability(c, right, binned(c, 10, kind))
    strategy = {"width": "uniform", "mass": "quantile"}[kind]
    accuracy, mean = calibration_curve(right, c, n_bins=10, strategy=strategy)
    there = told.count > 0
    # Their quantiles lie between two samples, which moves a sample or two to the next bin.
    tolerance = {"rel": 1e-9} if kind == "width" else {"abs": 0.02}
    assert told.accuracy[there] == pytest.approx(accuracy, **tolerance)
    assert told.confidence[there] == pytest.approx(mean, **tolerance)


def test_brier_agrees_with_the_definition_and_scikit_learn():
    rng = np.random.default_rng(1)
    z, labels = (4 * rng.normal(size=(50, 4))).astype(np.float32), rng.integers(0, 4, 50)
    got = brier(z, labels)
    assert got == pytest.approx([slow.brier(row, k) for row, k in zip(z.astype(float).tolist(), labels, strict=True)])
    two = z[:, :2]
    share = np.exp(two[:, 1]) / np.exp(two).sum(axis=1)
    assert brier(two, labels % 2).mean() == pytest.approx(2 * brier_score_loss(labels % 2, share), rel=1e-5)
    assert brier(np.array([[1e4, 0.0], [0.0, 1e4]], np.float32), np.array([0, 0])).tolist() == [0, 2]


def test_bins_of_equal_mass_hold_the_same_number():
    c = sure(np.random.default_rng(2), 1003)
    assert set(binned(c, 15, "mass").count) <= {66, 67}
    assert len(binned(np.full(50, 0.7), 15, "mass").count) == 1
    assert binned(np.array([0.5, 1.0, 1.0, 1.0]), 4, "mass").count.tolist() == [1, 3]


def test_what_is_no_confidence_is_refused():
    for wrong in ([], [1.1], [np.nan], [-0.1]):
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            binned(np.array(wrong), 10, "width")
    with pytest.raises(ValueError, match="binning"):
        binned(np.array([0.5]), 10, "weight")


# -- the floor


def test_the_floor_is_what_calibrated_models_show():
    """Against the exact distribution: one bin of equal confidences has binomially many right."""
    n, c = 40, 0.7
    floor = floors(np.full(n, c), [binned(np.full(n, c), 2, "width")], 20_000, 0)[0]
    hits = np.arange(n + 1)
    error, chance = np.abs(hits / n - c), binom.pmf(hits, n, c)
    assert floor.mean == pytest.approx(float((error * chance).sum()), rel=0.02)
    for at in (0.0, 0.1, 0.2):
        assert floor.p(at) == pytest.approx(float(chance[error >= at - 1e-9].sum()), abs=0.01)
    low, high = binom.interval(0.95, n, c)
    assert (floor.low[1], floor.high[1]) == pytest.approx((low / n, high / n))
    assert np.isnan(floor.low[0])


def test_a_calibrated_model_is_seldom_called_miscalibrated_and_its_floor_is_its_error():
    rng = np.random.default_rng(3)
    found, errors, floor = [], [], []
    for trial in range(200):
        c = sure(rng, 400)
        right = rng.random(400) < c
        bins = [binned(c, 15, kind) for kind in BINNINGS]
        chance = floors(c, bins, 200, trial)
        errors.append([reliability(c, right, b).error for b in bins])
        floor.append([f.mean for f in chance])
        found.append([f.p(e) <= 0.05 for f, e in zip(chance, errors[-1], strict=True)])
    assert max(np.mean(found, axis=0)) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(errors, axis=0) == pytest.approx(np.mean(floor, axis=0), rel=0.05)
    assert np.mean(floor, axis=0)[1] > 0.04  # never near 0 with so few samples


def test_a_model_of_this_size_has_the_floor_that_the_design_names():
    """2,000 samples of a model that is as sure as a LeNet-5 is."""
    c = sure(np.random.default_rng(4), 2000, scale=6.0)
    assert 0.8 < c.mean() < 0.9
    assert floors(c, [binned(c, 15, "mass")], 200, 0)[0].mean == pytest.approx(0.017, abs=0.002)


def test_floors_are_seeded_and_do_not_depend_on_the_order_or_the_block(monkeypatch):
    c = sure(np.random.default_rng(5), 300)
    bins = [binned(c, 15, kind) for kind in BINNINGS]
    first = floors(c, bins, 150, 7)
    assert [f.errors.tolist() for f in floors(c, bins, 150, 7)] == [f.errors.tolist() for f in first]
    turned = c[::-1]
    other = floors(turned, [binned(turned, 15, kind) for kind in BINNINGS], 150, 7)
    assert [f.errors for f in other] == [pytest.approx(f.errors) for f in first]
    monkeypatch.setattr("pruneviz.measures.calibration._BLOCK", 1000)
    assert [f.errors.tolist() for f in floors(c, bins, 150, 7)] == [f.errors.tolist() for f in first]


# -- differences of two models

# How much less often than its confidence each of two models is right, and what its logits' scale is.
NULLS = {
    "calibrated, of other confidences": ((0.0, 0.5), (0.0, 6.0)),
    "equally overconfident": ((0.15, 2.0), (0.15, 2.0)),
    "equally overconfident, of other confidences": ((0.15, 2.0), (0.15, 2.6)),
}


def pairs(kind, trials, n):
    """For each trial the two models' confidences, and which samples they have right."""
    rng = np.random.default_rng(6)
    for _ in range(trials):
        models = [(sure(rng, n, scale), by) for by, scale in kind]
        yield [(c, rng.random(n) < np.maximum(c - by, 0)) for c, by in models]


def of(shares, models):
    return [shares(c, right, binned(c, 15, "mass")) for c, right in models]


@pytest.mark.parametrize("kind", NULLS)
def test_models_that_are_calibrated_alike_are_seldom_told_apart(kind):
    """The rules of the analysis: the squared error's interval as it is, the error's widened by both floors."""
    trials, squared, widened, plain = 200, 0, 0, 0
    for i, models in enumerate(pairs(NULLS[kind], trials, 500)):
        a, b = of(squared_error_shares, models)
        got = t_interval(b - a)
        squared += not got.low <= 0 <= got.high
        a, b = of(error_shares, models)
        got = t_interval(b - a)
        plain += not got.low <= 0 <= got.high
        floor = [floors(c, [binned(c, 15, "mass")], 50, i)[0].mean for c, _ in models]
        widened += not got.low - floor[1] <= 0 <= got.high + floor[0]
    limit = 0.05 + 2 * np.sqrt(0.05 * 0.95 / trials)
    assert squared / trials <= limit
    assert widened / trials <= limit
    if kind == "calibrated, of other confidences":
        assert plain / trials > limit  # what the widening is for: the one's floor is higher than the other's


def test_the_squared_error_has_no_bias():
    rng, told = np.random.default_rng(7), {0.0: [], 0.1: []}
    for by, values in told.items():
        for _ in range(300):
            c = 0.4 + 0.5 * rng.random(300)
            values.append(squared_error_shares(c, rng.random(300) < c - by, binned(c, 15, "mass")).mean())
        assert np.mean(values) == pytest.approx(by**2, abs=3 * np.std(values) / np.sqrt(300))


def test_a_model_that_is_calibrated_worse_is_told():
    found = 0
    for models in pairs(((0.0, 2.0), (0.15, 2.0)), 100, 500):
        a, b = of(squared_error_shares, models)
        found += t_interval(b - a).low > 0
    assert found > 80
