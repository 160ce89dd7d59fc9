"""The formulas of `pruneviz.measures`, written again from their definitions: slow, plain, sharing no code."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def softmax(row):
    peak = max(row)
    e = [math.exp(v - peak) for v in row]
    return [v / math.fsum(e) for v in e]


def per_sample(logits, labels):
    """Prediction, loss, confidence and margin, a sample at a time."""
    out = []
    for row, label in zip([[float(v) for v in r] for r in logits], labels, strict=True):
        best = 0
        for k in range(len(row)):
            if row[k] > row[best]:
                best = k
        share = softmax(row)
        others = [row[k] for k in range(len(row)) if k != label]
        out.append((best, -math.log(share[label]), max(share), row[label] - max(others)))
    return out


def class_accuracies(labels, prediction, classes):
    """Accuracy by class; None where a class has no samples."""
    out = []
    for k in range(classes):
        own = [p == y for y, p in zip(labels, prediction, strict=True) if y == k]
        out.append(sum(own) / len(own) if own else None)
    return out


def flips(labels, before, after):
    """What became of every sample, in words."""
    out = {"stayed right": 0, "stayed wrong": 0, "right to wrong": 0, "wrong to right": 0, "wrong to wrong": 0}
    for y, b, a in zip(labels, before, after, strict=True):
        if a == b:
            out["stayed right" if b == y else "stayed wrong"] += 1
        elif b == y:
            out["right to wrong"] += 1
        elif a == y:
            out["wrong to right"] += 1
        else:
            out["wrong to wrong"] += 1
    return out


def mcnemar(lost, gained):
    """Twice the smaller binomial tail, in exact fractions."""
    n = lost + gained
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(min(lost, gained) + 1))
    return float(min(Fraction(1), 2 * tail))


def paired_interval(lost, gained, n, z):
    """Wald's interval of the difference of paired shares, after half a sample is added to each cell."""
    p12, p21, total = (lost + 0.5) / (n + 2), (gained + 0.5) / (n + 2), n + 2
    middle = p21 - p12
    half = z * math.sqrt((p12 + p21 - middle**2) / total)
    return max(-1.0, middle - half), min(1.0, middle + half)


def wilson(k, n, z):
    """The two shares p at which (k/n − p)² equals z² p(1−p)/n: roots of a quadratic."""
    a, b, c = 1 + z**2 / n, -(2 * k / n + z**2 / n), (k / n) ** 2
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def holm(p):
    """Step down: the smallest p times m, the next times m − 1, never falling, never above 1."""
    out, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        out[i] = worst
    return out


def hierarchical_bootstrap(values, dense, draws, seed):
    """Means of bootstrap draws, one at a time: dense models with replacement, then each one's runs."""
    rng = np.random.default_rng(seed)
    groups = [[v for v, d in zip(values, dense, strict=True) if d == g] for g in sorted(set(dense))]
    means = []
    for _ in range(draws):
        drawn = []
        for g in rng.integers(0, len(groups), len(groups)):
            own = groups[g]
            drawn.append(float(np.mean([own[i] for i in rng.integers(0, len(own), len(own))])))
        means.append(float(np.mean(drawn)))
    return means


def smallest_within(val_accuracy, cost, dense, delta):
    """The index of the cheapest model that is good enough, found by looking at each."""
    best = None
    for i, (a, c) in enumerate(zip(val_accuracy, cost, strict=True)):
        good = not math.isnan(a) and not math.isnan(c) and a >= dense - delta - 1e-9
        if good and (best is None or (c, -a) < (cost[best], -val_accuracy[best])):
            best = i
    return best
