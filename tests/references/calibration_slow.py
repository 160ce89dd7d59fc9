"""Calibration written again from its definitions: one sample and one bin at a time."""

from __future__ import annotations

import itertools
import math
import statistics


def softmax(logits):
    peak = max(logits)
    parts = [math.exp(z - peak) for z in logits]
    return [p / sum(parts) for p in parts]


def brier(logits, label):
    return sum((p - (k == label)) ** 2 for k, p in enumerate(softmax(logits)))


def edges_of_equal_width(bins):
    return [i / bins for i in range(bins + 1)]


def edges_of_equal_mass(confidences, bins):
    """Every n/B-th confidence in increasing order ends a bin; the same confidence ends one bin only."""
    ordered = sorted(confidences)
    inner = [ordered[max(round(i * len(ordered) / bins), 1) - 1] for i in range(1, bins)]
    return [0.0, *sorted({e for e in inner if e < ordered[-1]}), 1.0]


def table(confidences, right, edges):
    """(n, mean confidence, accuracy) of the samples above each lower edge and not above the upper one."""
    out = []
    for low, high in itertools.pairwise(edges):
        own = [(c, r) for c, r in zip(confidences, right, strict=True) if low < c <= high]
        n = len(own)
        out.append((n, sum(c for c, _ in own) / n if n else math.nan, sum(r for _, r in own) / n if n else math.nan))
    return out


def ece(rows):
    total = sum(n for n, _, _ in rows)
    return sum(n / total * abs(accuracy - confidence) for n, confidence, accuracy in rows if n)


def squared_error(confidences, right, edges):
    """Σ_b n_b / N (gap² − variance / n_b); a bin of one sample has the variance c (1 − c)."""
    total = 0.0
    for low, high in itertools.pairwise(edges):
        own = [(c, r) for c, r in zip(confidences, right, strict=True) if low < c <= high]
        if own:
            gaps = [c - r for c, r in own]
            variance = statistics.variance(gaps) if len(own) > 1 else own[0][0] * (1 - own[0][0])
            total += len(own) * (statistics.fmean(gaps) ** 2 - variance / len(own))
    return total / len(confidences)
