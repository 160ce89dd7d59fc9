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
