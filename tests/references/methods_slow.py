"""Slow re-implementations of published methods, straight from their definitions."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F


def uniform_plus_counts(sizes: Sequence[int], spared: Sequence[int], remove: int) -> list[float]:
    """One common fraction, found by bisection, of what each layer has; none beyond what it may lose."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        lost = [min(middle * n, n - s) for n, s in zip(sizes, spared, strict=True)]
        low, high = (middle, high) if sum(lost) < remove else (low, middle)
    return [min(high * n, n - s) for n, s in zip(sizes, spared, strict=True)]


def lamp(weight: Any) -> Any:
    """For every weight, a loop over all weights of the layer that come no earlier in ascending order."""
    flat = weight.reshape(-1).double().tolist()
    order = sorted(range(len(flat)), key=lambda i: flat[i] ** 2)
    place = {i: at for at, i in enumerate(order)}
    scores = [w * w / sum(v * v for j, v in enumerate(flat) if place[j] >= place[i]) for i, w in enumerate(flat)]
    return torch.tensor(scores, dtype=torch.float32).reshape(weight.shape)


def hessian_and_gradient(net: Any, images: Any, labels: Any, temperature: float = 1.0) -> tuple[Any, Any]:
    """The whole Hessian and the gradient of the mean cross-entropy, in double precision, parameters in order."""
    net = copy.deepcopy(net).double()
    names, parameters = zip(*net.named_parameters(), strict=True)
    sizes = [p.numel() for p in parameters]

    def loss(flat: Any) -> Any:
        parts = flat.split(sizes)
        named = {n: t.reshape(p.shape) for n, p, t in zip(names, parameters, parts, strict=True)}
        return F.cross_entropy(torch.func.functional_call(net, named, (images.double(),)) / temperature, labels)

    flat = torch.cat([p.detach().reshape(-1) for p in parameters])
    return torch.autograd.functional.hessian(loss, flat), torch.autograd.functional.jacobian(loss, flat)


def absolute_flow(net: Any, shape: tuple[int, ...]) -> float:
    """Σ outputs of an image of ones, with absolute weights and nothing added."""
    net = copy.deepcopy(net).double().eval()
    with torch.no_grad():
        for module in net.modules():
            for name in ("bias", "running_mean"):
                if getattr(module, name, None) is not None:
                    getattr(module, name).zero_()
        for p in net.parameters():
            p.abs_()
        return float(net(torch.ones(1, *shape, dtype=torch.float64)).sum())


def spreads(x: np.ndarray, out: np.ndarray, kernel: int, stride: int, padding: int) -> np.ndarray:
    """mean over positions of σ_out / σ_in for every output channel of a convolution, by loops."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    found = np.zeros(out.shape[1])
    for channel in range(out.shape[1]):
        ratios = []
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                window = padded[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
                inside = np.std(window)
                ratios.append(np.std(out[:, channel, i, j]) / inside if inside > 0 else 0.0)
        found[channel] = np.mean(ratios)
    return found


def z_plus(a: np.ndarray, w: np.ndarray, b: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Relevance of a 3×3 convolution's inputs and weights (stride 1, padding 1), by loops.

    Args:
        a: inputs (C, H, W).
        w: weights (O, C, 3, 3).
        b: biases (O,).
        r: relevance of the outputs (O, H, W).
    """
    inputs, weights = np.zeros(a.shape), np.zeros(w.shape)
    height, width = a.shape[1:]
    for o, y, x in np.ndindex(*r.shape):
        taps = [
            (c, y + i - 1, x + j - 1, i, j)
            for c, i, j in np.ndindex(*w.shape[1:])
            if 0 <= y + i - 1 < height and 0 <= x + j - 1 < width
        ]
        parts = {t: max(a[t[:3]] * w[o, t[0], t[3], t[4]], 0.0) for t in taps}
        total = sum(parts.values()) + max(b[o], 0.0) + 1e-6
        for t, part in parts.items():
            share = part / total * r[o, y, x]
            inputs[t[:3]] += share
            weights[o, t[0], t[3], t[4]] += share
    return inputs, weights


def epsilon_rule(a: np.ndarray, w: np.ndarray, b: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Relevance of a linear layer's inputs and weights, by loops."""
    weights = np.zeros(w.shape)
    for j in range(len(r)):
        z = sum(a[i] * w[j, i] for i in range(len(a))) + b[j]
        for i in range(len(a)):
            weights[j, i] = a[i] * w[j, i] / (z + (1e-6 if z >= 0 else -1e-6)) * r[j]
    return weights.sum(0), weights


def surgeon_one_by_one(w: np.ndarray, h: np.ndarray, remove: Sequence[int]) -> np.ndarray:
    """Hassibi and Stork: weights of one row removed one after another, the others moved each time."""
    w, stay = w.astype(float).copy(), list(range(len(w)))
    for q in remove:
        inverse = np.linalg.inv(h[np.ix_(stay, stay)])
        at = stay.index(q)
        w[stay] -= w[q] / inverse[at, at] * inverse[:, at]
        w[q] = 0.0
        stay.remove(q)
    return w


def crop_counts(shapes: Sequence[tuple[int, ...]], sizes: Sequence[int], keep: int) -> list[float]:
    """Channels kept by √density: the common factor by bisection."""
    rates = [math.sqrt(sum(s) / math.prod(s)) * n for s, n in zip(shapes, sizes, strict=True)]
    low, high = 0.0, 1e6
    for _ in range(300):
        middle = (low + high) / 2
        kept = [min(max(middle * r, 1), n) for r, n in zip(rates, sizes, strict=True)]
        low, high = (middle, high) if sum(kept) < keep else (low, middle)
    return [min(max(high * r, 1), n) for r, n in zip(rates, sizes, strict=True)]
