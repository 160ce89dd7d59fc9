"""Linear CKA, written again from the definitions of HSIC, one entry at a time."""

from __future__ import annotations

import itertools
import math


def gram(x):
    return [[sum(a * b for a, b in zip(r, s, strict=True)) for s in x] for r in x]


def hsic_biased(k, m):
    """tr(K H L H) / (n − 1)², H = 1 − 1/n (Gretton et al. 2005)."""
    n = len(k)
    h = [[(i == j) - 1 / n for j in range(n)] for i in range(n)]

    def times(a, b):
        return [[sum(a[i][t] * b[t][j] for t in range(n)) for j in range(n)] for i in range(n)]

    product = times(times(k, h), times(m, h))
    return sum(product[i][i] for i in range(n)) / (n - 1) ** 2


def hsic_unbiased(k, m):
    """Sums over tuples of different images only (Song et al. 2012, theorem 2, written as U-statistics)."""
    n = len(k)

    def mean(values):
        values = list(values)
        return sum(values) / len(values)

    pairs = itertools.permutations(range(n), 2)
    triples = itertools.permutations(range(n), 3)
    quadruples = itertools.permutations(range(n), 4)
    return (
        mean(k[i][j] * m[i][j] for i, j in pairs)
        + mean(k[i][j] * m[q][r] for i, j, q, r in quadruples)
        - 2 * mean(k[i][j] * m[i][q] for i, j, q in triples)
    )


def linear_cka(x, y, unbiased):
    hsic = hsic_unbiased if unbiased else hsic_biased
    k, m = gram(x), gram(y)
    return hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))
