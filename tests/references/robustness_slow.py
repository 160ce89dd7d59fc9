"""Corruption errors and correlations, slowly and from the definitions."""

from __future__ import annotations

import math


def error(right: list[bool]) -> float:
    """Share of images that is wrong."""
    return sum(not r for r in right) / len(right)


def corruption_error(own: list[list[bool]], other: list[list[bool]]) -> float:
    """CE: Σ_s E_s of the model over Σ_s E_s of the reference; a list for each severity."""
    return sum(error(s) for s in own) / sum(error(s) for s in other)


def relative_corruption_error(
    own: list[list[bool]], own_clean: list[bool], other: list[list[bool]], other_clean: list[bool]
) -> float:
    """Relative CE: Σ_s (E_s − E_clean) of the model over the same of the reference."""
    top = sum(error(s) - error(own_clean) for s in own)
    return top / sum(error(s) - error(other_clean) for s in other)


def pearson(x: list[float], y: list[float]) -> float:
    """Pearson's correlation; NaN where either is constant."""
    mx, my = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    below = math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))
    return top / below if below > 0 else math.nan


def ranks(x: list[float]) -> list[float]:
    """Ranks from 1, ties given their mean."""
    return [1 + sum(b < a for b in x) + (sum(b == a for b in x) - 1) / 2 for a in x]


def average_linkage(similarity: list[list[float]], least: float) -> set[frozenset[int]]:
    """Join the two groups of the least mean distance 1 − r until that exceeds 1 − least."""
    groups = [frozenset([i]) for i in range(len(similarity))]

    def distance(a: frozenset[int], b: frozenset[int]) -> float:
        return sum(1 - similarity[i][j] for i in a for j in b) / (len(a) * len(b))

    while len(groups) > 1:
        pairs = [(distance(a, b), i, j) for i, a in enumerate(groups) for j, b in enumerate(groups) if i < j]
        best, i, j = min(pairs)
        if best > 1 - least:
            break
        joined = groups[i] | groups[j]
        groups = [g for k, g in enumerate(groups) if k not in (i, j)] + [joined]
    return set(groups)


def fgsm(x: list[float], slope: list[float], epsilon: float) -> list[float]:
    """x + ε · sign of the slope, kept in [0, 1]."""
    sign = [(s > 0) - (s < 0) for s in slope]
    return [min(1.0, max(0.0, v + epsilon * s)) for v, s in zip(x, sign, strict=True)]
