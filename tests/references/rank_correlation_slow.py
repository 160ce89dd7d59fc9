"""τ-b, relabelling of filters and what is made of them, written again from their definitions: slow and plain."""

from __future__ import annotations

import itertools
import math


def tau_b(x, y):
    concordant = discordant = tied_x = tied_y = 0
    pairs = list(itertools.combinations(range(len(x)), 2))
    for i, j in pairs:
        a, b = x[i] - x[j], y[i] - y[j]
        tied_x += a == 0
        tied_y += b == 0
        concordant += a * b > 0
        discordant += a * b < 0
    untied = (len(pairs) - tied_x) * (len(pairs) - tied_y)
    return (concordant - discordant) / math.sqrt(untied) if untied else math.nan


def exact_label_p(losses, finals, filters):
    """Over every relabelling of the filters: how often |τ| is as large as it is. Both are dictionaries by subset."""
    seen = abs(tau_b([losses[s] for s in finals], list(finals.values())))
    hits = total = 0
    for names in itertools.permutations(range(filters)):
        relabelled = [losses[frozenset(names[i] for i in s)] for s in finals]
        hits += abs(tau_b(relabelled, list(finals.values()))) >= seen - 1e-9
        total += 1
    return hits / total


def exact_shared_p(before, after):
    """Over every exchange of the things' labels, the same in all blocks: how often |mean τ| is as large as it is."""

    def mean(order):
        return sum(tau_b([a[i] for i in order], b) for a, b in zip(before, after, strict=True)) / len(before)

    k = len(before[0])
    seen = abs(mean(range(k)))
    drawn = [abs(mean(order)) for order in itertools.permutations(range(k))]
    return sum(d >= seen - 1e-9 for d in drawn) / len(drawn)


def anomalies(before, after, better):
    least = after[before.index(min(before))]
    return sum(v > least if better == "high" else v < least for v in after) / len(after)
