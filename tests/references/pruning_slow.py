"""Slow re-implementations of pruning, straight from the definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F


def smallest(scores: dict[str, Any], count: int) -> dict[str, Any]:
    """The first ``count`` of a stable sort of everything, one after another."""
    entries = [(float(v), i) for i, v in enumerate(v for s in scores.values() for v in s.reshape(-1).tolist())]
    chosen = {i for _, i in sorted(entries, key=lambda e: e[0])[:count]}  # sorted() is stable
    marked, at = {}, 0
    for name, s in scores.items():
        flat = np.array([at + i in chosen for i in range(s.numel())], dtype=np.bool_)
        marked[name] = flat.reshape(tuple(s.shape))
        at += s.numel()
    return marked


def nm_kept(weight: np.ndarray, n: int, m: int) -> np.ndarray:
    """N of every M consecutive inputs, by loops; among equals the later stays."""
    outputs, inputs = weight.shape[:2]
    kernel = [(i, j) for i in range(weight.shape[2]) for j in range(weight.shape[3])] if weight.ndim == 4 else [()]
    kept = np.zeros(weight.shape, dtype=np.bool_)
    for o in range(outputs):
        for k in kernel:
            for start in range(0, inputs, m):
                order = sorted(range(start, start + m), key=lambda c, o=o, k=k: (abs(weight[(o, c, *k)]), c))
                for c in order[m - n :]:
                    kept[(o, c, *k)] = True
    return kept


def erk_densities(shapes: Sequence[tuple[int, ...]], density: float, dense: Sequence[int] = ()) -> list[float]:
    """RigL's procedure: solve ε, make the layers beyond 1 dense, solve again; some may be dense from the start."""
    dense = set(dense)
    while True:
        budget, divisor = 0.0, 0.0
        for i, shape in enumerate(shapes):
            n = math.prod(shape)
            if i in dense:
                budget -= n * (1 - density)
            else:
                budget += n * density
                divisor += sum(shape) / n * n
        epsilon = budget / divisor
        raw = [sum(s) / math.prod(s) for s in shapes]
        over = {i for i in range(len(shapes)) if i not in dense and epsilon * raw[i] > 1}
        if not over:
            return [1.0 if i in dense else epsilon * raw[i] for i in range(len(shapes))]
        dense |= over


def floor_sparsities(weights: Sequence[np.ndarray], sparsity: float, fraction: float) -> list[float]:
    """Global MP with MT: threshold, small layers dense, rescale and clamp until the target is met."""
    everything = np.sort(np.concatenate([np.abs(w).reshape(-1) for w in weights]))
    threshold = everything[round(sparsity * everything.size) - 1]
    sizes = np.array([w.size for w in weights])
    least = int(fraction * sizes.sum())
    found = np.array([(np.abs(w) <= threshold).mean() for w in weights])
    found[sizes < least] = 0
    for _ in range(10_000):
        found = found * (sparsity / ((sizes * found).sum() / sizes.sum()))
        low = (sizes >= least) & ((1 - found) * sizes < least)
        found[low] = 1 - least / sizes[low]
        if (sizes * found).sum() / sizes.sum() >= sparsity - 1e-12:
            return found.tolist()
    raise AssertionError("did not converge")


def sample_gradients(net: Any, images: Any, labels: Any) -> dict[str, list[Any]]:
    """The gradient of every image's cross-entropy, by plain backward passes."""
    found: dict[str, list[Any]] = {n: [] for n, _ in net.named_parameters()}
    for x, y in zip(images, labels, strict=True):
        net.zero_grad()
        F.cross_entropy(net(x[None]), y[None]).backward()
        for n, p in net.named_parameters():
            found[n].append(p.grad.clone())
    net.zero_grad()
    return found


def cubic(t: float, begin: float, end: float, initial: float, final: float) -> float:
    """Zhu & Gupta's curve, before and after its window too."""
    t = min(max(t, begin), end)
    return final + (initial - final) * (1 - (t - begin) / (end - begin)) ** 3


def connected_zeroing(net: Any, images: Any, filters: Any, channel: int) -> Any:
    """Logits when one channel's feature map is set to zero in the forward pass, whatever the weights."""
    handle = filters.register_forward_hook(
        lambda module, args, out: out.index_fill(1, torch.tensor([channel]), 0.0)  # after the convolution or norm
    )
    with torch.no_grad():
        logits = net(images)
    handle.remove()
    return logits
