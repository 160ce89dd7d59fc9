"""Whether confidences are what they claim: reliability, expected calibration error and its floor, Brier's score.

Confidence is the largest softmax probability; a sample is right where that class is its label. A model is calibrated
when, of the samples to which it gives confidence c, the share c is right (Guo et al. 2017, On calibration of modern
neural networks, ICML).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BINNINGS = ("width", "mass")  # equal width, equal mass
_BLOCK = 1 << 21  # numbers held at a time


def brier(logits: npt.NDArray[Any], labels: npt.NDArray[np.integer[Any]]) -> Floats:
    """Brier's score of each sample, Σ_k (p_k − [k = label])² over all classes, in [0, 2] (Brier 1950).

    Args:
        logits: (N, K), finite; see :func:`pruneviz.measures.classification.per_sample`, which checks them.
        labels: (N,), in [0, K).
    """
    out = np.empty(len(logits))
    step = max(1, _BLOCK // logits.shape[1])
    for start in range(0, len(logits), step):
        z = logits[start : start + step].astype(np.float64)
        share = np.exp(z - z.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        share[np.arange(len(z)), labels[start : start + step]] -= 1.0
        out[start : start + step] = (share**2).sum(axis=1)
    return out


@dataclass(frozen=True, eq=False)
class Bins:
    """Samples in bins of their confidence; every bin is above its lower edge and not above its upper one.

    Attributes:
        edges: (B + 1,), from 0 to 1.
        of: (N,) the bin of each sample.
    """

    edges: Floats
    of: Ints

    @property
    def count(self) -> Ints:
        """(B,) samples in each."""
        return np.bincount(self.of, minlength=len(self.edges) - 1)


def binned(confidence: Floats, bins: int, binning: str) -> Bins:
    """Put samples into bins of equal width, or of as equal a number of samples as ties allow.

    Equal confidences share a bin, so that the order of the samples says nothing; bins that ties would leave empty
    are joined with their neighbours. Bins of equal width may be empty.

    Args:
        confidence: (N,), in [0, 1], N at least 1.
        bins: how many, at least 1.
        binning: ``width`` or ``mass``.

    Raises:
        ValueError: confidences outside [0, 1] or NaN, or another binning.
    """
    if not (len(confidence) and ((confidence >= 0) & (confidence <= 1)).all()):
        raise ValueError("needs at least one confidence, all of them in [0, 1]")
    if binning == "width":
        edges = np.linspace(0.0, 1.0, bins + 1)
    elif binning == "mass":
        ordered = np.sort(confidence)
        last = np.linspace(0, len(ordered), bins + 1)[1:-1].round().astype(np.int64) - 1
        inner = np.unique(ordered[last[last >= 0]])
        edges = np.concatenate([[0.0], inner[(inner > 0) & (inner < ordered[-1])], [1.0]])
    else:
        raise ValueError(f"binning must be one of {', '.join(BINNINGS)}, got {binning!r}")
    of = np.searchsorted(edges[1:-1], confidence, side="left")
    return Bins(edges, of.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Reliability:
    """What became of the confidences in each bin; all (B,), NaN where the bin is empty.

    Attributes:
        count: samples.
        confidence: their mean confidence.
        accuracy: share of them that is right.
    """

    count: Ints
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """Expected calibration error, Σ_b n_b / N · |accuracy_b − confidence_b|, in [0, 1] (Naeini et al. 2015)."""
        gap = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(self.count * gap) / self.count.sum())


def reliability(confidence: Floats, right: Bools, bins: Bins) -> Reliability:
    """Mean confidence and accuracy of each bin."""
    size = len(bins.edges) - 1
    with np.errstate(invalid="ignore"):
        return Reliability(
            bins.count,
            np.bincount(bins.of, weights=confidence, minlength=size) / bins.count,
            np.bincount(bins.of, weights=right, minlength=size) / bins.count,
        )


def error_shares(confidence: Floats, right: Bools, bins: Bins) -> Floats:
    """What each sample adds to the calibration error: its mean over the samples *is* the error; (N,), in [−1, 1].

    (confidence − right), with the sign of its bin's gap. That is the error's influence function while no bin's gap
    changes its sign, so that intervals of means serve for it. Where a gap is about 0 its sign is chance, and the
    spread of these shares is more than the error's own: such intervals are wide rather than narrow.
    """
    gap = confidence - right
    sums = np.bincount(bins.of, weights=gap, minlength=len(bins.edges) - 1)
    shares: Floats = np.where(sums[bins.of] < 0, -gap, gap)
    return shares


def squared_error_shares(confidence: Floats, right: Bools, bins: Bins) -> Floats:
    """What each sample adds to the squared calibration error, whose mean over samples it is; (N,).

    Σ_b n_b / N · (gap_b² − s_b² / n_b), with s_b² the variance of the samples' gaps in the bin: without bias, whether
    the model is calibrated or not (Bröcker 2012; Kumar, Liang & Ma 2019, Verified uncertainty calibration, section 5),
    so that two models can be compared by it, which their calibration errors do not allow. It may be negative.
    A bin of one sample has the variance that a calibrated model's would have.
    """
    gap, n = confidence - right, bins.count
    at = np.maximum(n, 1)
    mean = np.bincount(bins.of, weights=gap, minlength=len(n)) / at
    spread = np.bincount(bins.of, weights=(gap - mean[bins.of]) ** 2, minlength=len(n)) / np.maximum(n - 1, 1)
    claimed = np.bincount(bins.of, weights=confidence * (1 - confidence), minlength=len(n)) / at
    bias = np.where(n > 1, spread, claimed) / at
    shares: Floats = 2 * mean[bins.of] * gap - (mean**2 + bias)[bins.of]
    return shares


@dataclass(frozen=True, eq=False)
class Floor:
    """What a perfectly calibrated model of the same confidences shows, since so few samples are seen.

    Attributes:
        errors: (S,) its calibration errors, simulated, in increasing order.
        low, high: (B,) the middle range of its accuracies in each bin; NaN where the bin is empty.
    """

    errors: Floats
    low: Floats
    high: Floats

    @property
    def mean(self) -> float:
        """Its mean calibration error: the floor."""
        return float(self.errors.mean())

    def below(self, level: float) -> float:
        """The error that it stays below with that probability."""
        return float(np.quantile(self.errors, level))

    def p(self, error: float) -> float:
        """How probable an error at least so large is for it, (1 + how many are) / (1 + S)."""
        at_least = len(self.errors) - int(np.searchsorted(self.errors, error * (1 - 1e-12), side="left"))
        return (1 + at_least) / (1 + len(self.errors))


def floors(confidence: Floats, binnings: list[Bins], simulations: int, seed: int, level: float = 0.95) -> list[Floor]:
    """Simulate which samples a perfectly calibrated model has right: each with its confidence as the probability.

    This is consistency resampling (Bröcker & Smith 2007, Increasing the reliability of reliability diagrams) with the
    confidences as they are; the same simulations serve all binnings.

    Args:
        confidence: (N,), in [0, 1].
        binnings: bins of these samples.
        simulations: S, at least 1.
        seed: of the simulations.
        level: of the middle range in each bin.
    """
    order = np.argsort(confidence, kind="stable")  # bins are then stretches, whatever the binning
    ordered, rng = confidence[order], np.random.default_rng(seed)
    starts = [np.searchsorted(b.of[order], np.unique(b.of)) for b in binnings]
    hits = [np.empty((simulations, len(s)), np.int64) for s in starts]
    step = max(1, _BLOCK // len(confidence))
    for first in range(0, simulations, step):
        size = min(step, simulations - first)
        right = rng.random((size, len(ordered))) < ordered
        for at, found in zip(starts, hits, strict=True):
            found[first : first + size] = np.add.reduceat(right, at, axis=1, dtype=np.int64)
    return [_floor(confidence, b, h, level) for b, h in zip(binnings, hits, strict=True)]


def _floor(confidence: Floats, bins: Bins, hits: Ints, level: float) -> Floor:
    there = np.unique(bins.of)
    expected = np.bincount(bins.of, weights=confidence)[there]
    errors = np.sort(np.abs(hits - expected).sum(axis=1) / len(confidence))
    ends = np.full((2, len(bins.edges) - 1), np.nan)
    ends[:, there] = np.quantile(hits, [(1 - level) / 2, (1 + level) / 2], axis=0) / bins.count[there]
    return Floor(errors, ends[0], ends[1])
