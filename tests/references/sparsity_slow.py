"""PQ index, its bound and Gini's index, written again from their definitions, one weight at a time."""

from __future__ import annotations

import math


def pq_index(weights, kept, p, q):
    """1 − d^(1/q − 1/p) ‖w‖_p / ‖w‖_q over the unmasked weights."""
    own = [abs(w) for w, k in zip(weights, kept, strict=True) if k]
    d = len(own)
    if d == 0:
        return 0.0
    if not any(own):
        return math.nan
    norm_p = sum(w**p for w in own) ** (1 / p)
    norm_q = sum(w**q for w in own) ** (1 / q)
    return 1 - d ** (1 / q - 1 / p) * norm_p / norm_q


def bound(index, d, p, q, eta):
    """⌈d (1 + η)^(−q/(q−p)) (1 − I)^(pq/(q−p))⌉."""
    return math.ceil(d * (1 + eta) ** (-q / (q - p)) * (1 - index) ** (p * q / (q - p)))


def gini(weights, kept):
    """1 − 2 Σ_k (|w|_(k) / ‖w‖₁) (d − k + ½) / d, magnitudes in increasing order."""
    own = sorted(abs(w) for w, k in zip(weights, kept, strict=True) if k)
    d, total = len(own), sum(own)
    if d == 0:
        return 0.0
    if total == 0:
        return math.nan
    return 1 - 2 * sum(w / total * (d - k + 0.5) / d for k, w in enumerate(own, start=1))


def eta_of(weights, m, p):
    """Σ|w|^p of all but the m largest, over that of these: what pruning to m weights removes."""
    own = sorted((abs(w) ** p for w in weights), reverse=True)
    return sum(own[m:]) / sum(own[:m])
