from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import measures_slow as slow

from pruneviz.core.errors import DataError, ModelError
from pruneviz.measures import classification
from pruneviz.measures.classification import per_sample, summarise


@st.composite
def batches(draw):
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 6))
    # Few distinct values, so that ties occur; large ones, so that a naive exponential would overflow.
    values = st.sampled_from([-1000.0, -3.5, -1.0, 0.0, 0.25, 1.0, 2.0, 700.0, 3e38])
    logits = draw(st.lists(st.lists(values, min_size=k, max_size=k), min_size=n, max_size=n))
    labels = draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))
    return np.array(logits, np.float32), np.array(labels)


@given(batches())
def test_agrees_with_the_definition_a_sample_at_a_time(batch):
    logits, labels = batch
    rng = np.random.default_rng(0)
    logits = np.where(np.abs(logits) < 100, logits + rng.normal(0, 1, logits.shape), logits).astype(np.float32)
    logits = np.clip(logits, -300, 300)  # the reference takes the log of a share, which underflows beyond that
    got = per_sample(logits, labels)
    for i, (best, loss, confidence, margin) in enumerate(slow.per_sample(logits, labels)):
        assert got.prediction[i] == best
        assert got.loss[i] == pytest.approx(loss, rel=1e-9, abs=1e-12)
        assert got.confidence[i] == pytest.approx(confidence, rel=1e-12)
        assert got.margin[i] == pytest.approx(margin, rel=1e-12, abs=1e-12)


@given(batches())
def test_laws(batch):
    logits, labels = batch
    got = per_sample(logits, labels)
    right = got.prediction == labels
    assert (got.loss >= 0).all()
    assert np.isfinite(got.loss).all()
    assert ((got.confidence >= 1 / logits.shape[1] - 1e-12) & (got.confidence <= 1)).all()
    assert right[got.margin > 0].all()  # the margin's sign equals correctness; 0 is a tie
    assert not right[got.margin < 0].any()
    shuffled = np.random.default_rng(1).permutation(len(labels))
    again = per_sample(logits[shuffled], labels[shuffled])
    for name in ("prediction", "loss", "confidence", "margin"):
        np.testing.assert_array_equal(getattr(again, name), getattr(got, name)[shuffled])


def test_of_equal_logits_the_first_is_predicted_and_the_margin_is_zero():
    got = per_sample(np.zeros((2, 3), np.float32), np.array([0, 2]))
    assert got.prediction.tolist() == [0, 0]
    assert got.margin.tolist() == [0.0, 0.0]
    assert got.loss == pytest.approx(np.log(3))


def test_a_tiny_loss_is_not_rounded_to_zero():
    got = per_sample(np.array([[60.0, 0.0]], np.float32), np.array([0]))
    assert got.loss[0] == pytest.approx(np.exp(-60.0), rel=1e-6)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(101, 7)).astype(np.float32), rng.integers(0, 7, 101)
    whole = per_sample(logits, labels)
    monkeypatch.setattr(classification, "_BLOCK", 30)
    parts = per_sample(logits, labels)
    for name in ("prediction", "loss", "confidence", "margin"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_numbers_that_are_not_finite_are_counted_and_refused():
    logits = np.zeros((5, 3), np.float32)
    logits[1, 0], logits[3] = np.nan, np.inf
    with pytest.raises(ModelError, match=r"NaN or infinite for 2 of 5 samples \(first: number 1\)"):
        per_sample(logits, np.zeros(5, int))


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ModelError, match="1 output per sample"):
        per_sample(np.zeros((4, 1), np.float32), np.zeros(4, int))
    with pytest.raises(DataError, match="no samples"):
        per_sample(np.zeros((0, 3), np.float32), np.zeros(0, int))
    with pytest.raises(DataError, match=r"2 of 3 labels are outside 0 … 2.*first: 3, sample number 1"):
        per_sample(np.zeros((3, 3), np.float32), np.array([0, 3, -1]))
    with pytest.raises(ValueError, match="logits must be"):
        per_sample(np.zeros((3, 3), np.float32), np.zeros(4, int))


@given(batches())
def test_summary_agrees_with_the_definition(batch):
    logits, labels = batch
    k, each = logits.shape[1], per_sample(logits, labels)
    got = summarise(labels, each.prediction, each.loss, k)
    expected = slow.class_accuracies(labels.tolist(), each.prediction.tolist(), k)
    present = [a for a in expected if a is not None]
    assert got.n == len(labels)
    assert got.accuracy == float(np.mean(each.prediction == labels))
    assert got.balanced_accuracy == pytest.approx(sum(present) / len(present))
    assert got.worst_class_accuracy == min(present)
    assert got.worst_class == expected.index(min(present))
    assert got.absent == tuple(i for i, a in enumerate(expected) if a is None)
    for i, a in enumerate(expected):
        assert np.isnan(got.class_accuracy[i]) if a is None else got.class_accuracy[i] == pytest.approx(a)
    assert got.class_n.tolist() == [int((labels == i).sum()) for i in range(k)]


def test_a_class_without_samples_is_named_and_not_averaged():
    labels, prediction = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    got = summarise(labels, prediction, np.ones(4), 4)
    assert (got.balanced_accuracy, got.worst_class, got.absent) == (0.75, 0, (1, 3))
