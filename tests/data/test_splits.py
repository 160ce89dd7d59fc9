"""Laws of the choice of images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.core.errors import DataError, SpecError
from pruneviz.core.spec import DataSpec
from pruneviz.data import load
from pruneviz.data.splits import balanced, stratified

labels = st.lists(st.integers(0, 6), min_size=1, max_size=200).map(lambda v: np.array(v, dtype=np.int64))


@given(labels, st.floats(0, 0.99), st.integers(0, 5))
def test_held_out_images_are_stratified_and_disjoint(y, fraction, seed):
    kept, held = stratified(y, fraction, seed)
    assert np.array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(y)))
    assert np.array_equal(kept, np.sort(kept))
    assert np.array_equal(held, np.sort(held))
    for c in np.unique(y):
        of_class, out = np.sum(y == c), np.sum(y[held] == c)
        assert out < of_class  # a class never loses its last training image
        assert abs(out - fraction * of_class) < 1 or out == of_class - 1


@given(labels, st.floats(0, 0.99), st.integers(0, 5))
def test_same_seed_same_split(y, fraction, seed):
    assert np.array_equal(stratified(y, fraction, seed)[1], stratified(y.copy(), fraction, seed)[1])


def test_other_seed_other_split_of_the_same_size():
    y = np.repeat(np.arange(10), 100)
    a, b = stratified(y, 0.1, 0)[1], stratified(y, 0.1, 1)[1]
    assert len(a) == len(b) == 100
    assert not np.array_equal(a, b)


def test_total_is_the_fraction_rounded_with_the_largest_remainders_first():
    y = np.array([0] * 14 + [1] * 16)  # a tenth of 30 is 3: 1.4 and 1.6
    held = stratified(y, 0.1, 0)[1]
    assert np.bincount(y[held]).tolist() == [1, 2]


@given(labels, st.integers(1, 220))
def test_limit_is_met_and_balanced(y, limit):
    at = balanced(y, limit)
    assert len(at) == min(limit, len(y)) == len(set(at.tolist()))
    assert np.array_equal(at, np.sort(at))
    counts, have = np.bincount(y[at], minlength=7), np.bincount(y, minlength=7)
    for a in range(7):
        for b in range(7):
            # no class gives two more than another that still has images
            assert counts[a] <= counts[b] + 1 or counts[b] == have[b]


def test_limit_spreads_over_the_original_order():
    y = np.zeros(100, dtype=np.int64)
    assert balanced(y, 4).tolist() == [0, 25, 50, 75]
    assert balanced(y, None).tolist() == list(range(100))


def test_loaded_splits_share_no_image():
    data = load(DataSpec("sample:digits", val_fraction=0.25, split_seed=3))
    everything = [*data.train.ids, *data.val.ids, *data.test.ids]
    assert len(set(everything)) == len(everything) == 1797
    again = load(DataSpec("sample:digits", val_fraction=0.25, split_seed=3))
    assert again.digest == data.digest
    assert np.array_equal(again.val.ids, data.val.ids)
    other = load(DataSpec("sample:digits", val_fraction=0.25, split_seed=4))
    assert other.digest != data.digest
    assert set(other.val.ids) != set(data.val.ids)


def test_limits_come_before_the_validation_split():
    data = load(DataSpec("sample:fashion", train_limit=200, test_limit=50))
    assert (len(data.train), len(data.val), len(data.test)) == (180, 20, 50)
    assert np.bincount(data.val.labels).tolist() == [2] * 10
    assert np.bincount(data.test.labels).tolist() == [5] * 10


def test_split_seed_leaves_the_test_images_alone():
    a, b = (load(DataSpec("sample:fashion", test_limit=50, split_seed=s)) for s in (0, 1))
    assert a.test.content == b.test.content


def test_no_validation_on_request():
    assert load(DataSpec("sample:digits", val_fraction=0)).val is None


def test_fraction_that_leaves_nothing_is_refused():
    with pytest.raises(DataError, match=r"val_fraction 0.01 of 20 training images leaves none"):
        load(DataSpec("sample:digits", train_limit=20, val_fraction=0.01))


def test_limit_below_the_number_of_classes_is_refused():
    with pytest.raises(SpecError, match=r"train_limit: got 9; allowed: at least one image for each of 10 classes"):
        load(DataSpec("sample:digits", train_limit=9))
