"""Which images are used, and which of them are held out for choosing: pure functions on labels."""

from __future__ import annotations

import numpy as np

from pruneviz.core.quantities import count_removed
from pruneviz.data.dataset import Labels


def balanced(labels: Labels, limit: int | None) -> Labels:
    """Positions of at most ``limit`` images, balanced by class, in original order.

    Each class gives the same number; a class that has fewer gives all it has and the others share the rest, one more
    from the lowest class numbers where it does not divide. Within a class the images are evenly spaced over the
    original order, so that data sorted by time or place is not cut off at its beginning.

    Args:
        labels: int64 (N,).
        limit: images wanted; None or more than N: all.
    """
    if limit is None or limit >= len(labels):
        return np.arange(len(labels))
    present, counts = np.unique(labels, return_counts=True)
    shares = np.zeros_like(counts)
    left = limit
    while left:
        open_classes = np.flatnonzero(shares < counts)
        each = left // len(open_classes)
        if each == 0:
            shares[open_classes[:left]] += 1
            break
        more = np.minimum(each, (counts - shares)[open_classes])
        shares[open_classes] += more
        left -= int(more.sum())
    chosen = []
    for c, share, count in zip(present, shares, counts, strict=True):
        chosen.append(np.flatnonzero(labels == c)[np.arange(share) * count // max(share, 1)])
    return np.sort(np.concatenate(chosen))


def stratified(labels: Labels, fraction: float, seed: int) -> tuple[Labels, Labels]:
    """Split positions in two by a seed, every class in the same proportion.

    The held-out part has ``fraction * N`` images, rounded; each class gives its own share rounded down or up (the
    largest remainders up, ties to the lowest class), but never its only image.

    Args:
        labels: int64 (N,).
        fraction: held-out fraction, in [0, 1).
        seed: of the choice within each class; a class's choice does not depend on other classes' images.

    Returns:
        Positions of the kept and of the held-out images, each in original order.
    """
    present, counts = np.unique(labels, return_counts=True)
    exact = fraction * counts
    shares = np.floor(np.round(exact, 9)).astype(np.int64)
    room = count_removed(fraction, len(labels)) - int(shares.sum())
    for i in np.argsort(-(exact - shares), kind="stable")[: max(room, 0)]:
        shares[i] += 1
    shares = np.minimum(shares, counts - 1)
    held = [np.empty(0, dtype=np.int64)]
    for c, share in zip(present, shares, strict=True):
        order = np.random.default_rng([seed, int(c)]).permutation(np.flatnonzero(labels == c))
        held.append(order[:share])
    out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), out), out
