"""Attribution maps and their similarity, written slowly from their definitions."""

from __future__ import annotations

import math


def cosine(one, other):
    """Of two maps, lists of numbers."""
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    lengths = math.sqrt(sum(a * a for a in one)) * math.sqrt(sum(b * b for b in other))
    return dot / lengths if lengths else math.nan


def spearman(one, other):
    """Pearson's correlation of the ranks, equal values having the mean of the ranks that they take up."""
    ranks = [[sum(b < a for b in m) + (sum(b == a for b in m) + 1) / 2 for a in m] for m in (one, other)]
    means = [sum(r) / len(r) for r in ranks]
    return cosine(*([a - mean for a in r] for r, mean in zip(ranks, means, strict=True)))


def occlusion(logit, image, size, step):
    """By how much the logit falls when a black patch covers a place, mean over the patches that cover it.

    Args:
        logit: of an image, a nested list [height][width].
        image: such a list.
        size: of the patch, in pixels.
        step: by which it moves; the last patch in each direction is cut by the edge.
    """
    height, width = len(image), len(image[0])

    def starts(side):
        return range(0, max(side - size + step - 1, 0) // step * step + 1, step)

    whole = logit(image)
    falls = [[[] for _ in range(width)] for _ in range(height)]
    for top in starts(height):
        for left in starts(width):
            rows, columns = (range(a, min(a + size, side)) for a, side in ((top, height), (left, width)))
            covered = [
                [0.0 if r in rows and c in columns else image[r][c] for c in range(width)] for r in range(height)
            ]
            for r in rows:
                for c in columns:
                    falls[r][c].append(whole - logit(covered))
    return [[sum(f) / len(f) for f in row] for row in falls]


def integrated_gradients(gradient, image, steps):
    """Image times the mean gradient on the way from black, by the midpoint rule with many steps."""
    total = [0.0] * len(image)
    for k in range(steps):
        at = [(k + 0.5) / steps * v for v in image]
        total = [t + g / steps for t, g in zip(total, gradient(at), strict=True)]
    return [v * t for v, t in zip(image, total, strict=True)]
