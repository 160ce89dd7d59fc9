"""Frosted glass: blurred, shuffled, blurred again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Pictures, from_planes, to_bytes, to_planes
from pruneviz.data.corruptions.smoothing import smooth
from pruneviz.data.corruptions.streams import Draw

Places = npt.NDArray[np.intp]


def glass_blur(images: Pictures, terms: tuple[float, int, int], draw: Draw) -> Pictures:
    """Terms are sigma of the blur, the largest step of a pixel, and how often the pixels are shuffled."""
    sigma, step, times = terms
    n, height, width, _ = images.shape
    steps = np.arange(-step, step)
    moves = (steps[:, None] * width + steps).reshape(-1)
    words = draw(times * height * width).reshape(n, times, height, width)
    chosen = np.multiply(words, len(moves), dtype=np.uint32)
    chosen >>= 16
    taken = moves.take(chosen.astype(np.intp))
    taken[:, :, : step + 1] = taken[:, :, height - step + 1 :] = 0
    taken[..., : step + 1] = taken[..., width - step + 1 :] = 0
    return shuffled(images, sigma, taken)


def shuffled(images: Pictures, sigma: float, taken: Places) -> Pictures:
    """Blur, move pixels, blur.

    In the definition pixels are visited from the last row and column back, and each changes places with one nearby. In
    the published pictures the other one stays as it is (the exchange is undone by the way in which it was written), so
    that each takes the value which the other has by then; here too.

    Args:
        images: uint8 (N, H, W, C).
        sigma: of both blurs.
        taken: (N, times, H, W), by how many pixels in reading order the one lies away whose value each takes; 0 for
            those near the border, which are not visited.
    """
    n, height, width, channels = images.shape
    source = _sources(taken[:, 0])
    for i in range(1, taken.shape[1]):
        source = source.take(_sources(taken[:, i]))
    soft = to_bytes(smooth(to_planes(images), sigma))
    moved = np.empty(soft.shape, np.float32)
    for c in range(channels):
        moved[:, c] = soft[:, c].reshape(-1).take(source).reshape(n, height, width)
    return from_planes(smooth(moved, sigma))


def _sources(taken: Places) -> Places:
    """Where each pixel's value comes from after one visit to all, (N · H · W,), all numbered through."""
    own = np.arange(taken.size)
    other = own + taken.reshape(-1)
    ahead = np.maximum(other, own)
    # One further on has been visited before: what it has by then is what it took itself, and so on.
    chained = np.flatnonzero(other > own)
    while chained.size:
        here = ahead.take(chained)
        further = ahead.take(here)
        ahead[chained] = further
        chained = chained[further != here]
    found: Places = other.take(ahead)
    return found
