"""Masks of filters evolved layer by layer for two ends: much removed, little impaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pruneviz.pruning.calibration import Calibration

Removed = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def gather_evolution(
    net: nn.Module, calibration: Calibration, *, population: int, generations: int
) -> dict[str, Tensor]:
    """``impairment|p``, of shape (outputs,), and ``front|p``, of shape (masks, 2), for the weight p of every layer.

    For each layer by itself, masks of its outputs are evolved (see :func:`evolved`) with the mean cross-entropy over
    the images while the masked outputs are zero. An output's value is the least impairment, in nats against the whole
    network, at which a mask of the Pareto front removes it; what none removes has one more than the front's largest.
    The front itself is removed outputs and impairment of its masks, by rising number.
    """
    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, (_ConvNd, nn.Linear))]
    batches = list(calibration.batches())
    whole = _loss(net, batches)
    found = {}
    for at, (name, module) in enumerate(layers):
        norms = module.weight.detach().flatten(1).abs().sum(1).cpu().numpy()

        def impairment(removed: Removed, module: nn.Module = module) -> float:
            return _loss(net, batches, module, removed) - whole

        rng = np.random.default_rng([calibration.seed, at])
        removed, cost = evolved(norms, impairment, population, generations, rng)
        parameter = f"{name}.weight" if name else "weight"
        found[f"impairment|{parameter}"] = torch.from_numpy(given_up(removed, cost)).float()
        found[f"front|{parameter}"] = torch.from_numpy(np.stack([removed.sum(axis=1), cost], axis=1)).float()
    return found


def evolved(
    norms: Floats,
    impairment: Callable[[Removed], float],
    population: int,
    generations: int,
    rng: np.random.Generator,
) -> tuple[Removed, Floats]:
    """The Pareto front of all masks that were tried, by removed outputs (many) and impairment (little).

    NSGA-II (Deb et al. 2002): parents by tournaments of two, uniform crossover, each bit turned with probability
    1 / outputs; survivors by non-dominated fronts, then by crowding distance. The first masks remove the outputs of
    the smallest norms, as many as are spread evenly from none to all but one. One output stays always.

    Args:
        norms: (outputs,), for the first masks.
        impairment: of the mask of what is removed, (outputs,).
        population: masks in a generation.
        generations: how many follow the first.
        rng: of all that is drawn.

    Returns:
        (front, outputs), what each removes, by rising number; and (front,) its impairment.
    """
    n = len(norms)
    order = np.argsort(norms, kind="stable")
    sizes = np.unique(np.linspace(0, n - 1, population).round().astype(int))
    first = np.zeros((len(sizes), n), dtype=np.bool_)
    for mask, size in zip(first, sizes, strict=True):
        mask[order[:size]] = True
    known: dict[bytes, float] = {}

    def costs(masks: Removed) -> Floats:
        for mask in masks:
            if mask.tobytes() not in known:
                known[mask.tobytes()] = impairment(mask)
        return np.array([known[m.tobytes()] for m in masks])

    masks, cost = first, costs(first)
    for _ in range(generations):
        fitness = _fitness(masks, cost)
        pairs = rng.integers(0, len(masks), (2, population, 2))
        mothers, fathers = (masks[np.where(fitness[p[:, 0]] <= fitness[p[:, 1]], p[:, 0], p[:, 1])] for p in pairs)
        children = np.where(rng.random((population, n)) < 0.5, mothers, fathers)
        children ^= rng.random((population, n)) < 1 / n
        children[children.all(axis=1), order[-1]] = False
        masks = np.unique(np.concatenate([masks, children]), axis=0)
        cost = costs(masks)
        kept = np.argsort(_fitness(masks, cost), kind="stable")[:population]
        masks, cost = masks[kept], cost[kept]
    every = np.array([np.frombuffer(m, dtype=np.bool_) for m in known])
    cost = costs(every)
    front = np.flatnonzero(_fronts(every, cost) == 0)
    front = front[np.lexsort((cost[front], every[front].sum(axis=1)))]
    return every[front], cost[front]


def given_up(removed: Removed, cost: Floats) -> Floats:
    """The least impairment at which each output is removed; see :func:`gather_evolution`."""
    beyond = float(cost.max()) + 1.0
    found: Floats = np.where(removed, cost[:, None], beyond).min(axis=0)
    return found


def _fronts(masks: Removed, cost: Floats) -> npt.NDArray[np.int64]:
    """The number of the non-dominated front that each mask is on, from 0."""
    size = masks.sum(axis=1)
    better = (size[:, None] >= size) & (cost[:, None] <= cost) & ((size[:, None] > size) | (cost[:, None] < cost))
    found, number = np.full(len(masks), -1), 0
    while (left := found < 0).any():
        found[left & ~better[left].any(axis=0)] = number
        number += 1
    return found


def _fitness(masks: Removed, cost: Floats) -> npt.NDArray[np.int64]:
    """Each mask's place: by front, then the less crowded first."""
    front, size = _fronts(masks, cost), masks.sum(axis=1)
    crowding = np.zeros(len(masks))
    for number in range(int(front.max()) + 1):
        own = np.flatnonzero(front == number)
        for values in (size, cost):
            ordered = own[np.argsort(values[own], kind="stable")]
            span = float(values[ordered[-1]] - values[ordered[0]]) or 1.0
            crowding[ordered[[0, -1]]] = np.inf
            crowding[ordered[1:-1]] += (values[ordered[2:]] - values[ordered[:-2]]) / span
    place = np.empty(len(masks), dtype=np.int64)
    place[np.lexsort((-crowding, front))] = np.arange(len(masks))
    return place


def _loss(
    net: nn.Module,
    batches: list[tuple[Tensor, Tensor]],
    module: nn.Module | None = None,
    removed: Removed | None = None,
) -> float:
    """Mean cross-entropy in nats; of one module, some outputs may be zero."""

    def hook(layer: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        gone = torch.from_numpy(removed).to(out.device)
        shape = (-1, *[1] * (out.dim() - 2)) if isinstance(layer, _ConvNd) else (-1,)
        return out.masked_fill(gone.reshape(shape), 0)

    handle = module.register_forward_hook(hook) if module is not None else None
    try:
        with torch.no_grad():
            sums = [float(F.cross_entropy(net(x).double(), y, reduction="sum")) for x, y in batches]
    finally:
        if handle is not None:
            handle.remove()
    return sum(sums) / sum(len(y) for _, y in batches)
