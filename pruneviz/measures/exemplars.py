"""Images on which most pruned models say something else than most dense ones: pruning-identified exemplars.

Source: Hooker, Courville, Clark, Dauphin and Frome 2019, *What Do Compressed Deep Neural Networks Forget?*
(arXiv 1911.05248), section 2, where each population has 30 models.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEAST_MODELS = 10  # with fewer, the most frequent prediction is an accident of the few
_CELLS = 20_000_000  # votes held at once


def votes(predictions: npt.NDArray[np.integer], classes: int) -> npt.NDArray[np.int64]:
    """How many of the models predict each class.

    Args:
        predictions: (M, S), of M models on S images.
        classes: how many there are.

    Returns:
        (S, classes).
    """
    size = predictions.shape[1]
    flat = np.arange(size) * classes + predictions
    return np.bincount(flat.ravel(), minlength=size * classes).reshape(size, classes)


def exemplars(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> Bools:
    """Whether the most frequent prediction of one population is none of the other's.

    Several classes may be as frequent as each other: then it is enough that one of them is among the other's.

    Args:
        before, after: (…, S, classes) votes of the dense and of the pruned models.

    Returns:
        (…, S).
    """
    most_before = before == before.max(axis=-1, keepdims=True)
    most_after = after == after.max(axis=-1, keepdims=True)
    return np.asarray(~(most_before & most_after).any(axis=-1))


def swapped(
    before: npt.NDArray[np.integer], after: npt.NDArray[np.integer], classes: int, draws: int, seed: int
) -> Ints:
    """How many exemplars there are when it is drawn for each pair which of its two models counts as the pruned one.

    Where pruning changes no more than chance does, the two models of a pair can be exchanged, and the number that was
    found is one of these.

    Args:
        before, after: (M, S) predictions of M dense models and of what each became.
        classes: how many there are.
        draws: exchanges drawn.
        seed: of the draws.

    Returns:
        (draws,).
    """
    exchanged = np.random.default_rng(seed).random((draws, len(before))) < 0.5
    found = np.zeros(draws, np.int64)
    unequal = np.flatnonzero((before != after).any(axis=0))  # where no pair differs, nothing can be exchanged
    step = max(1, _CELLS // max(1, draws * classes))
    for at in (unequal[i : i + step] for i in range(0, len(unequal), step)):
        own = np.eye(classes, dtype=np.float32)
        a, b = own[before[:, at]], own[after[:, at]]
        moved = np.einsum("dm,msc->dsc", exchanged.astype(np.float32), b - a, optimize=True)
        one, other = a.sum(axis=0) + moved, b.sum(axis=0) - moved
        found += exemplars(one.round().astype(np.int64), other.round().astype(np.int64)).sum(axis=1)
    return found
