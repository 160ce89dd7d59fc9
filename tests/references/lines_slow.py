"""A straight line between two small networks with batch norm, walked by hand: no module is run."""

from __future__ import annotations

import numpy as np


def conv(x, w):
    n, _, height, width = x.shape
    out = np.zeros((n, len(w), height - w.shape[2] + 1, width - w.shape[3] + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            patch = x[:, :, i : i + w.shape[2], j : j + w.shape[3]]
            out[:, :, i, j] = np.einsum("nchw,ochw->no", patch, w)
    return out


def outputs(x, weights, batch, eps=1e-5):
    """Logits of conv → batch norm → ReLU → linear → ReLU → linear, the statistics those of the given images.

    Args:
        x: images.
        weights: the network's parameters in their order.
        batch: images of one batch; the statistics are the mean of the batches' own, every image counting the same.
        eps: of the batch norm.
    """
    w, scale, shift, w1, b1, w2, b2 = weights
    y = conv(x, w)
    parts = [y[i : i + batch] for i in range(0, len(y), batch)]
    sizes = [len(p) for p in parts]
    mean = np.average([p.mean(axis=(0, 2, 3)) for p in parts], axis=0, weights=sizes)
    var = np.average([p.var(axis=(0, 2, 3), ddof=0) * _unbiased(p) for p in parts], axis=0, weights=sizes)
    y = (y - mean[:, None, None]) / np.sqrt(var + eps)[:, None, None] * scale[:, None, None] + shift[:, None, None]
    h = np.maximum(y, 0).reshape(len(x), -1)
    return np.maximum(h @ w1.T + b1, 0) @ w2.T + b2


def _unbiased(p):
    count = p.shape[0] * p.shape[2] * p.shape[3]
    return count / (count - 1)


def errors(x, labels, start, end, batch, places=11):
    found = []
    for i in range(places):
        t = i / (places - 1)
        weights = [(1 - t) * a + t * b for a, b in zip(start, end, strict=True)]
        wrong = outputs(x, weights, batch).argmax(axis=1) != labels
        found.append(wrong.mean())
    return found


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
