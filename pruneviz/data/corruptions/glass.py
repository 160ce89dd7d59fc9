"""Frosted glass: blurred, shuffled, blurred again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Pictures, from_planes, to_bytes, to_planes
from pruneviz.data.corruptions.smoothing import smooth
from pruneviz.data.corruptions.streams import Draw

Places = npt.NDArray[np.int32]


def glass_blur(images: Pictures, terms: tuple[float, int, int], draw: Draw) -> Pictures:
    """Terms are sigma of the blur, the largest step of a pixel, and how often the pixels are shuffled."""
    _, step, times = terms
    height, width = images.shape[1:3]
    words = draw(times * height * width).reshape(-1, times, height, width).astype(np.uint32)
    side = 2 * step
    choice = (words * np.uint32(side * side)) >> 16
    return shuffled(images, terms[0], (choice // side).astype(np.int32) - step, (choice % side).astype(np.int32) - step)


def shuffled(images: Pictures, sigma: float, down: Places, right: Places) -> Pictures:
    """Blur, move pixels, blur.

    In the definition pixels are visited from the last row and column back and each changes places with another. In
    the published pictures the other one stays as it is (the exchange is undone by the way in which it was written),
    so each takes the value that the other has by then; here too.

    Args:
        images: uint8 (N, H, W, C).
        sigma: of both blurs.
        down, right: int32 (N, times, H, W), from −step to step − 1: where each pixel takes its value from, each time.
    """
    n, times, height, width = down.shape
    source = _sources(down[:, 0], right[:, 0])
    for i in range(1, times):
        source = np.take_along_axis(source, _sources(down[:, i], right[:, i]), axis=1)
    soft = to_bytes(smooth(to_planes(images), sigma))
    channels = soft.shape[1]
    flat = soft.reshape(n, channels, height * width)
    moved = np.take_along_axis(flat, source[:, None], axis=2).reshape(soft.shape).astype(np.float32)
    return from_planes(smooth(moved, sigma))


def _sources(down: Places, right: Places) -> npt.NDArray[np.intp]:
    """Where the value of each pixel comes from, by its number, after one visit to all (N, H · W)."""
    n, height, width = down.shape
    step = max(1, -int(down.min()))
    own = np.arange(height * width).reshape(height, width)
    inner = np.s_[step + 1 : height - step + 1, step + 1 : width - step + 1]
    other = np.tile(own, (n, 1, 1))
    other[:, *inner] += down[:, *inner] * width + right[:, *inner]
    other = other.reshape(n, -1)
    # A pixel further on has been visited before: what it has by then is what it took itself.
    ahead = np.maximum(other, own.reshape(-1))
    while True:
        further = np.take_along_axis(ahead, ahead, axis=1)
        if np.array_equal(further, ahead):
            return np.take_along_axis(other, ahead, axis=1)
        ahead = further
