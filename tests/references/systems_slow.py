"""Slow re-implementations of systems that prune in levels or while they train, straight from their definitions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def smallest(values: Sequence[float], alive: Sequence[int], count: int) -> set[int]:
    """The positions of the so many smallest of those alive, among equals the first."""
    return set(sorted(alive, key=lambda i: (values[i], i))[:count])


def pq_index(values: Sequence[float], p: float, q: float) -> float:
    """1 − d^(1/q − 1/p) ‖w‖_p / ‖w‖_q."""
    d = len(values)
    if d == 0:
        return 0.0
    norm_p = sum(abs(v) ** p for v in values) ** (1 / p)
    norm_q = sum(abs(v) ** q for v in values) ** (1 / q)
    return 1 - d ** (1 / q - 1 / p) * norm_p / norm_q


def sap_level(
    weights: Mapping[str, Any], kept: Mapping[str, Any], scope: str, p: float, q: float, gamma: float, beta: float
) -> dict[str, Any]:
    """One level of SAP with η = 0: what is kept after it, in booleans of the weights' shapes."""
    flat = {n: np.abs(w.reshape(-1)).tolist() for n, w in weights.items()}
    places = [(n, i) for n in weights for i in range(len(flat[n])) if kept[n].reshape(-1)[i]]
    groups: dict[Any, list[tuple[str, int]]] = {}
    for n, i in places:
        row = i // (len(flat[n]) // weights[n].shape[0])
        groups.setdefault({"neuron": (n, row), "layer": n, "global": ""}[scope], []).append((n, i))
    after = {n: k.copy() for n, k in kept.items()}
    for members in groups.values():
        values = [flat[n][i] for n, i in members]
        d = len(values)
        m = math.ceil(d * (1 - pq_index(values, p, q)) ** (p * q / (q - p)) - 1e-9)
        lost = math.floor(d * min(max(gamma * (1 - m / d), 0), beta) + 1e-9)
        for at in smallest(values, range(d), lost):
            n, i = members[at]
            after[n].reshape(-1)[i] = False
    return after


def ap_level(weights: Any, start: Any, alive: Any, host: float, least: float) -> Any:
    """One round of AP on flat arrays: the host's smallest |w|, then the negative survivors that moved least."""
    positions = [i for i in range(len(weights)) if alive[i]]
    gone = smallest(np.abs(weights).tolist(), positions, round(host * len(positions)))
    left = [i for i in positions if i not in gone and weights[i] < 0]
    gone |= smallest(np.abs(weights - start).tolist(), left, round(least * len(positions)))
    return np.array([a and i not in gone for i, a in enumerate(alive)])


def learned(
    first: Any, start: Any, steps: Sequence[Mapping[str, Any]], learn: Any, rank: Any, counts: Mapping[int, int]
) -> Any:
    """Scores learned along a training, weight by weight; yields (step, weights whole, mask) at each pruning.

    Args:
        first: flat scores to begin with.
        start: flat weights to begin with.
        steps: of each step, flat ``w`` as the network used it, ``g`` the dense gradient, ``after``: the weights then.
        learn: (score, gradient, whole weight, kept, number of the step, position) → score.
        rank: score → what is ranked.
        counts: how many are removed, by the number of finished steps at which there is a pruning; 0: before the first.
    """
    scores, total = [float(s) for s in first], len(first)
    whole, kept = [float(v) for v in start], [True] * total
    for done in range(len(steps) + 1):
        if done:
            at = steps[done - 1]
            for i in range(total):
                whole[i] = float(at["w"][i]) if kept[i] else whole[i]
                scores[i] = learn(scores[i], float(at["g"][i]), whole[i], kept[i], done - 1, i)
            for i in range(total):
                whole[i] = float(at["after"][i]) if kept[i] else whole[i]
        if done in counts:
            gone = smallest([rank(s) for s in scores], range(total), counts[done])
            kept = [i not in gone for i in range(total)]
            yield done, np.array(whole), np.array(kept)


def exchanged(weights: Any, gradient: Any, kept: Any, count: int) -> Any:
    """What a layer keeps once so many of its smallest weights are dropped and so many others grown, flat."""
    alive = [i for i in range(len(kept)) if kept[i]]
    alive = [i for i in alive if i not in smallest(np.abs(weights).tolist(), alive, count)]
    zeros = [i for i in range(len(kept)) if i not in alive]
    alive += smallest((-np.abs(gradient)).tolist(), zeros, count)
    return np.isin(np.arange(len(kept)), alive)
