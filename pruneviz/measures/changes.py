"""How the predictions of two models differ on the same samples."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.measures.statistics import resampled_means

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]

SMALL_CLASS = 10  # with fewer samples than this no paired interval is given


class Change(IntEnum):
    """What became of one sample's prediction."""

    STAYED_RIGHT = 0
    STAYED_WRONG = 1
    RIGHT_TO_WRONG = 2
    WRONG_TO_RIGHT = 3
    WRONG_TO_WRONG = 4  # another wrong class


@dataclass(frozen=True, eq=False)
class Flips:
    """Counts of what became of the predictions; every property keeps the leading axes.

    Attributes:
        counts: (…, 5) whole numbers, by :class:`Change`.
    """

    counts: Ints

    @property
    def n(self) -> Ints:
        """Samples."""
        return np.asarray(self.counts.sum(axis=-1))

    @property
    def right_to_wrong(self) -> Ints:
        """Samples that were right and are wrong."""
        return self.counts[..., Change.RIGHT_TO_WRONG]

    @property
    def wrong_to_right(self) -> Ints:
        """Samples that were wrong and are right."""
        return self.counts[..., Change.WRONG_TO_RIGHT]

    @property
    def wrong_to_wrong(self) -> Ints:
        """Samples that went from one wrong class to another."""
        return self.counts[..., Change.WRONG_TO_WRONG]

    @property
    def unchanged(self) -> Ints:
        """Samples whose prediction is the same."""
        return self.counts[..., Change.STAYED_RIGHT] + self.counts[..., Change.STAYED_WRONG]

    @property
    def churn(self) -> Floats:
        """Share of samples whose prediction changed (Milani Fard et al. 2016); NaN without samples."""
        return _share(self.n - self.unchanged, self.n)

    @property
    def negative_flips(self) -> Floats:
        """Share of all samples that went from right to wrong (Yan et al. 2021, 'negative flip rate')."""
        return _share(self.right_to_wrong, self.n)

    @property
    def positive_flips(self) -> Floats:
        """Share of all samples that went from wrong to right."""
        return _share(self.wrong_to_right, self.n)

    @property
    def accuracy_before(self) -> Floats:
        """Accuracy of the first model."""
        return _share(self.counts[..., Change.STAYED_RIGHT] + self.right_to_wrong, self.n)

    @property
    def accuracy_difference(self) -> Floats:
        """The second model's accuracy minus the first's."""
        return _share(self.wrong_to_right - self.right_to_wrong, self.n)

    @property
    def overall(self) -> Flips:
        """The same over all classes, for counts of (…, K, 5)."""
        return Flips(self.counts.sum(axis=-2))


def changes(
    labels: npt.NDArray[np.integer[Any]], before: npt.NDArray[np.integer[Any]], after: npt.NDArray[np.integer[Any]]
) -> Codes:
    """What became of each prediction, as :class:`Change` codes.

    Args:
        labels: (N,) true classes.
        before: (N,) or (P, N) predictions of the first model.
        after: of the second model, sample for sample.

    Returns:
        int8, of the predictions' shape.
    """
    right, same = before == labels, before == after
    stayed = np.where(right, np.int8(Change.STAYED_RIGHT), np.int8(Change.STAYED_WRONG))
    gained = np.where(after == labels, np.int8(Change.WRONG_TO_RIGHT), np.int8(Change.WRONG_TO_WRONG))
    return np.where(same, stayed, np.where(right, np.int8(Change.RIGHT_TO_WRONG), gained))


def count_changes(codes: Codes, labels: npt.NDArray[np.integer[Any]], num_classes: int) -> Flips:
    """Counts per class.

    Args:
        codes: (P, N) from :func:`changes`.
        labels: (N,) in [0, num_classes).
        num_classes: K.

    Returns:
        Flips with counts of (P, K, 5); ``.overall`` sums the classes.
    """
    kinds = len(Change)
    own = labels.astype(np.int64) * kinds
    counts = np.empty((len(codes), num_classes * kinds), np.int64)
    for i, row in enumerate(codes):
        counts[i] = np.bincount(own + row, minlength=num_classes * kinds)
    return Flips(counts.reshape(len(codes), num_classes, kinds))


def mcnemar(right_to_wrong: npt.ArrayLike, wrong_to_right: npt.ArrayLike) -> Floats:
    """McNemar's exact test that two models are right equally often on such samples.

    Given the samples on which just one of them is right, each is as likely to be it: two-sided binomial
    probability (McNemar 1947; exact form). 1 where no sample tells them apart.

    Args:
        right_to_wrong: counts, any shape.
        wrong_to_right: counts of that shape.

    Returns:
        p-values in (0, 1], of that shape.
    """
    from scipy.special import bdtr

    lost, gained = np.asarray(right_to_wrong, np.int64), np.asarray(wrong_to_right, np.int64)
    return np.minimum(2.0 * np.asarray(bdtr(np.minimum(lost, gained).astype(np.float64), lost + gained, 0.5)), 1.0)


def paired_interval(
    lost: npt.ArrayLike, gained: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95, least: int = SMALL_CLASS
) -> tuple[Floats, Floats]:
    """Interval of a difference of two shares on the same samples, (gained − lost) / n, the models held fixed.

    Half a sample is added to each of the four cells ('Wald+2', Agresti & Min 2005, Statistics in Medicine 24), so
    that the interval has a width where nothing changed and keeps its level in small classes. It speaks of other
    samples from the same source, not of other models.

    Args:
        lost: samples that count for the first model only (for accuracy: right to wrong).
        gained: samples that count for the second only.
        n: all samples.
        level: in (0, 1).
        least: with fewer samples than this there is no interval: NaN.

    Returns:
        Low and high ends, in [−1, 1]; they contain the estimate.
    """
    from scipy.special import ndtri

    b, c, total = (np.asarray(x, np.float64) for x in (lost, gained, n))
    z, padded = float(ndtri((1 + level) / 2)), total + 2.0
    middle = (c - b) / padded
    half = z * np.sqrt(b + c + 1.0 - (c - b) ** 2 / padded) / padded
    enough = total >= max(least, 1)
    low = np.where(enough, np.maximum(middle - half, -1.0), np.nan)
    return low, np.where(enough, np.minimum(middle + half, 1.0), np.nan)


def paired_bootstrap(
    differences: npt.NDArray[Any], level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[Floats, Floats]:
    """Percentile interval of the mean of paired differences, resampling the samples, the models held fixed.

    For any per-sample quantity: right after minus right before (accuracy), or a difference of losses. Where fewer
    than about ten samples differ it is too narrow, and of no width where none does: use :func:`paired_interval`
    for shares of few samples.

    Args:
        differences: (N,) or (P, N), second model minus first, sample for sample.
        level: in (0, 1).
        resamples: draws; the same for every pair.
        seed: of the draws.

    Returns:
        Low and high ends, () or (P,).
    """
    means = resampled_means(np.atleast_2d(differences), resamples, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=1)
    shape = differences.shape[:-1]
    return low.reshape(shape), high.reshape(shape)


def _share(count: Ints, total: Ints) -> Floats:
    out = np.full(np.shape(total), np.nan)
    np.divide(count, total, out=out, where=np.asarray(total) > 0)
    return out
