"""Feature geometry written again from its definitions: one sample, one class and one edge at a time."""

from __future__ import annotations

import itertools
import math


def dot(a, b):
    return math.fsum(u * v for u, v in zip(a, b, strict=True))


def length(a):
    return math.sqrt(dot(a, a))


def angle(x, w):
    return math.acos(max(-1.0, min(1.0, dot(x, w) / (length(x) * length(w)))))


def logits(x, directions, bias):
    return [dot(x, w) + b for w, b in zip(directions, bias, strict=True)]


def margin(x, directions, bias, label):
    """The signed distance and the class of the nearest boundary."""
    found = []
    for j, w in enumerate(directions):
        if j == label:
            continue
        apart = [a - b for a, b in zip(directions[label], w, strict=True)]
        found.append(((dot(apart, x) + bias[label] - bias[j]) / length(apart), j))
    return min(found)


def mean(values):
    return math.fsum(values) / len(values)


def centre(rows):
    return [mean(column) for column in zip(*rows, strict=True)]


def apart(a, b):
    return length([u - v for u, v in zip(a, b, strict=True)])


def spread(rows):
    middle = centre(rows)
    return math.sqrt(mean([apart(r, middle) ** 2 for r in rows]))


def share_between(features, labels):
    """Variance between classes over all variance."""
    whole = spread(features) ** 2
    within = mean([apart(x, centre(own_of(features, labels, y))) ** 2 for x, y in zip(features, labels, strict=True)])
    return (whole - within) / whole


def own_of(features, labels, label):
    return [x for x, y in zip(features, labels, strict=True) if y == label]


def zscored(values):
    middle = mean(values)
    deviation = math.sqrt(mean([(v - middle) ** 2 for v in values]))
    return [(v - middle) / deviation for v in values]


def least_tree(distances):
    """The least total length of any set of edges that joins all items."""
    n = len(distances)
    edges = list(itertools.combinations(range(n), 2))
    return min(
        math.fsum(distances[a][b] for a, b in some) for some in itertools.combinations(edges, n - 1) if _joins(n, some)
    )


def _joins(n, edges):
    reached = {0}
    for _ in range(n):
        reached |= {v for e in edges for v in e if reached & set(e)}
    return len(reached) == n
