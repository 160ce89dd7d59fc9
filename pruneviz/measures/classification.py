"""What a classifier's logits say about each sample, and about all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import DataError, ModelError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK = 1 << 21  # logits held in float64 at a time (16 MiB an array)


@dataclass(frozen=True, eq=False)
class PerSample:
    """What the logits say of each sample; all arrays are (N,).

    Attributes:
        prediction: class with the largest logit, the first of equals.
        loss: cross-entropy in nats, at least 0.
        confidence: largest softmax probability, in [1/K, 1].
        margin: true class's logit minus the largest other; positive only when right, negative only when wrong,
            0 for a tie.
    """

    prediction: Ints
    loss: Floats
    confidence: Floats
    margin: Floats


@dataclass(frozen=True, eq=False)
class Summary:
    """What the samples of a split say of a model; accuracies are fractions in [0, 1].

    Attributes:
        n: samples.
        accuracy: share of samples predicted right.
        loss: mean cross-entropy in nats.
        balanced_accuracy: mean of the accuracies of the classes that have samples.
        worst_class: number of the class with the lowest accuracy, the first of equals, among those with samples.
        worst_class_accuracy: that accuracy.
        class_n: samples of each class, (K,).
        class_accuracy: accuracy of each class, (K,); NaN for a class without samples.
        absent: the classes without samples, which no figure above counts.
    """

    n: int
    accuracy: float
    loss: float
    balanced_accuracy: float
    worst_class: int
    worst_class_accuracy: float
    class_n: Ints
    class_accuracy: Floats
    absent: tuple[int, ...]


def per_sample(logits: npt.NDArray[Any], labels: npt.NDArray[np.integer[Any]]) -> PerSample:
    """Prediction, loss, confidence and margin of each sample.

    Computed in float64 whatever the logits are; ``log1p`` of the other classes' share keeps small losses exact
    (a loss of 1e-20 is not 0), and subtracting the peak keeps large logits from overflowing.

    Args:
        logits: (N, K), float32, K at least 2.
        labels: (N,), whole numbers in [0, K).

    Raises:
        ModelError: K is below 2, or some logits are NaN or infinite.
        DataError: there are no samples, or a label is outside [0, K).
        ValueError: the shapes do not fit each other.
    """
    if logits.ndim != 2 or labels.shape != (len(logits),):
        raise ValueError(f"logits must be (N, K) and labels (N,); got {logits.shape} and {labels.shape}")
    n, classes = logits.shape
    if classes < 2:
        raise ModelError(
            f"The model gives {classes} output per sample; allowed: one per class, at least 2. "
            "Give it a final layer with one output for each class."
        )
    _check_labels(labels, classes)
    bad = ~np.isfinite(logits).all(axis=1)
    if bad.any():
        raise ModelError(
            f"The model's outputs are NaN or infinite for {int(bad.sum())} of {n} samples (first: number "
            f"{int(bad.argmax())}); allowed: finite numbers. Its weights may be damaged or its training may have "
            "diverged: check the checkpoint, or train with a lower learning rate."
        )
    out = PerSample(np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n))
    step = max(1, _BLOCK // classes)
    for start in range(0, n, step):
        part = slice(start, start + step)
        z = logits[part].astype(np.float64)
        row, true = np.arange(len(z)), labels[part]
        top = z.argmax(axis=1)
        peak, own = z[row, top], z[row, true]
        others = np.exp(z - peak[:, None])
        others[row, top] = 0.0
        rest = others.sum(axis=1)
        z[row, true] = -np.inf
        out.prediction[part] = top
        out.loss[part] = (peak - own) + np.log1p(rest)
        out.confidence[part] = 1.0 / (1.0 + rest)
        out.margin[part] = own - z.max(axis=1)
    return out


def summarise(
    labels: npt.NDArray[np.integer[Any]], prediction: npt.NDArray[np.integer[Any]], loss: Floats, num_classes: int
) -> Summary:
    """Accuracy, loss, balanced and worst-class accuracy of a split.

    Args:
        labels: (N,), whole numbers in [0, num_classes).
        prediction: (N,), whole numbers.
        loss: (N,), nats.
        num_classes: K, the classes of the task, whether or not each has samples.

    Raises:
        DataError: there are no samples, or a label is outside [0, num_classes).
    """
    _check_labels(labels, num_classes)
    right = prediction == labels
    count = np.bincount(labels, minlength=num_classes)
    correct = np.bincount(labels[right], minlength=num_classes)
    share = np.full(num_classes, np.nan)
    np.divide(correct, count, out=share, where=count > 0)
    worst = int(np.nanargmin(share))
    return Summary(
        n=len(labels),
        accuracy=int(right.sum()) / len(labels),
        loss=float(np.mean(loss)),
        balanced_accuracy=float(np.nanmean(share)),
        worst_class=worst,
        worst_class_accuracy=float(share[worst]),
        class_n=count,
        class_accuracy=share,
        absent=tuple(int(c) for c in np.flatnonzero(count == 0)),
    )


def _check_labels(labels: npt.NDArray[np.integer[Any]], classes: int) -> None:
    if len(labels) == 0:
        raise DataError("There are no samples to measure on; allowed: at least 1. Check the test split of the data.")
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        raise DataError(
            f"{int(outside.sum())} of {len(labels)} labels are outside 0 … {classes - 1}, the model's classes "
            f"(first: {int(labels[outside][0])}, sample number {int(outside.argmax())}). "
            "Number the classes from 0, and give the model one output for each."
        )
